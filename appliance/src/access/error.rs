//! Why somebody may not, or an admin's change is not made. Nothing here knows HTTP.

use super::{Lapse, NotConfirmed, Permission};
use crate::random::NoRandomness;

/// Which quota is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quota {
    Requests,
    Tokens,
    Parallel,
}

impl Quota {
    /// Its name in records and in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Requests => "requests_per_day",
            Self::Tokens => "tokens_per_day",
            Self::Parallel => "parallel",
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The session has chosen none, or its person is not in it any more.
    #[error("no workspace is chosen")]
    NoWorkspace,
    /// Since the request was let in.
    #[error("the right to it was lost ({})", .0.as_str())]
    Lapsed(Lapse),
    #[error("the permission {0} is missing")]
    Missing(Permission),
    #[error("the key may not be used for {0}")]
    MissingScope(&'static str),
    #[error("the quota {} is used up", .quota.as_str())]
    Quota { quota: Quota, retry_after_seconds: u64 },
    #[error("there is no such {0}")]
    NoSuch(&'static str),
    /// A legal hold keeps it.
    #[error("it is kept for a legal reason")]
    Held,
    /// It cannot be done as things are.
    #[error("{0}")]
    Conflict(&'static str),
    #[error("{field}: {why}")]
    Invalid { field: &'static str, why: String },
    /// An archived chat that cannot be written or read.
    #[error("the archive {file}: {why}")]
    Archive { file: String, why: String },
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    #[error(transparent)]
    Store(#[from] redoubt_store::Error),
}

impl From<NotConfirmed> for Error {
    fn from(error: NotConfirmed) -> Self {
        match error {
            NotConfirmed::Lapsed(Lapse::Workspace) => Self::NoWorkspace,
            NotConfirmed::Lapsed(lapse) => Self::Lapsed(lapse),
            NotConfirmed::Store(error) => error.into(),
        }
    }
}

impl Error {
    pub(crate) fn invalid(field: &'static str, why: impl Into<String>) -> Self {
        Self::Invalid { field, why: why.into() }
    }
}
