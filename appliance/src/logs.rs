//! Operational logs: JSON lines, a new file each day, with a cap on the space of all of them.
//!
//! For operators who look for a fault; never the audit trail, and never content or a secret.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tracing_appender::non_blocking::WorkerGuard;
use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::prelude::*;

const PREFIX: &str = "redoubt";
const SUFFIX: &str = "log";
/// Days of logs kept.
const MAX_FILES: usize = 30;
/// How many days that log all they may fill the space.
const DAYS_AT_FULL: u64 = 4;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Keeps the log's writer alive; what is still queued is written when it is dropped.
#[must_use]
pub struct Logs {
    _writer: WorkerGuard,
    folder: PathBuf,
    max_total_bytes: u64,
}

/// The log could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the log folder {folder}: {source}")]
    Folder { folder: PathBuf, source: io::Error },
    #[error("the log in {folder}: {why}")]
    Appender { folder: PathBuf, why: String },
    #[error("[log] level = {level:?} is not a filter: {why}")]
    Level { level: String, why: String },
}

/// Sends everything logged in this process to files in `folder`.
///
/// `level` is a filter of tracing-subscriber ("info", "info,redoubt=debug"). All files together take about
/// `max_total_bytes`: a day may write a quarter of it, and [`Logs::trim`] deletes old days.
pub fn to_folder(folder: &Path, level: &str, max_total_bytes: u64) -> Result<Logs, Error> {
    let filter = EnvFilter::try_new(level)
        .map_err(|error| Error::Level { level: level.to_owned(), why: error.to_string() })?;
    fs::create_dir_all(folder).map_err(|source| Error::Folder { folder: folder.to_owned(), source })?;
    let appender = RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix(PREFIX)
        .filename_suffix(SUFFIX)
        .max_log_files(MAX_FILES)
        .build(folder)
        .map_err(|error| Error::Appender { folder: folder.to_owned(), why: error.to_string() })?;
    let (writer, guard) =
        tracing_appender::non_blocking(DailyBudget::new(appender, max_total_bytes / DAYS_AT_FULL));
    let layer = tracing_subscriber::fmt::layer().json().with_target(true).with_writer(writer);
    // A second subscriber in one process is a test's; the first one stays.
    let _ = tracing_subscriber::registry().with(filter).with(layer).try_init();
    Ok(Logs { _writer: guard, folder: folder.to_owned(), max_total_bytes })
}

impl Logs {
    /// Deletes the oldest files until all of them together fit; today's file stays.
    pub fn trim(&self) -> io::Result<()> {
        trim(&self.folder, self.max_total_bytes)
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

fn trim(folder: &Path, max_bytes: u64) -> io::Result<()> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with(PREFIX) && name.ends_with(SUFFIX) {
            files.push((name, entry.path(), entry.metadata()?.len()));
        }
    }
    // The names carry the date, so their order is the order in time.
    files.sort();
    let mut total: u64 = files.iter().map(|(_, _, bytes)| bytes).sum();
    files.pop();
    for (_, path, bytes) in files {
        if total <= max_bytes {
            break;
        }
        fs::remove_file(path)?;
        total -= bytes;
    }
    Ok(())
}

/// Lets a day write so many bytes and drops the rest, so that a flood of errors cannot fill the disk.
struct DailyBudget<W> {
    inner: W,
    budget: u64,
    written: u64,
    since: Instant,
}

impl<W> DailyBudget<W> {
    fn new(inner: W, budget: u64) -> Self {
        Self { inner, budget, written: 0, since: Instant::now() }
    }
}

impl<W: io::Write> io::Write for DailyBudget<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.since.elapsed() >= DAY {
            (self.since, self.written) = (Instant::now(), 0);
        }
        let before = self.written;
        self.written = self.written.saturating_add(line.len() as u64);
        if self.written <= self.budget {
            self.inner.write_all(line)?;
        } else if before <= self.budget {
            self.inner.write_all(LAST_LINE)?;
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// What the log says when a day's space is used up.
const LAST_LINE: &[u8] =
    b"{\"level\":\"WARN\",\"fields\":{\"message\":\"this day's log space is used up\"}}\n";

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_flood_ends_with_one_line_that_says_so() {
        let mut log = DailyBudget::new(Vec::new(), 1000);
        for _ in 0..1000 {
            log.write_all(b"the same error again\n").unwrap();
        }
        assert!(log.inner.len() <= 1000 + LAST_LINE.len());
        assert!(log.inner.ends_with(LAST_LINE));
    }

    #[test]
    fn the_oldest_logs_go_first_and_todays_stays() {
        let folder = tempfile::tempdir().unwrap();
        for day in ["2026-11-20", "2026-11-21", "2026-11-22"] {
            fs::write(folder.path().join(format!("redoubt.{day}.log")), vec![b'x'; 100]).unwrap();
        }
        fs::write(folder.path().join("unrelated.txt"), vec![b'x'; 1000]).unwrap();
        trim(folder.path(), 250).unwrap();
        assert!(!folder.path().join("redoubt.2026-11-20.log").exists());
        assert!(folder.path().join("redoubt.2026-11-21.log").exists());
        trim(folder.path(), 0).unwrap();
        assert!(!folder.path().join("redoubt.2026-11-21.log").exists());
        assert!(folder.path().join("redoubt.2026-11-22.log").exists());
        assert!(folder.path().join("unrelated.txt").exists());
    }
}
