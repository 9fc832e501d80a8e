//! Space below the data directory: without it nothing can be recorded, and so nothing done.

use rustix::fs::statvfs;

use super::memory::bytes;
use super::{Code, Outcome};
use crate::config::Config;

/// Room for the store's growth in the near future, beside the logs.
const COMFORT: u64 = 1 << 30;
/// With less a busy hour may fill it.
const LEAST: u64 = 64 << 20;

pub(super) fn check(config: &Config) -> Outcome {
    let data_dir = &config.data.dir;
    let space = match statvfs(data_dir) {
        Ok(space) => space,
        Err(error) => return Outcome::skipped(format!("{}: {error}", data_dir.display())),
    };
    let free = space.f_bavail.saturating_mul(space.f_frsize);
    let wanted = COMFORT + (u64::from(config.log.max_total_mib) << 20);
    let found = format!(
        "{} of {} free at {}",
        bytes(free),
        bytes(space.f_blocks.saturating_mul(space.f_frsize)),
        data_dir.display()
    );
    let mut outcome = Outcome::new();
    if free < LEAST {
        outcome.fail(Code::Failure, found, "make room: what cannot be recorded is refused");
    } else if free < wanted {
        outcome.warn(found, format!("make room for {}, the log files included", bytes(wanted)));
    } else {
        outcome.find(found);
    }
    if space.f_files > 0 && space.f_favail < 100 {
        outcome.fail(
            Code::Failure,
            "no more files can be made there",
            "delete some: the file system ran out of inodes",
        );
    }
    outcome
}
