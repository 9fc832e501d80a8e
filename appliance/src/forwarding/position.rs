//! How far the collector has got, in a file of the data folder: it survives a restart, and `redoubt check` reads it.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

const FILE: &str = "collector.json";

/// What the file says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The number of the first record that may not have arrived.
    pub next: u64,
    /// Why there is no connection; `None` while there is one.
    pub failure: Option<String>,
}

impl Position {
    /// The beginning of the log if nothing was ever handed over.
    ///
    /// # Errors
    /// The file cannot be read, or is none of ours.
    pub fn load(data_dir: &Path) -> io::Result<Self> {
        match fs::read(path(data_dir)) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error),
        }
    }

    /// Replaces the file, whole or not at all.
    ///
    /// # Errors
    /// What the disk says.
    pub fn save(&self, data_dir: &Path) -> io::Result<()> {
        let (path, new) = (path(data_dir), data_dir.join(format!("{FILE}.new")));
        let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all(&serde_json::to_vec(self)?)?;
        file.sync_all()?;
        fs::rename(new, path)
    }
}

/// Where the file is.
pub(super) fn path(data_dir: &Path) -> PathBuf {
    data_dir.join(FILE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_saved_is_loaded_and_what_is_no_position_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Position::load(folder.path()).unwrap(), Position::default());
        for position in
            [Position { next: 7, failure: Some("away".to_owned()) }, Position { next: 8, failure: None }]
        {
            position.save(folder.path()).unwrap();
            assert_eq!(Position::load(folder.path()).unwrap(), position);
        }
        fs::write(path(folder.path()), "8").unwrap();
        assert!(Position::load(folder.path()).is_err());
    }
}
