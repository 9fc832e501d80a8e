//! A key file: 32 random bytes, on a medium that is kept apart from the data or handed in by systemd.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use ring::rand::SecureRandom;
use zeroize::Zeroizing;

use super::Error;

const BYTES: usize = 32;

pub struct KeyFile(Zeroizing<[u8; BYTES]>);

impl KeyFile {
    pub fn generate(random: &dyn SecureRandom) -> Result<Self, Error> {
        let mut bytes = Zeroizing::new([0; BYTES]);
        random.fill(&mut *bytes).map_err(|_| crate::Error::NoRandomness)?;
        Ok(Self(bytes))
    }

    /// # Errors
    /// [`Error::BadKeyFile`] if there is none or it has another length.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let bad = |why| Error::BadKeyFile { path: path.to_owned(), why };
        let bytes = match fs::read(path) {
            Ok(bytes) => Zeroizing::new(bytes),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(bad("there is no such file"));
            }
            Err(why) => return Err(Error::Io { path: path.to_owned(), why }),
        };
        Self::from_bytes(&bytes).ok_or_else(|| bad("it does not have 32 bytes"))
    }

    /// Writes the file for its owner alone. One that is there is not overwritten: it may open a store.
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        let written = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .and_then(|mut file| file.write_all(&*self.0).and_then(|()| file.sync_all()));
        written.map_err(|why| Error::Io { path: path.to_owned(), why })
    }

    /// The content of a key file; `None` if it has another length.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Some(Self(Zeroizing::new(bytes.try_into().ok()?)))
    }

    pub fn bytes(&self) -> &[u8] {
        &*self.0
    }
}

/// Shows no byte of the key.
impl fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyFile(…)")
    }
}

/// Puts `bytes` in the place of the file: synced beside it, then renamed.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let draft = path.with_extension("new");
    let written = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&draft, path));
    written.map_err(|why| Error::Io { path: path.to_owned(), why })
}
