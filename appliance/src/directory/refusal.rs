//! Why the directory lets somebody not in.

use serde::{Deserialize, Serialize};

/// One text for the person, but each its own reason in the audit record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    #[error("the directory knows nobody of that name")]
    Unknown,
    /// Several entries match; none of them is guessed at.
    #[error("several people of the directory match that name")]
    Ambiguous,
    #[error("the directory refuses the password")]
    WrongPassword,
    #[error("the directory has disabled the account")]
    Disabled,
    #[error("the account has expired in the directory")]
    AccountExpired,
    #[error("the password has expired in the directory")]
    PasswordExpired,
    /// The password has to be changed first, elsewhere.
    #[error("the password must be changed in the directory first")]
    MustChange,
    #[error("the directory has locked the account")]
    Locked,
    /// Nothing is known about the person: no server answers, or what it says cannot be relied on.
    #[error("the directory cannot be asked: {0}")]
    Unavailable(String),
}

impl Refusal {
    /// The word of the audit record.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Unknown => "unknown_name",
            Self::Ambiguous => "ambiguous",
            Self::WrongPassword => "wrong",
            Self::Disabled => "disabled",
            Self::AccountExpired => "account_expired",
            Self::PasswordExpired => "password_expired",
            Self::MustChange => "must_change",
            Self::Locked => "locked_by_directory",
            Self::Unavailable(_) => "directory_unavailable",
        }
    }
}
