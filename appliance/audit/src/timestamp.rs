//! The time of a record as text: UTC, `YYYY-MM-DDThh:mm:ss.ffffffZ`, years 1 to 9999.

use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{Date, Month, OffsetDateTime, Time};

const FORMAT: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");
/// What stands between the digits, and where.
const MARKS: [(usize, u8); 7] =
    [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':'), (19, b'.'), (26, b'Z')];
/// The Julian day of 1970-01-01.
const EPOCH_DAY: i64 = 2_440_588;
const DAY_US: i64 = 86_400 * 1_000_000;

/// `None` outside the years that have four digits.
pub(crate) fn format(time_us: i64) -> Option<String> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(time_us) * 1_000)
        .ok()
        .filter(|time| (1..=9999).contains(&time.year()))
        .and_then(|time| time.format(FORMAT).ok())
}

/// Microseconds since 1970-01-01T00:00:00Z; `None` for whatever [`format()`] would not write. Read by hand: a verifier
/// reads a million of them.
pub(crate) fn parse(text: &str) -> Option<i64> {
    let text: &[u8; 27] = text.as_bytes().try_into().ok()?;
    if MARKS.iter().any(|&(at, mark)| text[at] != mark) {
        return None;
    }
    let year = number(&text[..4])?;
    let month = Month::try_from(u8::try_from(number(&text[5..7])?).ok()?).ok()?;
    let day = u8::try_from(number(&text[8..10])?).ok()?;
    let date = Date::from_calendar_date(i32::try_from(year).ok()?, month, day).ok()?;
    let [hour, minute, second] = [&text[11..13], &text[14..16], &text[17..19]].map(number);
    let time = Time::from_hms_micro(
        u8::try_from(hour?).ok()?,
        u8::try_from(minute?).ok()?,
        u8::try_from(second?).ok()?,
        number(&text[20..26])?,
    );
    let (hour, minute, second, micro) = time.ok()?.as_hms_micro();
    let seconds = (i64::from(hour) * 60 + i64::from(minute)) * 60 + i64::from(second);
    let days = i64::from(date.to_julian_day()) - EPOCH_DAY;
    (year >= 1).then_some(days * DAY_US + seconds * 1_000_000 + i64::from(micro))
}

fn number(digits: &[u8]) -> Option<u32> {
    digits
        .iter()
        .try_fold(0, |number, digit| digit.is_ascii_digit().then(|| number * 10 + u32::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_that_are_none_are_refused() {
        for text in [
            "",
            "2026-11-23T08:25:50Z",
            "2026-11-23T08:25:50.123456+",
            "2026-11-23 08:25:50.123456Z",
            "2026-02-30T08:25:50.123456Z",
            "2026-13-01T08:25:50.123456Z",
            "2026-11-23T24:00:00.000000Z",
            "2026-11-23T23:59:60.000000Z",
            "0000-11-23T08:25:50.123456Z",
            "+026-11-23T08:25:50.123456Z",
            "2026-11-23T08:25:50.12345 Z",
            "2026-11-23T08:25:50.123456\u{e9}",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(time_us in -62_135_596_800_000_000_i64..253_402_300_800_000_000) {
            prop_assert_eq!(parse(&format(time_us).unwrap()), Some(time_us));
        }
    }
}
