//! What a verification comes to.

use std::fmt;

use serde::Serialize;

/// The verdict on a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Verdict {
    /// Every check passed, and the log extends an anchor.
    Verified,
    /// Something in the bundle is wrong.
    Invalid,
    /// Right in itself, but another log than the anchor's, or one that ends before it.
    Diverged,
    /// Right in itself; nothing shows that it goes on from what was known.
    Unanchored,
    /// Right, but not the newest one, or not the answer to the nonce.
    Stale,
}

impl Verdict {
    /// The exit code of a program that found this.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Verified => 0,
            Self::Invalid => 1,
            Self::Diverged => 2,
            Self::Unanchored => 3,
            Self::Stale => 4,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Verified => "VERIFIED",
            Self::Invalid => "INVALID",
            Self::Diverged => "DIVERGED",
            Self::Unanchored => "UNANCHORED",
            Self::Stale => "STALE",
        })
    }
}

/// Why a bundle is not simply right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The file of the bundle that it is about.
    pub file: Option<String>,
    /// The record that it is about.
    pub seq: Option<u64>,
    pub why: String,
}

impl Finding {
    pub(super) fn new(why: impl Into<String>) -> Self {
        Self { file: None, seq: None, why: why.into() }
    }

    pub(super) fn in_file(file: &str, why: impl fmt::Display) -> Self {
        Self { file: Some(file.to_owned()), seq: None, why: why.to_string() }
    }

    #[must_use]
    pub(super) fn at(mut self, seq: u64) -> Self {
        self.seq = Some(seq);
        self
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{file}: ")?;
        }
        if let Some(seq) = self.seq {
            write!(f, "record {seq}: ")?;
        }
        f.write_str(&self.why)
    }
}

/// Everything that was found out about a bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    pub verdict: Verdict,
    /// The log's name, once the bundle's signature is known to be good.
    pub origin: Option<String>,
    /// How many records the newest checkpoint covers.
    pub size: Option<u64>,
    /// Its root in base64.
    pub root: Option<String>,
    /// What was proved.
    pub checked: Vec<String>,
    /// What was not, and why.
    pub not_checked: Vec<String>,
    pub findings: Vec<Finding>,
}
