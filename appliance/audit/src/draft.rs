//! What an action says about itself before it is sealed: everything in a record except its number, its
//! time and the identity of the log.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::catalogue::Event;

/// A record that is not sealed yet. Only an [`Event`] of the catalogue starts one.
#[derive(Clone, Debug)]
pub struct Draft {
    pub(crate) event: Event,
    pub(crate) outcome: Outcome,
    pub(crate) reason: Option<&'static str>,
    pub(crate) actor: Actor,
    pub(crate) source: Option<Source>,
    pub(crate) object: Option<Object>,
    pub(crate) request: Option<String>,
    pub(crate) model: Option<ModelRef>,
    pub(crate) data: Data,
}

impl Draft {
    pub fn new(event: Event, outcome: Outcome, actor: Actor) -> Self {
        Self {
            event,
            outcome,
            reason: None,
            actor,
            source: None,
            object: None,
            request: None,
            model: None,
            data: Data::default(),
        }
    }

    /// Why it came out so: a word of a fixed vocabulary, never free text.
    #[must_use]
    pub fn reason(mut self, reason: &'static str) -> Self {
        self.reason = Some(reason);
        self
    }

    /// Where the request came from.
    #[must_use]
    pub fn source(mut self, source: Source) -> Self {
        self.source = Some(source);
        self
    }

    /// What it was done to.
    #[must_use]
    pub fn object(mut self, object: Object) -> Self {
        self.object = Some(object);
        self
    }

    /// The id of the HTTP request, as the operational log and the answer name it.
    #[must_use]
    pub fn request(mut self, id: impl Into<String>) -> Self {
        self.request = Some(id.into());
        self
    }

    /// The model that took part.
    #[must_use]
    pub fn model(mut self, model: ModelRef) -> Self {
        self.model = Some(model);
        self
    }

    /// One event-specific value. Content (a prompt, a title, a query) does not belong here.
    #[must_use]
    pub fn data(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.data.insert(name, value);
        self
    }

    pub fn event(&self) -> Event {
        self.event
    }
}

/// How the action came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It was done.
    Ok,
    /// It was refused.
    Deny,
    /// It failed.
    Error,
}

impl Outcome {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Deny => "deny",
            Self::Error => "error",
        }
    }
}

/// Who did it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Actor {
    /// The stable id of the person.
    pub uid: Option<String>,
    /// The name, as known or as typed.
    pub name: Option<String>,
    pub roles: Vec<String>,
    /// A truncated hash of the session's token, never the token.
    pub session: Option<String>,
}

impl Actor {
    /// The appliance itself.
    pub fn system() -> Self {
        Self { roles: vec!["system".to_owned()], ..Self::default() }
    }

    /// An administrator at the machine's console.
    pub fn console() -> Self {
        Self { roles: vec!["console".to_owned()], ..Self::default() }
    }

    /// Somebody who is not signed in; `name` as typed, if one was.
    pub fn nobody(name: Option<String>) -> Self {
        Self { name, ..Self::default() }
    }
}

/// Where a request came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    pub ip: String,
    pub port: u16,
    /// The TLS version, for example `1.3`.
    pub tls: Option<String>,
    /// SHA-256 of the user agent, in hex.
    pub agent_sha256: Option<String>,
}

/// What something was done to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// `chat`, `message`, `user`, `session`, …
    pub kind: &'static str,
    pub id: String,
    pub owner: Option<String>,
}

impl Object {
    pub fn new(kind: &'static str, id: impl Into<String>) -> Self {
        Self { kind, id: id.into(), owner: None }
    }

    #[must_use]
    pub fn owned_by(mut self, owner: impl Into<String>) -> Self {
        self.owner = Some(owner.into());
        self
    }
}

/// A model, by its id and the SHA-256 of its file in hex.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelRef {
    pub id: String,
    pub sha256: String,
}

/// Event-specific values by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Data(pub(crate) BTreeMap<&'static str, Value>);

impl Data {
    pub fn insert(&mut self, name: &'static str, value: impl Into<Value>) {
        self.0.insert(name, value.into());
    }
}

/// A value in a record. There are no fractions: two readers could disagree about their bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    Bool(bool),
    /// Within ±(2⁵³ − 1).
    Int(i64),
    Str(String),
    List(Vec<String>),
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::Int(value.into())
    }
}

/// A count over `i64::MAX` becomes `i64::MAX`, which sealing refuses as out of range.
impl From<u64> for Value {
    fn from(value: u64) -> Self {
        Self::Int(i64::try_from(value).unwrap_or(i64::MAX))
    }
}

/// A count over `i64::MAX` becomes `i64::MAX`, which sealing refuses as out of range.
impl From<usize> for Value {
    fn from(value: usize) -> Self {
        Self::Int(i64::try_from(value).unwrap_or(i64::MAX))
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Str(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Str(value)
    }
}

impl From<Vec<String>> for Value {
    fn from(value: Vec<String>) -> Self {
        Self::List(value)
    }
}
