//! A sealed record: one line of canonical JSON, the exact bytes that the tree covers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::canonical::{MAX_INTEGER, Members};
use crate::draft::{Draft, Outcome, Value};
use crate::tree::{Hash, leaf_hash};
use crate::{Error, timestamp};

/// The version of the record format, field `v`.
pub const VERSION: u32 = 1;

/// The longest record. It fits the 16-bit length prefix of C2SP entry bundles.
pub const MAX_RECORD_BYTES: usize = 16 * 1024;

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
            time: timestamp::format(stamp.time_us).ok_or(Error::OutOfRange("time"))?,
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
        fields.check_numbers()?;
        let bytes = fields.to_bytes();
        if bytes.len() > MAX_RECORD_BYTES {
            return Err(Error::TooLong(bytes.len()));
        }
        Ok(Record::new(bytes, fields, stamp.time_us))
    }
}

/// A sealed record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    bytes: Vec<u8>,
    fields: Fields,
    // Known from the bytes, and asked for by everything that is derived from a record.
    leaf: Hash,
    time_us: i64,
}

impl Record {
    fn new(bytes: Vec<u8>, fields: Fields, time_us: i64) -> Self {
        let leaf = leaf_hash(&bytes);
        Self { bytes, fields, leaf, time_us }
    }

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
        let time_us = fields.time_us()?;
        let canonical = fields.to_bytes();
        if canonical != bytes {
            return Err(Error::NotCanonical);
        }
        Ok(Self::new(canonical, fields, time_us))
    }

    /// The canonical JSON, without a newline.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The leaf of the tree: SHA-256(0x00 ‖ bytes).
    pub fn leaf(&self) -> Hash {
        self.leaf
    }

    /// Field `time` in microseconds since 1970-01-01T00:00:00Z.
    pub fn time_us(&self) -> i64 {
        self.time_us
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
        timestamp::parse(&self.time).ok_or(Error::OutOfRange("time"))
    }

    /// What the types cannot say: the version, numbers, the alphabet of event names. An event that this software does
    /// not know is accepted: the catalogue grows without a new version.
    fn check(&self) -> Result<(), Error> {
        if self.v != VERSION {
            return Err(Error::OutOfRange("v"));
        }
        for (name, value) in [("cat", &self.cat), ("act", &self.act)] {
            if value.is_empty()
                || !value.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.'))
            {
                return Err(Error::OutOfRange(name));
            }
        }
        self.check_numbers()
    }

    fn check_numbers(&self) -> Result<(), Error> {
        for (name, number) in [("seq", self.seq), ("mono", self.mono)] {
            if number > MAX_INTEGER.unsigned_abs() {
                return Err(Error::OutOfRange(name));
            }
        }
        let exact = |value: &Value| !matches!(value, Value::Int(number) if !(-MAX_INTEGER..=MAX_INTEGER).contains(number));
        if self.d.values().all(exact) { Ok(()) } else { Err(Error::OutOfRange("d")) }
    }

    /// The canonical form, written field by field: each name is in its place among the sorted ones.
    fn to_bytes(&self) -> Vec<u8> {
        let mut text = String::with_capacity(1024);
        let mut record = Members::open(&mut text);
        record.string("act", &self.act);
        let mut actor = record.object("actor");
        actor.optional("name", self.actor.name.as_deref());
        actor.strings("roles", &self.actor.roles);
        actor.optional("sess", self.actor.sess.as_deref());
        actor.optional("uid", self.actor.uid.as_deref());
        actor.close();
        record.string("boot", &self.boot);
        record.string("cat", &self.cat);
        record.data("d", &self.d);
        if let Some(model) = &self.model {
            model.write(record.object("model"));
        }
        record.integer("mono", self.mono);
        if let Some(object) = &self.obj {
            object.write(record.object("obj"));
        }
        record.string("origin", &self.origin);
        record.string("outcome", self.outcome.as_str());
        record.optional("reason", self.reason.as_deref());
        record.optional("req", self.req.as_deref());
        record.integer("seq", self.seq);
        if let Some(source) = &self.src {
            let mut src = record.object("src");
            src.string("ip", &source.ip);
            src.integer("port", source.port);
            src.optional("tls", source.tls.as_deref());
            src.optional("ua_sha", source.ua_sha.as_deref());
            src.close();
        }
        record.string("sw", &self.sw);
        record.string("time", &self.time);
        record.integer("v", self.v);
        record.close();
        text.into_bytes()
    }
}

impl ObjectField {
    pub(crate) fn write(&self, mut object: Members<'_>) {
        object.string("id", &self.id);
        object.optional("owner", self.owner.as_deref());
        object.string("type", &self.kind);
        object.close();
    }
}

impl ModelField {
    pub(crate) fn write(&self, mut model: Members<'_>) {
        model.string("id", &self.id);
        model.string("sha256", &self.sha256);
        model.close();
    }
}
