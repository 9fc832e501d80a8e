//! What somebody was let in with, and whether it still holds.
//!
//! A caller is settled when the head of a request arrives; the body, the directory or the model take their time after
//! that. So every write of a caller looks again, in its own transaction ([`Standing::confirm`]), and what runs is looked
//! at again all the while ([`super::Runs`]). Both ask the one function here.

use redoubt_store::api_keys::{self, ApiKey};
use redoubt_store::users::{self, Role};
use redoubt_store::{Reader, Tx, sessions};

use super::member::within;
use super::{Permission, Rights};

/// By what somebody came in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Way {
    /// The session's id: its token changes.
    Session(String),
    /// The key's id.
    Key(String),
}

/// Who, by what, and with which rights.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Standing {
    pub user_id: String,
    pub role: Role,
    pub way: Way,
    /// The workspace that they were let into, if any.
    pub workspace: Option<String>,
    /// The model that they were let have, if any.
    pub model: Option<String>,
}

/// What does not hold any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lapse {
    Session,
    /// For acting; what runs in a locked session goes on.
    Locked,
    Revoked,
    Expired,
    /// By an admin or by the directory.
    Disabled,
    DirectoryAway,
    Role,
    Workspace,
    /// Of a key's person, for keys.
    Permission,
    Model,
    /// Nobody lost anything: the appliance stops.
    Shutdown,
}

impl Lapse {
    /// Its name in records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Locked => "locked",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
            Self::Disabled => "disabled",
            Self::DirectoryAway => "directory_away",
            Self::Role => "role",
            Self::Workspace => "workspace",
            Self::Permission => "permission",
            Self::Model => "model",
            Self::Shutdown => "shutdown",
        }
    }
}

/// Why a write was not made.
#[derive(Debug, thiserror::Error)]
pub enum NotConfirmed {
    #[error("the right to it was lost ({})", .0.as_str())]
    Lapsed(Lapse),
    #[error(transparent)]
    Store(#[from] redoubt_store::Error),
}

impl Standing {
    /// The same in a workspace.
    pub fn within(self, workspace: &str) -> Self {
        Self { workspace: Some(workspace.to_owned()), ..self }
    }

    /// The same with a model.
    pub fn using(self, model: &str) -> Self {
        Self { model: Some(model.to_owned()), ..self }
    }

    /// What is lost of it at this moment, as far as the store says; the limits of sessions are `identity`'s.
    pub fn lapse(&self, reader: &Reader, now_us: i64) -> Result<Option<Lapse>, redoubt_store::Error> {
        let way = match &self.way {
            Way::Session(id) => {
                let session = sessions::find(reader, id)?.filter(|session| session.user_id == self.user_id);
                session.is_none_or(|session| now_us >= session.expires_at).then_some(Lapse::Session)
            }
            Way::Key(id) => match api_keys::find_of(reader, &self.user_id, id)? {
                Some(key) => key_lapse(&key, now_us),
                None => Some(Lapse::Revoked),
            },
        };
        if way.is_some() {
            return Ok(way);
        }
        match users::find(reader, &self.user_id)? {
            Some(user) if user.is_active() && user.role == self.role => self.rights_lapse(reader),
            Some(user) if user.is_active() => Ok(Some(Lapse::Role)),
            _ => Ok(Some(Lapse::Disabled)),
        }
    }

    fn rights_lapse(&self, reader: &Reader) -> Result<Option<Lapse>, redoubt_store::Error> {
        let Some(workspace) = &self.workspace else { return Ok(None) };
        let Some((_, rights)) = within(reader, &self.user_id, workspace)? else {
            return Ok(Some(Lapse::Workspace));
        };
        let may_use_keys = |rights: &Rights| rights.may(Permission::ApiKeys);
        Ok(match &self.model {
            _ if matches!(self.way, Way::Key(_)) && !may_use_keys(&rights) => Some(Lapse::Permission),
            Some(model) if !rights.may_use(model) => Some(Lapse::Model),
            _ => None,
        })
    }

    /// That all of it still holds, in the transaction of what is done with it.
    ///
    /// # Errors
    /// [`NotConfirmed`]: then nothing is done.
    pub fn confirm(&self, tx: &Tx<'_>) -> Result<(), NotConfirmed> {
        if let Some(lapse) = self.lapse(tx, tx.now_us())? {
            return Err(NotConfirmed::Lapsed(lapse));
        }
        let Way::Session(id) = &self.way else { return Ok(()) };
        match sessions::find(tx, id)? {
            Some(session) if session.locked_at.is_some() => Err(NotConfirmed::Lapsed(Lapse::Locked)),
            _ => Ok(()),
        }
    }
}

/// Whether a key is over by itself.
pub(crate) fn key_lapse(key: &ApiKey, now_us: i64) -> Option<Lapse> {
    if key.revoked_at.is_some() {
        Some(Lapse::Revoked)
    } else {
        key.expires_at.is_some_and(|end| now_us >= end).then_some(Lapse::Expired)
    }
}
