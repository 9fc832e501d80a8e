//! `bundle.json` and the other files whose lines are JSON: canonical, so that there is one way to write them.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{Error, canonical_json};

/// What a bundle holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Index {
    pub v: u32,
    /// The log's name, `redoubt/<install id>`.
    pub origin: String,
    /// The first record.
    pub from: u64,
    /// After the last record.
    pub to: u64,
    /// How many records the newest checkpoint covers.
    pub size: u64,
    /// The number of the export, from 1.
    pub export: u64,
    /// Hex, as the auditor gave it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// When it was made, as records write time.
    pub time: String,
    /// The software that made it, as records have it.
    pub sw: String,
    /// The newest checkpoint of the export before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous: Option<NoteField>,
}

/// A signed note in JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoteField {
    pub note: String,
}

/// One line of `keys/chain.jsonl`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChainLine {
    /// The blob of the OpenSSH certificate in base64.
    pub(crate) certificate: String,
    pub(crate) epoch: u64,
}

/// The canonical form with a newline.
pub(crate) fn to_line(value: &impl Serialize) -> Result<Vec<u8>, Error> {
    let mut line = canonical_json(&serde_json::to_value(value).map_err(Error::Malformed)?)?;
    line.push(b'\n');
    Ok(line)
}

/// Reads a line without its newline: only the bytes that [`to_line`] would write are accepted.
pub(crate) fn parse_line<T: Serialize + DeserializeOwned>(line: &[u8]) -> Result<T, Error> {
    let value = serde_json::from_slice(line).map_err(Error::Malformed)?;
    let written = to_line(&value)?;
    if written.strip_suffix(b"\n") == Some(line) { Ok(value) } else { Err(Error::NotCanonical) }
}
