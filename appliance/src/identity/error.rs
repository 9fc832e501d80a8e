//! Why somebody is not let in. Nothing here knows HTTP.

use super::password::{self, Weak};
use super::{recovery, totp};
use crate::random::NoRandomness;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Wrong password, unknown name, disabled account: one answer to all of them.
    #[error("the user name or the password is not right")]
    SignInFailed,
    #[error("the code was not accepted")]
    CodeRefused,
    #[error("locked for another {seconds} s")]
    Locked { seconds: u64 },
    #[error("not signed in")]
    NotSignedIn,
    #[error("the session has ended")]
    SessionExpired,
    #[error("the role does not allow this")]
    Forbidden,
    #[error("password and code are needed again")]
    ProofNeeded,
    /// Of a program.
    #[error("the key is not accepted ({})", .0.reason)]
    KeyRefused(Box<super::RefusedKey>),
    #[error("no such session")]
    NoSuchSession,
    #[error("{0:?} cannot be a user name")]
    BadName(String),
    #[error(transparent)]
    Weak(#[from] Weak),
    #[error("there is a user of this name already")]
    NameTaken,
    #[error(transparent)]
    Password(#[from] password::Error),
    #[error(transparent)]
    Recovery(#[from] recovery::Error),
    #[error(transparent)]
    Totp(#[from] totp::InvalidSecret),
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    #[error(transparent)]
    Qr(#[from] super::qr::TooLong),
    #[error("a background task was interrupted")]
    Interrupted,
    #[error(transparent)]
    Store(#[from] redoubt_store::Error),
}
