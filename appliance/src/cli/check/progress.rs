//! How far the reading of a long file is, on stderr, for whoever waits.

use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use super::super::voice::tell;
use super::memory::bytes;

/// What is over sooner needs no word.
const PATIENCE: Duration = Duration::from_secs(1);

pub(super) struct Progress {
    started: Instant,
    percent: Option<u64>,
    terminal: bool,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self { started: Instant::now(), percent: None, terminal: std::io::stderr().is_terminal() }
    }

    /// `done` of `all` bytes of the file were read.
    pub(super) fn tell(&mut self, file: &Path, done: u64, all: u64) {
        if self.started.elapsed() < PATIENCE {
            return;
        }
        let percent = (done * 100).checked_div(all).unwrap_or(100);
        if self.percent == Some(percent) {
            return;
        }
        if self.terminal {
            // A stderr that is gone is no reason to stop.
            let _closed =
                write!(std::io::stderr(), "\r\x1b[Kredoubt: reading {} … {percent} %", file.display());
        } else if self.percent.is_none() {
            tell(&format!("reading {} ({})", file.display(), bytes(all)));
        }
        self.percent = Some(percent);
    }
}

/// Takes the line away that only showed how far it was.
impl Drop for Progress {
    fn drop(&mut self) {
        if self.terminal && self.percent.is_some() {
            let _closed = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}
