//! Time, as an argument: what expires, locks or is stamped asks the clock that it was given.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

pub use redoubt_store::Clock;
use time::format_description::well_known::Rfc3339;
use time::{Date, OffsetDateTime};

/// Microseconds in a second, the unit of every time in the store.
pub const SECOND_US: i64 = 1_000_000;
pub const DAY_US: i64 = 24 * 60 * 60 * SECOND_US;
/// The number of the Julian day that began at noon of 1970-01-01.
const JULIAN_1970: i32 = 2_440_588;

/// The machine's clocks.
#[derive(Debug)]
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    pub fn new() -> Self {
        Self { started: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that everything else is given")]
    fn now_us(&self) -> i64 {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX)
    }

    fn mono_us(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

/// A clock that stands still until it is moved: tests let hours pass without waiting.
#[derive(Debug)]
pub struct FixedClock {
    now_us: AtomicI64,
    started_us: i64,
}

impl FixedClock {
    pub fn at(now_us: i64) -> Self {
        Self { now_us: AtomicI64::new(now_us), started_us: now_us }
    }

    pub fn advance(&self, seconds: i64) {
        self.now_us.fetch_add(seconds * SECOND_US, Ordering::SeqCst);
    }
}

impl Clock for FixedClock {
    fn now_us(&self) -> i64 {
        self.now_us.load(Ordering::SeqCst)
    }

    fn mono_us(&self) -> u64 {
        u64::try_from(self.now_us() - self.started_us).unwrap_or_default()
    }
}

/// A time of the store as RFC 3339 in UTC, to the millisecond, as the API shows it.
pub fn rfc3339(time_us: i64) -> String {
    let nanoseconds = i128::from(time_us / 1_000) * 1_000_000;
    OffsetDateTime::from_unix_timestamp_nanos(nanoseconds)
        .ok()
        .and_then(|time| time.format(&Rfc3339).ok())
        .unwrap_or_else(|| "1970-01-01T00:00:00Z".to_owned())
}

/// A day of the store (UTC, counted from 1970) as `2026-11-18`.
pub fn date(day: i64) -> String {
    let date =
        i32::try_from(day).ok().and_then(|day| Date::from_julian_day(JULIAN_1970.checked_add(day)?).ok());
    let date = date.unwrap_or(OffsetDateTime::UNIX_EPOCH.date());
    let (year, month, day) = date.to_calendar_date();
    format!("{year:04}-{:02}-{day:02}", u8::from(month))
}

/// Reads an RFC 3339 time; `None` if it is not one.
pub fn parse_rfc3339(text: &str) -> Option<i64> {
    let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    i64::try_from(time.unix_timestamp_nanos() / 1_000).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_and_read_as_rfc_3339() {
        let time_us = 1_795_000_000_123_456;
        assert_eq!(rfc3339(time_us), "2026-11-18T11:06:40.123Z");
        assert_eq!(parse_rfc3339("2026-11-18T11:06:40.123Z"), Some(1_795_000_000_123_000));
        assert_eq!(parse_rfc3339("yesterday"), None);
    }

    #[test]
    fn days_are_written_as_dates() {
        assert_eq!(date(0), "1970-01-01");
        assert_eq!(date(1_795_000_000_123_456 / DAY_US), "2026-11-18");
    }
}
