//! What opens a store: one of the ways that its key slots know.

use std::path::PathBuf;

use redoubt_store::DataKey;
use redoubt_store::keys::{self, KeyFile, KeySlots, RecoveryKey};

/// One way of opening a store.
pub enum Unlock {
    /// The key file that lies there.
    KeyFile(PathBuf),
    /// The recovery key, as somebody typed it.
    RecoveryKey(RecoveryKey),
}

impl Unlock {
    /// The data key, from the slot of this way.
    ///
    /// # Errors
    /// If there is no such slot, or what is given does not open it.
    pub fn open(&self, slots: &KeySlots) -> Result<DataKey, keys::Error> {
        match self {
            Self::KeyFile(path) => slots.open_with_key_file(&KeyFile::load(path)?),
            Self::RecoveryKey(key) => slots.open_with_recovery_key(key),
        }
    }
}
