//! Going from one version to another, and back: what is written down of it.
//!
//! **Invariant:** the store knows the version that wrote it last, and a change of it is a record in the same transaction.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use redoubt_audit::Draft;
use redoubt_store::{Error, Store, Tx, Version, audit_checkpoints, meta};
use serde::{Deserialize, Serialize};

use crate::audit::anchor::Anchor;
use crate::records;

/// Beside the store, from a rollback to the next start.
const LEFT: &str = "left.json";

/// Notes that this software goes on with the store, and records it if the last one to write was another version.
///
/// # Errors
/// What the store says.
pub fn settle(store: &Store, software: &str) -> Result<(), Error> {
    let Some(ours) = Version::of_software(software) else { return Ok(()) };
    if store.read_blocking(meta::version)? == Some(ours) {
        return Ok(());
    }
    store.write_blocking(move |tx: &mut Tx<'_>| {
        let from = meta::version(tx)?;
        meta::set_version(tx, ours)?;
        tx.audit(records::version_changed(from, ours)).map(|_| ())
    })
}

/// What a rollback left behind: the version, and the last checkpoint of its log.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Left {
    pub version: Option<String>,
    pub checkpoint: Option<String>,
}

impl Left {
    /// Of a data directory that is about to be left. A rollback that was not recorded yet counts for what it left.
    ///
    /// # Errors
    /// What the disk says.
    pub fn of(data_dir: &Path, version: Option<String>) -> anyhow::Result<Self> {
        if let Some(before) = Self::read(data_dir)? {
            return Ok(before);
        }
        Ok(Self { version, checkpoint: Anchor::in_folder(data_dir).read()? })
    }

    /// The note of a rollback that this data directory's next start is to record.
    ///
    /// # Errors
    /// What the disk says, or that it is no such note.
    pub fn read(data_dir: &Path) -> anyhow::Result<Option<Self>> {
        let path = Self::path(data_dir);
        match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            read => {
                let text = read.with_context(|| path.display().to_string())?;
                serde_json::from_slice(&text).with_context(|| path.display().to_string()).map(Some)
            }
        }
    }

    /// # Errors
    /// What the disk says.
    pub fn write(&self, data_dir: &Path) -> anyhow::Result<()> {
        let path = Self::path(data_dir);
        let write = || {
            let mut file = File::create(&path)?;
            file.write_all(&serde_json::to_vec(self)?)?;
            file.sync_all()
        };
        write().with_context(|| path.display().to_string())
    }

    /// The record of it.
    ///
    /// # Errors
    /// What the store says.
    pub fn record(&self, store: &Store) -> Result<Draft, Error> {
        let present = store.read_blocking(audit_checkpoints::latest)?.map(|signed| signed.note);
        Ok(records::rolled_back(self, present.as_deref()))
    }

    /// It is recorded.
    ///
    /// # Errors
    /// What the disk says: then the next start records it again.
    pub fn forget(data_dir: &Path) -> io::Result<()> {
        match fs::remove_file(Self::path(data_dir)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            outcome => outcome,
        }
    }

    fn path(data_dir: &Path) -> PathBuf {
        data_dir.join(LEFT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rollback_that_is_tried_again_still_names_what_the_first_one_left() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Left::read(folder.path()).unwrap(), None);
        fs::write(folder.path().join("anchors"), "checkpoint").unwrap();
        let first = Left::of(folder.path(), Some("0.2.0".to_owned())).unwrap();
        assert_eq!(first.checkpoint.as_deref(), Some("checkpoint"));
        first.write(folder.path()).unwrap();
        fs::write(folder.path().join("anchors"), "another").unwrap();
        assert_eq!(Left::of(folder.path(), None).unwrap(), first);
        Left::forget(folder.path()).unwrap();
        Left::forget(folder.path()).unwrap();
        assert_eq!(Left::read(folder.path()).unwrap(), None);
    }
}
