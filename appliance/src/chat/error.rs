//! Why a chat does not do what was asked. Nothing here knows HTTP.

use crate::access::{self, Lapse, NotConfirmed};
use crate::random::NoRandomness;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("no such chat")]
    NoSuchChat,
    #[error("no such message")]
    NoSuchMessage,
    #[error("no such model")]
    NoSuchModel,
    /// Only a question can be answered, only an answer or the start can be followed by a question.
    #[error("{0}")]
    NotThere(&'static str),
    #[error("an answer is still being written in this chat; stop it first")]
    StillAnswering,
    #[error("{field}: {why}")]
    Invalid { field: String, why: String },
    #[error("the message has {tokens} tokens, more than the {context} of the model's context")]
    ContextExceeded { tokens: u32, context: u32 },
    #[error("the model is busy")]
    Busy { retry_after_seconds: u64 },
    #[error("too many answers of one person are open")]
    Quota { retry_after_seconds: u64 },
    /// While it was made.
    #[error("the right to it was lost ({})", .0.as_str())]
    Lapsed(Lapse),
    #[error(transparent)]
    Access(#[from] access::Error),
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    #[error(transparent)]
    Store(#[from] redoubt_store::Error),
}

impl From<NotConfirmed> for Error {
    fn from(error: NotConfirmed) -> Self {
        access::Error::from(error).into()
    }
}
