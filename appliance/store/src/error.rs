//! What can go wrong with the store. Callers meet four kinds: not now, not such a store, not such a row,
//! and everything else.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

use crate::Version;

pub(crate) const DISK_FULL: &str = "the disk is full";

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing was written. Trying again later may help.
    #[error("the store is not available: {0}")]
    Unavailable(&'static str),
    /// A row with this name or hash exists.
    #[error("there is such a row already")]
    Conflict,
    /// A cursor that no list of ours handed out.
    #[error("the cursor is not one of this list")]
    BadCursor,
    /// Another process has the data directory.
    #[error("the data directory is in use{}", pid.map(|pid| format!(" by process {pid}")).unwrap_or_default())]
    InUse {
        /// Which process, if it said so.
        pid: Option<u32>,
    },
    #[error("{} exists already", .0.display())]
    Exists(PathBuf),
    #[error("there is no store at {}", .0.display())]
    Missing(PathBuf),
    /// The key does not open the first page. SQLCipher cannot tell a wrong key from a changed page.
    #[error("the key does not open {}, or its first page was changed", .0.display())]
    WrongKey(PathBuf),
    /// The file is not, or no longer, a whole store.
    #[error("the store is damaged: {0}")]
    Damaged(String),
    /// The audit log is not the one that was signed.
    #[error("the audit log is not intact: {0}")]
    NotIntact(String),
    #[error(
        "the store has schema {found}, this program knows up to {known}: it was written by a newer version, and only that \
         or the data of before it can be gone on with"
    )]
    NewerSchema { found: usize, known: usize },
    /// An older program would go on, which nobody has decided.
    #[error(
        "the store was written by version {found} last, and this is the older {ours}; `redoubt restore \
         --acknowledge-downgrade` goes on with it all the same, and says so in the log"
    )]
    NewerVersion { found: Version, ours: Version },
    /// Key slots and database are of two installations.
    #[error("the store belongs to {found}, not to {expected}")]
    ForeignOrigin { found: String, expected: String },
    /// The linked library lacks a fix or a protection that the store relies on.
    #[error("the database library does not fit: {0}")]
    Library(String),
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    /// A sealed value was changed, moved to another row, or sealed by another key.
    #[error("a sealed value does not open")]
    Sealed,
    #[error("the system has no random bytes to give")]
    NoRandomness,
    /// A record could not be sealed or read.
    #[error("audit record: {0}")]
    Audit(#[from] redoubt_audit::Error),
    #[error("database: {0}")]
    Sql(#[source] rusqlite::Error),
    #[error("migration: {0}")]
    Migration(#[source] rusqlite_migration::Error),
}

impl Error {
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Unavailable(DISK_FULL),
            Some(ErrorCode::SystemIoFailure) => Self::Unavailable("the disk failed"),
            Some(ErrorCode::DatabaseBusy) => Self::Unavailable("the database is busy"),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged(error.to_string()),
            // SQLCipher says no more than this of a page whose HMAC does not fit; our own SQL has no errors.
            Some(ErrorCode::Unknown) if is_generic(&error) => Self::Damaged("a page was changed".to_owned()),
            Some(ErrorCode::ConstraintViolation) if is_duplicate(&error) => Self::Conflict,
            _ => Self::Sql(error),
        }
    }
}

fn is_duplicate(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error().map(|error| error.extended_code),
        Some(rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE | rusqlite::ffi::SQLITE_CONSTRAINT_PRIMARYKEY)
    )
}

fn is_generic(error: &rusqlite::Error) -> bool {
    matches!(error, rusqlite::Error::SqliteFailure(_, Some(message)) if message == "SQL logic error")
}
