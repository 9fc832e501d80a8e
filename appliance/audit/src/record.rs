//! A sealed record: one line of canonical JSON, the exact bytes that the tree covers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

use crate::Error;
use crate::canonical;
use crate::draft::{Draft, Outcome, Value};
use crate::tree::{Hash, leaf_hash};

/// The version of the record format, field `v`.
pub const VERSION: u32 = 1;

/// The longest record. It fits the 16-bit length prefix of C2SP entry bundles.
pub const MAX_RECORD_BYTES: usize = 16 * 1024;

const TIME: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");

/// Which log, boot and software seal a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// `redoubt/<install id>`
    pub origin: String,
    /// A new id at each start.
    pub boot: String,
    /// `<version>+sha256:<hash of the executable>`
    pub software: String,
}

/// The place of a record in its log and in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The index of the leaf; the first record is 0.
    pub seq: u64,
    /// Microseconds since 1970-01-01T00:00:00Z.
    pub time_us: i64,
    /// Microseconds on a clock that does not step, within one boot.
    pub mono_us: u64,
}

impl Draft {
    /// The record that says this, as number `stamp.seq` of the log `origin`.
    ///
    /// # Errors
    /// [`Error::TooLong`] over [`MAX_RECORD_BYTES`]; [`Error::OutOfRange`] for a number that JSON does not
    /// carry exactly or a time outside the years 1 to 9999.
    pub fn seal(&self, origin: &Origin, stamp: Stamp) -> Result<Record, Error> {
        let fields = Fields {
            v: VERSION,
            seq: stamp.seq,
            time: format_time(stamp.time_us)?,
            mono: stamp.mono_us,
            boot: origin.boot.clone(),
            origin: origin.origin.clone(),
            cat: self.event.cat().to_owned(),
            act: self.event.act().to_owned(),
            outcome: self.outcome,
            reason: self.reason.map(str::to_owned),
            actor: ActorField {
                uid: self.actor.uid.clone(),
                name: self.actor.name.clone(),
                roles: self.actor.roles.clone(),
                sess: self.actor.session.clone(),
            },
            src: self.source.as_ref().map(|source| SourceField {
                ip: source.ip.clone(),
                port: source.port,
                tls: source.tls.clone(),
                ua_sha: source.agent_sha256.clone(),
            }),
            obj: self.object.as_ref().map(|object| ObjectField {
                kind: object.kind.to_owned(),
                id: object.id.clone(),
                owner: object.owner.clone(),
            }),
            req: self.request.clone(),
            sw: origin.software.clone(),
            model: self
                .model
                .as_ref()
                .map(|model| ModelField { id: model.id.clone(), sha256: model.sha256.clone() }),
            d: self.data.0.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
        };
        let bytes = fields.to_bytes()?;
        Ok(Record { bytes, fields })
    }
}

/// A sealed record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    bytes: Vec<u8>,
    fields: Fields,
}

impl Record {
    /// Reads a record. **Invariant:** only the bytes that sealing would write are accepted, so unknown or
    /// repeated names, `null`, other spellings, white space and trailing bytes are all refused.
    ///
    /// # Errors
    /// [`Error::TooLong`], [`Error::Malformed`], [`Error::OutOfRange`] or [`Error::NotCanonical`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() > MAX_RECORD_BYTES {
            return Err(Error::TooLong(bytes.len()));
        }
        let fields: Fields = serde_json::from_slice(bytes).map_err(Error::Malformed)?;
        fields.check()?;
        if fields.to_bytes()? != bytes {
            return Err(Error::NotCanonical);
        }
        Ok(Self { bytes: bytes.to_vec(), fields })
    }

    /// The canonical JSON, without a newline.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The leaf of the tree: SHA-256(0x00 ‖ bytes).
    pub fn leaf(&self) -> Hash {
        leaf_hash(&self.bytes)
    }

    /// What the record says.
    pub fn fields(&self) -> &Fields {
        &self.fields
    }
}

/// The fields of a record, named as in its JSON. `FORMAT.md` says what each means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fields {
    pub v: u32,
    pub seq: u64,
    pub time: String,
    pub mono: u64,
    pub boot: String,
    pub origin: String,
    pub cat: String,
    pub act: String,
    pub outcome: Outcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    pub actor: ActorField,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub src: Option<SourceField>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub obj: Option<ObjectField>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub req: Option<String>,
    pub sw: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelField>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub d: BTreeMap<String, Value>,
}

/// Field `actor`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActorField {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sess: Option<String>,
}

/// Field `src`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceField {
    pub ip: String,
    pub port: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ua_sha: Option<String>,
}

/// Field `obj`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectField {
    #[serde(rename = "type")]
    pub kind: String,
    pub id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
}

/// Field `model`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelField {
    pub id: String,
    pub sha256: String,
}

impl Fields {
    /// Field `time` in microseconds since 1970-01-01T00:00:00Z.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] if the text is not such a time.
    pub fn time_us(&self) -> Result<i64, Error> {
        let time = PrimitiveDateTime::parse(&self.time, TIME).map_err(|_| Error::OutOfRange("time"))?;
        i64::try_from(time.assume_utc().unix_timestamp_nanos() / 1_000).map_err(|_| Error::OutOfRange("time"))
    }

    /// What the types cannot say: the version, the spelling of the time, the alphabet of event names. An
    /// event that this software does not know is accepted: the catalogue grows without a new version.
    fn check(&self) -> Result<(), Error> {
        if self.v != VERSION {
            return Err(Error::OutOfRange("v"));
        }
        if format_time(self.time_us()?)? != self.time {
            return Err(Error::OutOfRange("time"));
        }
        for (name, value) in [("cat", &self.cat), ("act", &self.act)] {
            if value.is_empty()
                || !value.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.'))
            {
                return Err(Error::OutOfRange(name));
            }
        }
        Ok(())
    }

    fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let bytes = canonical::to_bytes(&serde_json::to_value(self).map_err(Error::Malformed)?)?;
        if bytes.len() > MAX_RECORD_BYTES {
            return Err(Error::TooLong(bytes.len()));
        }
        Ok(bytes)
    }
}

fn format_time(time_us: i64) -> Result<String, Error> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(time_us) * 1_000)
        .ok()
        .filter(|time| (1..=9999).contains(&time.year()))
        .and_then(|time| time.format(TIME).ok())
        .ok_or(Error::OutOfRange("time"))
}
