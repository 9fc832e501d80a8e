//! Key slots: the data key, wrapped once for each way of opening the store, in the file `keyslots` beside
//! the database. Changing how a store is opened rewrites this file and nothing else.
//!
//! A slot that was removed still opens the data key for whoever kept a copy of the file from before (a backup, say). What
//! helps against that is another data key: [`crate::Store::export`].

mod error;
mod file;
mod passphrase;
mod recovery;
mod slot;

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};

use crate::data_key::DataKey;
use crate::{Store, directory};

pub use error::Error;
pub use file::KeyFile;
pub use passphrase::Passphrase;
pub use recovery::RecoveryKey;
pub use slot::{Description, Kind, Secret, Slot};

/// The name of the slot file in the data directory.
pub const FILE_NAME: &str = "keyslots";

const VERSION: u32 = 1;
/// The longest slot file, in bytes.
const MAX_BYTES: u64 = 256 << 10;
/// How many ways of opening one store are kept.
const MAX_SLOTS: usize = 16;

impl Store {
    /// Another way of opening this store, among `slots`, which are not saved.
    ///
    /// # Errors
    /// [`Error::TooManySlots`]
    pub fn add_slot(
        &self,
        slots: &mut KeySlots,
        secret: &Secret,
        description: Description,
    ) -> Result<Slot, Error> {
        slots.add(self.key(), secret, description, &SystemRandom::new())
    }
}

/// The slots of one installation.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeySlots {
    v: u32,
    install_id: String,
    slots: Vec<Slot>,
}

impl KeySlots {
    pub fn new(install_id: impl Into<String>) -> Self {
        Self { v: VERSION, install_id: install_id.into(), slots: Vec::new() }
    }

    /// Reads the slot file of a data directory.
    ///
    /// # Errors
    /// [`Error::NoSlots`], [`Error::DamagedSlots`] or [`Error::Io`].
    pub fn load(directory: &Path) -> Result<Self, Error> {
        let path = directory.join(FILE_NAME);
        let mut bytes = Vec::new();
        match File::open(&path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes)) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Error::NoSlots(path)),
            Err(why) => return Err(Error::Io { path, why }),
        }
        let damaged = |why: String| Error::DamagedSlots { path: path.clone(), why };
        if bytes.len() as u64 > MAX_BYTES {
            return Err(damaged("it is longer than any slot file".to_owned()));
        }
        let slots: Self = serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
        if slots.v != VERSION {
            return Err(damaged(format!("version {} is not {VERSION}", slots.v)));
        }
        if slots.slots.len() > MAX_SLOTS {
            return Err(damaged(format!("it has more than {MAX_SLOTS} slots")));
        }
        Ok(slots)
    }

    /// Writes the slot file: the old one or the new one is there, whenever this is interrupted.
    pub fn save(&self, directory: &Path) -> Result<(), Error> {
        let path = directory.join(FILE_NAME);
        let json = serde_json::to_vec_pretty(self)
            .map_err(|error| Error::Io { path: path.clone(), why: error.into() })?;
        directory::create(directory)?;
        file::replace(&path, &json)?;
        Ok(directory::sync(directory)?)
    }

    pub fn install_id(&self) -> &str {
        &self.install_id
    }

    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// Another way of opening the store.
    ///
    /// # Errors
    /// [`Error::TooManySlots`]
    pub fn add(
        &mut self,
        data_key: &DataKey,
        secret: &Secret,
        description: Description,
        random: &dyn SecureRandom,
    ) -> Result<Slot, Error> {
        if self.slots.len() >= MAX_SLOTS {
            return Err(Error::TooManySlots);
        }
        let slot = Slot::seal(&self.install_id, data_key, secret, description, random)?;
        self.slots.push(slot.clone());
        Ok(slot)
    }

    /// # Errors
    /// [`Error::UnknownSlot`], and [`Error::LastSlot`] if no other way would be left.
    pub fn remove(&mut self, id: &str) -> Result<Slot, Error> {
        let unknown = || Error::UnknownSlot(id.to_owned());
        let index = self.slots.iter().position(|slot| slot.id == id).ok_or_else(unknown)?;
        if self.slots.len() == 1 {
            return Err(Error::LastSlot);
        }
        Ok(self.slots.remove(index))
    }

    /// The data key, and the slot that gave it.
    ///
    /// # Errors
    /// [`Error::NoSlot`], [`Error::DamagedSlot`] or [`Error::WrongKey`]
    pub fn open(&self, secret: &Secret) -> Result<(DataKey, &Slot), Error> {
        // One sound slot that the key does not open says more than a damaged one beside it.
        let mut outcome = Error::NoSlot(secret.kind());
        for slot in self.slots.iter().filter(|slot| secret.fits(slot.kind)) {
            match slot.open(&self.install_id, secret) {
                Ok(key) => return Ok((key, slot)),
                Err(Error::DamagedSlot(_)) if !matches!(outcome, Error::NoSlot(_)) => {}
                Err(error) => outcome = error,
            }
        }
        Err(outcome)
    }
}
