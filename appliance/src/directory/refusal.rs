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
    /// It answers, but its entry of the person lacks what is needed, or has too much of it.
    #[error("what the directory says of the person cannot be used: {0}")]
    Unusable(String),
    /// Nothing is known about the person: no server answers, or what it says cannot be relied on. No password was sent.
    #[error("the directory cannot be asked: {0}")]
    Unavailable(String),
    /// The same, but a password was sent or may have been: the directory may have counted it.
    #[error("the directory gave no answer: {0}")]
    Unanswered(String),
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
            Self::Unusable(_) => "unusable_entry",
            Self::Unavailable(_) | Self::Unanswered(_) => "directory_unavailable",
        }
    }

    /// Whether the directory said nothing of the person.
    pub fn is_silence(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Unanswered(_))
    }

    /// What it is if it came of sending a password.
    pub(super) fn after_password(self) -> Self {
        match self {
            Self::Unavailable(why) => Self::Unanswered(why),
            other => other,
        }
    }
}
