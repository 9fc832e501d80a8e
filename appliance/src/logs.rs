//! Operational logs: JSON lines, a new file each day, with a cap on the space of all of them.
//!
//! For operators who look for a fault; never the audit trail, and never content or a secret.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tracing_appender::non_blocking::WorkerGuard;
use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::prelude::*;

const PREFIX: &str = "redoubt";
const SUFFIX: &str = "log";
/// Days of logs kept, and the bytes that they may take together.
const MAX_FILES: usize = 30;
pub const MAX_TOTAL_BYTES: u64 = 64 << 20;

/// Keeps the log's writer alive; what is still queued is written when it is dropped.
#[must_use]
pub struct Logs {
    _writer: WorkerGuard,
    folder: PathBuf,
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
/// `level` is a filter of tracing-subscriber ("info", "info,redoubt=debug").
pub fn to_folder(folder: &Path, level: &str) -> Result<Logs, Error> {
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
    let (writer, guard) = tracing_appender::non_blocking(appender);
    let layer = tracing_subscriber::fmt::layer().json().with_target(true).with_writer(writer);
    // A second subscriber in one process is a test's; the first one stays.
    let _ = tracing_subscriber::registry().with(filter).with(layer).try_init();
    Ok(Logs { _writer: guard, folder: folder.to_owned() })
}

impl Logs {
    /// Deletes the oldest files until all of them together take at most `max_bytes`; today's file stays.
    pub fn trim(&self, max_bytes: u64) -> io::Result<()> {
        trim(&self.folder, max_bytes)
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

/// See [`Logs::trim`].
pub fn trim(folder: &Path, max_bytes: u64) -> io::Result<()> {
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

#[cfg(test)]
mod tests {
    use super::*;

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
