//! How far a long work has come, on one line of a terminal; silent elsewhere.

use std::io::{self, IsTerminal as _, Read, Write as _};
use std::time::{Duration, Instant};

const EVERY: Duration = Duration::from_millis(200);

pub(super) struct Progress {
    what: &'static str,
    /// In bytes, where it is known.
    total: Option<u64>,
    done: u64,
    shown: Instant,
    is_seen: bool,
}

impl Progress {
    pub(super) fn new(what: &'static str, total: Option<u64>) -> Self {
        Self { what, total, done: 0, shown: Instant::now(), is_seen: io::stderr().is_terminal() }
    }

    pub(super) fn add(&mut self, bytes: u64) {
        self.done += bytes;
        if self.is_seen && self.shown.elapsed() >= EVERY {
            self.shown = Instant::now();
            let mib = self.done >> 20;
            let said = match self.total.filter(|total| *total > 0) {
                Some(total) => format!("{} {mib} of {} MiB", self.what, total >> 20),
                None => format!("{} {mib} MiB", self.what),
            };
            self.write(&format!("\r\x1b[K{said}"));
        }
    }

    /// Whatever is read through it counts.
    pub(super) fn counting<'a, R: Read>(&'a mut self, reader: &'a mut R) -> Counting<'a, R> {
        Counting { progress: self, reader }
    }

    pub(super) fn end(&self) {
        if self.is_seen {
            self.write("\r\x1b[K");
        }
    }

    fn write(&self, text: &str) {
        // Nothing depends on whether somebody sees it.
        let _unseen = io::stderr().write_all(text.as_bytes());
    }
}

pub(super) struct Counting<'a, R> {
    progress: &'a mut Progress,
    reader: &'a mut R,
}

impl<R: Read> Read for Counting<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.progress.add(read as u64);
        Ok(read)
    }
}
