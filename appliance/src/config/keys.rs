//! `[keys]`: what opens the store.

use std::path::PathBuf;

use redoubt_store::keys::Kind;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Keys {
    /// What a start opens the store by.
    pub unlock: Opening,
    /// The key file of the key-file slot: 32 random bytes, readable by the service only.
    pub file: PathBuf,
}

impl Default for Keys {
    fn default() -> Self {
        Self { unlock: Opening::File, file: "/etc/redoubt/store.key".into() }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Opening {
    /// The key file, or the credential in its place.
    File,
    /// A person, who types passphrase or recovery key at each start.
    Console,
}

impl Opening {
    /// As the configuration spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Console => "console",
        }
    }

    /// Whether a start can use a slot of this kind.
    pub fn takes(self, kind: Kind) -> bool {
        match self {
            Self::File => matches!(kind, Kind::KeyFile | Kind::Credential),
            Self::Console => matches!(kind, Kind::Passphrase | Kind::RecoveryKey),
        }
    }
}
