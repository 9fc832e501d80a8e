//! `[keys]`: what opens the store.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Keys {
    /// The key file of the key-file slot: 32 random bytes, readable by the service only.
    pub file: PathBuf,
}

impl Default for Keys {
    fn default() -> Self {
        Self { file: "/etc/redoubt/store.key".into() }
    }
}
