//! The clock: is it set at all, does it run evenly, does anything that can be asked offline contradict it?
//!
//! Records, locks, sessions, codes and certificates go by it. Whether a time server keeps it right is the system's
//! business; the one sign of that which lies in a file is read.

use std::fs;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use super::{Code, Outcome};
use crate::clock::{Clock, DAY_US, SECOND_US, parse_rfc3339, rfc3339};
use crate::config::Config;
use crate::front::database_path;

/// Before this nothing that runs this version can have been built: its compiler came out that day.
const EARLIEST: &str = "2026-04-16T00:00:00Z";
/// No appliance is served for so long.
const LATEST_US: i64 = 30 * 365 * DAY_US;
/// For how long both clocks are watched, and how far apart they may be afterwards.
const WATCHED: Duration = Duration::from_millis(100);
const UNEVEN_US: i64 = 20_000;
/// How far the hardware's clock may be off, which knows whole seconds and drifts while the machine is up.
const HARDWARE_S: i64 = 120;
/// A hardware clock in local time is off by a multiple of this.
const ZONE_S: i64 = 15 * 60;
/// A file may be this much younger than the clock says: file systems of other machines have clocks of their own.
const FUTURE_US: i64 = 2 * SECOND_US;
const HARDWARE: &str = "/sys/class/rtc/rtc0/since_epoch";
/// systemd-timesyncd makes this file when it has reached a time server (its manual page).
const SYNCHRONISED: &str = "/run/systemd/timesync/synchronized";

const SET_IT: &str =
    "set the clock (`timedatectl set-time`, or your network's time server) before the appliance serves";

pub(super) fn check(clock: &dyn Clock, config: &Config) -> Outcome {
    let now_us = clock.now_us();
    let mut outcome = Outcome::new();
    outcome.find(format!("{} UTC", rfc3339(now_us).replace('T', " ").trim_end_matches('Z')));
    let earliest_us = parse_rfc3339(EARLIEST).unwrap_or_default();
    if now_us < earliest_us {
        outcome.fail(Code::Failure, "that is before this version was built: it is not set", SET_IT);
    } else if now_us > earliest_us + LATEST_US {
        outcome.fail(Code::Failure, "that is decades after this version was built", SET_IT);
    }
    judge_evenness(clock, &mut outcome);
    judge_files(now_us, &database_path(&config.data.dir), &mut outcome);
    judge_hardware(now_us / SECOND_US, read_hardware(), &mut outcome);
    if Path::new(SYNCHRONISED).exists() {
        outcome.find("systemd-timesyncd has set it by a time server");
    } else {
        outcome.find("nothing here tells whether a time server keeps it right");
    }
    outcome
}

/// The wall clock against the monotonic one.
fn judge_evenness(clock: &dyn Clock, outcome: &mut Outcome) {
    let both = || (clock.now_us(), i64::try_from(clock.mono_us()).unwrap_or(i64::MAX));
    let before = both();
    std::thread::sleep(WATCHED);
    let after = both();
    let apart_us = (after.0 - before.0) - (after.1 - before.1);
    if apart_us.abs() > UNEVEN_US {
        let found = format!("it moved by {} ms while it was watched", apart_us / 1000);
        outcome.warn(found, "something sets it again and again: end that before the appliance serves");
    }
}

/// What the store wrote last cannot be in the future.
fn judge_files(now_us: i64, database: &Path, outcome: &mut Outcome) {
    let log = format!("{}-wal", database.display());
    let written = [database, Path::new(&log)].into_iter().filter_map(|path| {
        let written = fs::metadata(path).ok()?.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        i64::try_from(written.as_micros()).ok()
    });
    if let Some(written_us) = written.max().filter(|written_us| *written_us > now_us + FUTURE_US) {
        let found = format!("the store was written at {}, which is later", rfc3339(written_us));
        outcome.warn(found, format!("the clock went back: {SET_IT}"));
    }
}

fn read_hardware() -> Option<i64> {
    fs::read_to_string(HARDWARE).ok()?.trim().parse().ok()
}

fn judge_hardware(now_s: i64, hardware_s: Option<i64>, outcome: &mut Outcome) {
    let Some(hardware_s) = hardware_s else { return };
    let apart_s = now_s - hardware_s;
    let off_zone_s = apart_s - (apart_s as f64 / ZONE_S as f64).round() as i64 * ZONE_S;
    if off_zone_s.abs() <= HARDWARE_S && apart_s.abs() < 16 * 3600 {
        outcome.find("the hardware clock agrees");
    } else {
        let found = format!("the hardware clock differs by {apart_s} s");
        outcome.warn(found, "find out which is right; `hwclock --systohc` copies this one to the hardware");
    }
}

#[cfg(test)]
mod tests {
    use super::super::Status;
    use super::*;
    use crate::clock::FixedClock;

    fn at(time: &str) -> Outcome {
        let mut config = Config::default();
        config.data.dir = "/no/such/folder".into();
        check(&FixedClock::at(parse_rfc3339(time).unwrap()), &config)
    }

    #[test]
    fn a_clock_that_was_never_set_or_is_decades_ahead_fails() {
        for time in ["1970-01-01T00:00:07Z", "2026-04-15T00:00:00Z", "2096-01-01T00:00:00Z"] {
            assert_eq!(at(time).status(), Status::Failed, "{time}");
        }
    }

    #[test]
    fn a_clock_that_stands_still_against_the_other_is_noticed() {
        struct Stepping(FixedClock);
        impl Clock for Stepping {
            fn now_us(&self) -> i64 {
                self.0.advance(60);
                self.0.now_us()
            }
            fn mono_us(&self) -> u64 {
                0
            }
        }
        let mut outcome = Outcome::new();
        judge_evenness(&Stepping(FixedClock::at(0)), &mut outcome);
        assert_eq!(outcome.status(), Status::Warning);
    }

    #[test]
    fn a_store_from_the_future_means_that_the_clock_went_back() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("redoubt.db");
        fs::write(&database, b"x").unwrap();
        for (time, status) in
            [("2026-05-01T00:00:00Z", Status::Warning), ("2090-01-01T00:00:00Z", Status::Ok)]
        {
            let mut outcome = Outcome::new();
            judge_files(parse_rfc3339(time).unwrap(), &database, &mut outcome);
            assert_eq!(outcome.status(), status, "{time}");
        }
    }

    #[test]
    fn a_hardware_clock_in_local_time_agrees_and_a_wrong_one_does_not() {
        for (hardware_s, status) in [
            (1_000_000, Status::Ok),
            (1_000_030 + 2 * 3600, Status::Ok),
            (1_000_000 - 5 * 3600 - 1800, Status::Ok),
            (1_000_000 + 400, Status::Warning),
            (0, Status::Warning),
        ] {
            let mut outcome = Outcome::new();
            judge_hardware(1_000_000, Some(hardware_s), &mut outcome);
            assert_eq!(outcome.status(), status, "{hardware_s}");
        }
    }
}
