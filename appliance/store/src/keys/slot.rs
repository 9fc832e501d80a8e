//! One slot: the data key, sealed for one way of opening the store.

use std::fmt;

use ring::digest::{SHA256, digest};
use ring::rand::SecureRandom;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::passphrase::Stretch;
use super::{Error, KeyFile, Passphrase, RecoveryKey};
use crate::data_key::{DataKey, seal, unseal};

/// A way of opening the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A file, on a medium that can be kept apart from the data.
    KeyFile,
    /// A file that only the service manager can read, and hands to the service: sealed by the machine's TPM where there is one.
    Credential,
    /// What a person knows.
    Passphrase,
    /// What was printed once.
    RecoveryKey,
}

impl Kind {
    pub const ALL: [Self; 4] = [Self::KeyFile, Self::Credential, Self::Passphrase, Self::RecoveryKey];

    /// As the slot file, the sealing and the command line spell it.
    pub fn tag(self) -> &'static str {
        match self {
            Self::KeyFile => "key-file",
            Self::Credential => "credential",
            Self::Passphrase => "passphrase",
            Self::RecoveryKey => "recovery-key",
        }
    }

    pub fn from_tag(tag: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.tag() == tag)
    }
}

/// In words.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::KeyFile => "key file",
            Self::Credential => "credential",
            Self::Passphrase => "passphrase",
            Self::RecoveryKey => "recovery key",
        })
    }
}

/// What opens a slot.
#[derive(Debug)]
pub enum Secret {
    KeyFile(KeyFile),
    Credential(KeyFile),
    Passphrase(Passphrase),
    RecoveryKey(RecoveryKey),
}

impl Secret {
    pub fn kind(&self) -> Kind {
        match self {
            Self::KeyFile(_) => Kind::KeyFile,
            Self::Credential(_) => Kind::Credential,
            Self::Passphrase(_) => Kind::Passphrase,
            Self::RecoveryKey(_) => Kind::RecoveryKey,
        }
    }

    /// Whether it is tried on a slot of this kind. A credential reaches the appliance as a file.
    pub(super) fn fits(&self, kind: Kind) -> bool {
        let are_files = |kind| matches!(kind, Kind::KeyFile | Kind::Credential);
        self.kind() == kind || are_files(self.kind()) && are_files(kind)
    }

    /// The key that the slot is sealed by; `None` if the slot does not say what it takes to get it.
    fn key(&self, stretch: Option<&Stretch>) -> Option<Zeroizing<Vec<u8>>> {
        match self {
            Self::KeyFile(file) | Self::Credential(file) => Some(Zeroizing::new(file.bytes().to_vec())),
            Self::RecoveryKey(key) => Some(Zeroizing::new(key.bytes().to_vec())),
            Self::Passphrase(words) => Some(Zeroizing::new(words.stretch(stretch?)?.to_vec())),
        }
    }
}

/// A slot. Shows which way it is, and nothing of a key.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slot {
    pub(super) id: String,
    pub(super) kind: Kind,
    /// In the operator's words: where it is kept.
    #[serde(default)]
    label: String,
    /// When it was made: RFC 3339, UTC.
    #[serde(default)]
    made: String,
    /// Of a passphrase only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stretch: Option<Stretch>,
    /// Nonce, data key and tag, in base64.
    sealed: String,
    /// SHA-256 over what the slot is bound to and `sealed`, in hex: tells damage from a wrong key.
    sha256: String,
}

/// What a slot says of itself.
#[derive(Clone, Debug, Default)]
pub struct Description {
    /// In the operator's words: where it is kept.
    pub label: String,
    /// RFC 3339, UTC.
    pub made: String,
}

impl Slot {
    pub fn id(&self) -> &str {
        &self.id
    }

    pub fn kind(&self) -> Kind {
        self.kind
    }

    pub fn label(&self) -> &str {
        &self.label
    }

    pub fn made(&self) -> &str {
        &self.made
    }

    pub(super) fn seal(
        install_id: &str,
        data_key: &DataKey,
        secret: &Secret,
        description: Description,
        random: &dyn SecureRandom,
    ) -> Result<Self, Error> {
        let mut id = [0; 16];
        random.fill(&mut id).map_err(|_| crate::Error::NoRandomness)?;
        let id = uuid::Builder::from_random_bytes(id).into_uuid().to_string();
        let kind = secret.kind();
        let stretch = if kind == Kind::Passphrase { Some(Stretch::generate(random)?) } else { None };
        let Description { label, made } = description;
        let mut slot = Self { id, kind, label, made, stretch, sealed: String::new(), sha256: String::new() };
        let key = secret.key(slot.stretch.as_ref()).ok_or(crate::Error::Sealed)?;
        let binding = slot.binding(install_id);
        let sealed = seal(&key, &purpose(kind), &binding, data_key.bytes(), random)?;
        slot.sha256 = checksum(&binding, &sealed);
        slot.sealed = data_encoding::BASE64.encode(&sealed);
        Ok(slot)
    }

    /// # Errors
    /// [`Error::DamagedSlot`] or [`Error::WrongKey`], which names what was tried.
    pub(super) fn open(&self, install_id: &str, secret: &Secret) -> Result<DataKey, Error> {
        let binding = self.binding(install_id);
        let sealed = data_encoding::BASE64.decode(self.sealed.as_bytes()).unwrap_or_default();
        if checksum(&binding, &sealed) != self.sha256 {
            return Err(Error::DamagedSlot(self.kind));
        }
        let key = secret.key(self.stretch.as_ref()).ok_or(Error::DamagedSlot(self.kind))?;
        let opened = unseal(&key, &purpose(self.kind), &binding, &sealed);
        opened.ok().and_then(|bytes| DataKey::from_bytes(&bytes)).ok_or(Error::WrongKey(secret.kind()))
    }

    /// What a slot is bound to: moved to another installation, or relabelled, it does not open.
    fn binding(&self, install_id: &str) -> Vec<u8> {
        let stretch = self.stretch.as_ref().map(Stretch::binding).unwrap_or_default();
        format!("{}\n{}\n{install_id}{stretch}", self.kind.tag(), self.id).into_bytes()
    }
}

fn purpose(kind: Kind) -> String {
    format!("key slot {}", kind.tag())
}

fn checksum(binding: &[u8], sealed: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(digest(&SHA256, &[binding, b"\n", sealed].concat()).as_ref())
}
