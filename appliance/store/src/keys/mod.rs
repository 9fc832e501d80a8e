//! Key slots: the data key, wrapped once for each way of opening the store, in the file `keyslots` beside
//! the database. Changing how a store is opened rewrites this file and nothing else.

mod file;
mod recovery;

use std::io;
use std::path::{Path, PathBuf};

use ring::digest::{SHA256, digest};
use ring::rand::SecureRandom;
use serde::{Deserialize, Serialize};

use crate::data_key::{DataKey, seal, unseal};
use crate::directory;

pub use file::KeyFile;
pub use recovery::RecoveryKey;

/// The name of the slot file in the data directory.
pub const FILE_NAME: &str = "keyslots";

const VERSION: u32 = 1;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("there are no key slots at {}", .0.display())]
    NoSlots(PathBuf),
    #[error("{}: {why}", path.display())]
    DamagedSlots { path: PathBuf, why: String },
    /// There is no such way of opening this store.
    #[error("the store has no slot for a {}", .0.name())]
    NoSlot(Kind),
    /// A slot does not match its own checksum, whatever the key.
    #[error("the slot for a {} is damaged", .0.name())]
    DamagedSlot(Kind),
    #[error("the {} is not one of this store", .0.name())]
    WrongKey(Kind),
    #[error("{} is not a key file: {why}", path.display())]
    BadKeyFile { path: PathBuf, why: &'static str },
    #[error("that is not a recovery key: {0}")]
    BadRecoveryKey(&'static str),
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Store(#[from] crate::Error),
}

/// A way of opening the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    KeyFile,
    RecoveryKey,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::KeyFile => "key file",
            Self::RecoveryKey => "recovery key",
        }
    }

    /// As the slot file and the sealing spell it.
    fn tag(self) -> &'static str {
        match self {
            Self::KeyFile => "key-file",
            Self::RecoveryKey => "recovery-key",
        }
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

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Slot {
    id: String,
    kind: Kind,
    /// Nonce, data key and tag, in base64.
    sealed: String,
    /// SHA-256 over what the slot is bound to and `sealed`, in hex: tells damage from a wrong key.
    sha256: String,
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
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Error::NoSlots(path)),
            Err(source) => return Err(Error::Io { path, source }),
        };
        let slots: Self = serde_json::from_slice(&bytes)
            .map_err(|error| Error::DamagedSlots { path: path.clone(), why: error.to_string() })?;
        if slots.v != VERSION {
            let why = format!("version {} is not {VERSION}", slots.v);
            return Err(Error::DamagedSlots { path, why });
        }
        Ok(slots)
    }

    /// Writes the slot file: the old one or the new one is there, whenever this is interrupted.
    pub fn save(&self, directory: &Path) -> Result<(), Error> {
        let path = directory.join(FILE_NAME);
        let json = serde_json::to_vec_pretty(self)
            .map_err(|error| Error::Io { path: path.clone(), source: error.into() })?;
        directory::create(directory)?;
        file::replace(&path, &json)?;
        Ok(directory::sync(directory)?)
    }

    pub fn install_id(&self) -> &str {
        &self.install_id
    }

    /// The ways in which this store opens.
    pub fn kinds(&self) -> impl Iterator<Item = Kind> {
        self.slots.iter().map(|slot| slot.kind)
    }

    pub fn add_key_file(
        &mut self,
        data_key: &DataKey,
        key_file: &KeyFile,
        random: &dyn SecureRandom,
    ) -> Result<(), Error> {
        self.add(Kind::KeyFile, data_key, key_file.bytes(), random)
    }

    pub fn add_recovery_key(
        &mut self,
        data_key: &DataKey,
        recovery_key: &RecoveryKey,
        random: &dyn SecureRandom,
    ) -> Result<(), Error> {
        self.add(Kind::RecoveryKey, data_key, recovery_key.bytes(), random)
    }

    /// # Errors
    /// [`Error::NoSlot`], [`Error::DamagedSlot`] or [`Error::WrongKey`]
    pub fn open_with_key_file(&self, key_file: &KeyFile) -> Result<DataKey, Error> {
        self.open(Kind::KeyFile, key_file.bytes())
    }

    /// # Errors
    /// [`Error::NoSlot`], [`Error::DamagedSlot`] or [`Error::WrongKey`]
    pub fn open_with_recovery_key(&self, recovery_key: &RecoveryKey) -> Result<DataKey, Error> {
        self.open(Kind::RecoveryKey, recovery_key.bytes())
    }

    fn add(
        &mut self,
        kind: Kind,
        data_key: &DataKey,
        secret: &[u8],
        random: &dyn SecureRandom,
    ) -> Result<(), Error> {
        let mut id = [0; 16];
        random.fill(&mut id).map_err(|_| crate::Error::NoRandomness)?;
        let id = uuid::Builder::from_random_bytes(id).into_uuid().to_string();
        let binding = self.binding(kind, &id);
        let sealed = seal(secret, &purpose(kind), &binding, data_key.bytes(), random)?;
        let sha256 = checksum(&binding, &sealed);
        let sealed = data_encoding::BASE64.encode(&sealed);
        self.slots.push(Slot { id, kind, sealed, sha256 });
        Ok(())
    }

    fn open(&self, kind: Kind, secret: &[u8]) -> Result<DataKey, Error> {
        // One sound slot that the key does not open says more than a damaged one beside it.
        let mut outcome = Error::NoSlot(kind);
        for slot in self.slots.iter().filter(|slot| slot.kind == kind) {
            let binding = self.binding(kind, &slot.id);
            let sealed = data_encoding::BASE64.decode(slot.sealed.as_bytes()).unwrap_or_default();
            if checksum(&binding, &sealed) != slot.sha256 {
                if matches!(outcome, Error::NoSlot(_)) {
                    outcome = Error::DamagedSlot(kind);
                }
                continue;
            }
            let opened = unseal(secret, &purpose(kind), &binding, &sealed);
            if let Some(key) = opened.ok().and_then(|bytes| DataKey::from_bytes(&bytes)) {
                return Ok(key);
            }
            outcome = Error::WrongKey(kind);
        }
        Err(outcome)
    }

    /// What a slot is bound to: moved to another installation, or relabelled, it does not open.
    fn binding(&self, kind: Kind, id: &str) -> Vec<u8> {
        format!("{}\n{id}\n{}", kind.tag(), self.install_id).into_bytes()
    }
}

fn purpose(kind: Kind) -> String {
    format!("key slot {}", kind.tag())
}

fn checksum(binding: &[u8], sealed: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(digest(&SHA256, &[binding, b"\n", sealed].concat()).as_ref())
}
