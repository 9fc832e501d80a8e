//! Why somebody is not let in. Nothing here knows HTTP.

use super::certificate::Fault;
use super::password::{self, Weak};
use super::{recovery, totp};
use crate::access::{Lapse, NotConfirmed};
use crate::random::NoRandomness;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Wrong password, unknown name, disabled account: one answer to all of them.
    #[error("the user name or the password is not right")]
    SignInFailed,
    /// With what is wrong with the certificate itself; `None` where it is the person's account.
    #[error("the certificate was not accepted")]
    CertificateRefused(Option<Fault>),
    #[error("the code was not accepted")]
    CodeRefused,
    #[error("locked for another {seconds} s")]
    Locked { seconds: u64 },
    /// Of one source, whatever was tried.
    #[error("too many attempts; {seconds} s until the next")]
    TooManyAttempts { seconds: u64 },
    #[error("not signed in")]
    NotSignedIn,
    #[error("the session has ended")]
    SessionExpired,
    #[error("the session is locked")]
    SessionLocked,
    #[error("the notice was not accepted")]
    NoticeRequired,
    #[error("less was given than this asks for, or more")]
    Incomplete,
    #[error("the role does not allow this")]
    Forbidden,
    #[error("password and code are needed again")]
    ProofNeeded,
    /// Of a program.
    #[error("the key is not accepted ({})", .0.reason)]
    KeyRefused(Box<super::RefusedKey>),
    #[error("no such session")]
    NoSuchSession,
    #[error("no such person")]
    NoSuchPerson,
    #[error("admins do not change their own role and do not disable themselves: another admin does")]
    OwnAccount,
    #[error("this is the last admin who can sign in")]
    LastAdmin,
    #[error("the directory keeps this person's password")]
    NotLocal,
    /// A privileged action of somebody whom the directory cannot be asked about.
    #[error("the directory does not answer")]
    DirectoryAway,
    #[error("this is not the distinguished name of a group")]
    BadGroupName,
    #[error("there is no such group")]
    NoSuchGroup,
    #[error("no such mapping")]
    NoSuchMapping,
    #[error("there is such a mapping already")]
    MappingExists,
    #[error("this mapping is in the configuration and is deleted there")]
    Configured,
    #[error("{0:?} cannot be a user name")]
    BadName(String),
    #[error("a name to show is one line of at most 128 characters")]
    BadDisplayName,
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
    #[error(transparent)]
    Store(#[from] redoubt_store::Error),
}

impl From<NotConfirmed> for Error {
    /// A session is over with its person, their role or the directory's word.
    fn from(error: NotConfirmed) -> Self {
        match error {
            NotConfirmed::Lapsed(Lapse::Locked) => Self::SessionLocked,
            NotConfirmed::Lapsed(Lapse::Workspace | Lapse::Permission | Lapse::Model) => Self::Forbidden,
            NotConfirmed::Lapsed(_) => Self::SessionExpired,
            NotConfirmed::Store(error) => error.into(),
        }
    }
}
