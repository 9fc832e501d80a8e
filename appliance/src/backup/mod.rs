//! Backups: all that an appliance needs to go on from one moment, encrypted as it is kept.
//!
//! ```text
//! backup.json   what it is of, and how much
//! redoubt.db    the database of one moment, under the store's own key
//! keyslots      which keys open that key; none of them is here
//! anchors       the newest checkpoint that the database has
//! trust, audit-root.sealed, tls/…, archives/…    as they lie in the data directory
//! MANIFEST      the SHA-256 of each of them, as sha256sum(1) writes it; the last of the files
//! ```
//! A backup is a tar archive, or the folder that it unpacks to. What is in no backup: the key file, whatever its place, the
//! demo's secrets, logs, sockets, and what an interrupted work left behind.

mod read;
mod write;

use serde::{Deserialize, Serialize};

pub use read::{Backup, Error};
pub use write::{NoRoom, Prepared, begin};

/// Counted up when an older program could misread a backup.
pub const VERSION: u32 = 1;

/// The names of the files that every backup has.
mod name {
    pub(super) const SUMMARY: &str = "backup.json";
    pub(super) const DATABASE: &str = "redoubt.db";
    pub(super) const ANCHOR: &str = "anchors";
    pub(super) const MANIFEST: &str = "MANIFEST";
}

/// What a backup is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    pub v: u32,
    /// Of the audit log, and so the installation.
    pub origin: String,
    /// RFC 3339, UTC.
    pub time: String,
    /// Version and hash of the executable.
    pub software: String,
    /// How many records the audit log has.
    pub records: u64,
    /// Those that the newest checkpoint covers; none where no key is certified.
    pub signed: Option<u64>,
}

impl Summary {
    /// A name for its file: which appliance's, and of when.
    pub fn file_name(&self) -> String {
        let origin = self.origin.rsplit('/').next().unwrap_or_default();
        let short: String = origin.chars().filter(char::is_ascii_alphanumeric).take(8).collect();
        let time: String = self.time.chars().filter(char::is_ascii_alphanumeric).take(15).collect();
        format!("redoubt-{short}-{time}Z.tar")
    }
}
