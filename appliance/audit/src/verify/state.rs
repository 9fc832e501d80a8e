//! What an auditor keeps from one bundle to the next: the anchor.

use data_encoding::BASE64;
use serde::{Deserialize, Serialize};

use crate::ssh::PublicKey;
use crate::tree::Hash;

/// The newest log that was seen, and the root that was trusted for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    pub origin: String,
    pub root_key: PublicKey,
    /// How many records it had.
    pub size: u64,
    /// Their root.
    pub root: Hash,
    /// The number of the last export.
    pub export: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    v: u32,
    origin: String,
    root_key: String,
    size: u64,
    root: String,
    export: u64,
}

impl State {
    /// The state file's text.
    ///
    /// # Errors
    /// What cannot be written as JSON.
    pub fn to_text(&self) -> Result<String, crate::Error> {
        let fields = Fields {
            v: 1,
            origin: self.origin.clone(),
            root_key: self.root_key.line("")?,
            size: self.size,
            root: BASE64.encode(&self.root),
            export: self.export,
        };
        let mut text = serde_json::to_string_pretty(&fields).map_err(crate::Error::Malformed)?;
        text.push('\n');
        Ok(text)
    }

    /// Reads a state file.
    ///
    /// # Errors
    /// Why it is none.
    pub fn parse(text: &str) -> Result<Self, String> {
        let fields: Fields = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if fields.v != 1 {
            return Err(format!("its version is {}, and this program knows 1", fields.v));
        }
        let (root_key, _) = PublicKey::parse_line(&fields.root_key).map_err(|error| error.to_string())?;
        let root = BASE64.decode(fields.root.as_bytes()).ok().and_then(|root| root.try_into().ok());
        let root = root.ok_or("its root is not 32 bytes in base64")?;
        Ok(Self { origin: fields.origin, root_key, size: fields.size, root, export: fields.export })
    }
}
