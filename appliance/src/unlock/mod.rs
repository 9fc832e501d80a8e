//! What opens a store: the ways that its key slots know, how they change, and how the data key itself is changed.

mod rotation;
mod slots;

use std::path::PathBuf;

use redoubt_store::DataKey;
use redoubt_store::keys::{Error, KeyFile, KeySlots, Secret};

pub(crate) use rotation::Resealer;
pub use rotation::{Rotated, rotate};
pub use slots::{Refusal, Ways};

/// One way of opening a store.
#[derive(Debug)]
pub enum Unlock {
    /// The key file that lies there.
    KeyFile(PathBuf),
    /// What somebody typed, or handed over.
    Given(Secret),
}

impl Unlock {
    /// The data key, from the slot of this way.
    ///
    /// # Errors
    /// If there is no such slot, or what is given does not open it.
    pub fn open(&self, slots: &KeySlots) -> Result<DataKey, Error> {
        match self {
            Self::KeyFile(path) => Ok(slots.open(&Secret::KeyFile(KeyFile::load(path)?))?.0),
            Self::Given(secret) => Ok(slots.open(secret)?.0),
        }
    }

    /// What it consists of.
    ///
    /// # Errors
    /// If the key file is none.
    pub fn secret(self) -> Result<Secret, Error> {
        match self {
            Self::KeyFile(path) => Ok(Secret::KeyFile(KeyFile::load(&path)?)),
            Self::Given(secret) => Ok(secret),
        }
    }
}
