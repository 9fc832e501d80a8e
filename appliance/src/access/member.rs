//! An analyst at work: a caller within the workspace that the session has chosen, with their rights there.

use std::ops::Deref;

use redoubt_store::chats::Scope;
use redoubt_store::usage::{self, Amount};
use redoubt_store::workspaces::{self, Workspace};
use redoubt_store::{Reader, Tx, sessions};

use super::rights::{self, Rights};
use super::{Access, Error, NotConfirmed, Permission, Standing};
use crate::identity::{Analyst, Caller};
use crate::records;

/// A caller who is in their session's workspace.
///
/// **Invariant:** made only by [`Access::member`], at every request anew: whoever lost the membership, or a right, has
/// lost it from the next request on.
#[derive(Clone, Debug)]
pub struct Member {
    caller: Caller<Analyst>,
    pub workspace: Workspace,
    pub rights: Rights,
}

/// What the page shows an analyst of their own.
#[derive(Clone, Debug)]
pub struct OwnRights {
    pub rights: Rights,
    /// The one that the session sees; `None` if none is chosen, or the choice is lost.
    pub workspace: Option<Workspace>,
    /// Those to choose from, by name.
    pub workspaces: Vec<Workspace>,
    /// Today.
    pub used: Amount,
}

impl Deref for Member {
    type Target = Caller<Analyst>;

    fn deref(&self) -> &Caller<Analyst> {
        &self.caller
    }
}

impl Member {
    /// Whose chats, and in which workspace.
    pub fn scope(&self) -> Scope {
        Scope { owner: self.caller.id().to_owned(), workspace: self.workspace.id.clone() }
    }

    /// By what they may do what they do here.
    pub fn standing(&self) -> Standing {
        self.caller.standing().within(&self.workspace.id)
    }

    /// First in every transaction that writes for them: [`Caller::confirm`], and that they are still in the workspace.
    ///
    /// # Errors
    /// [`NotConfirmed`]
    pub fn confirm(&self, tx: &Tx<'_>) -> Result<(), NotConfirmed> {
        self.standing().confirm(tx)
    }

    /// # Errors
    /// [`Error::Missing`]
    pub fn require(&self, permission: Permission) -> Result<(), Error> {
        if self.rights.may(permission) { Ok(()) } else { Err(Error::Missing(permission)) }
    }
}

/// A workspace and what a person may in it; `None` if they are not in it.
pub(crate) fn within(
    reader: &Reader,
    user_id: &str,
    workspace_id: &str,
) -> Result<Option<(Workspace, Rights)>, redoubt_store::Error> {
    let Some(workspace) = workspaces::find_of(reader, user_id, workspace_id)? else { return Ok(None) };
    let kept = workspaces::models(reader, workspace_id)?;
    let rights = Rights::of(&rights::load(reader, user_id)?, &kept);
    Ok(Some((workspace, rights)))
}

impl Access {
    /// # Errors
    /// [`Error::NoWorkspace`]
    pub async fn member(&self, caller: Caller<Analyst>) -> Result<Member, Error> {
        let chosen = caller.workspace().ok_or(Error::NoWorkspace)?.to_owned();
        let user_id = caller.id().to_owned();
        let found = self.store.read(move |reader| within(reader, &user_id, &chosen)).await?;
        let (workspace, rights) = found.ok_or(Error::NoWorkspace)?;
        Ok(Member { caller, workspace, rights })
    }

    /// What an analyst may, where they may work, and what they have used today; also where none is chosen yet.
    pub async fn own_rights(&self, user_id: &str, chosen: Option<&str>) -> Result<OwnRights, Error> {
        let (user_id, chosen) = (user_id.to_owned(), chosen.map(str::to_owned));
        let today = usage::day(self.clock.now_us());
        self.store
            .read(move |reader| {
                let workspaces = workspaces::list_of(reader, &user_id)?;
                let workspace =
                    workspaces.iter().find(|workspace| Some(&workspace.id) == chosen.as_ref()).cloned();
                let kept = match &workspace {
                    Some(workspace) => workspaces::models(reader, &workspace.id)?,
                    None => Vec::new(),
                };
                let rights = Rights::of(&rights::load(reader, &user_id)?, &kept);
                Ok(OwnRights { rights, workspace, workspaces, used: usage::of_day(reader, &user_id, today)? })
            })
            .await
    }

    /// Binds the session to another workspace of its person.
    ///
    /// # Errors
    /// [`Error::NoSuch`] if they are not in it, whether there is one or not.
    pub async fn choose_workspace(&self, caller: &Caller<Analyst>, asked: &str) -> Result<(), Error> {
        if caller.workspace() == Some(asked) && self.member(caller.clone()).await.is_ok() {
            return Ok(());
        }
        let (caller, asked) = (caller.clone(), asked.to_owned());
        self.store
            .write(move |tx| {
                caller.confirm(tx)?;
                let workspace = workspaces::find_of(tx, caller.id(), &asked)?;
                let workspace = workspace.ok_or(Error::NoSuch("workspace"))?;
                if !sessions::set_workspace(tx, &caller.session.id, &workspace.id)? {
                    return Err(Error::NoWorkspace);
                }
                tx.audit(records::rights::workspace_chosen(&caller, &workspace))?;
                Ok(())
            })
            .await
    }

    /// The member in the workspace that a request names; the session is bound to it if it is bound to none. Naming
    /// another than the session's own is naming none that exists.
    pub async fn enter(&self, mut caller: Caller<Analyst>, asked: Option<&str>) -> Result<Member, Error> {
        let Some(asked) = asked else { return self.member(caller).await };
        match self.member(caller.clone()).await {
            Ok(member) if member.workspace.id == asked => Ok(member),
            Ok(_) => Err(Error::NoSuch("workspace")),
            Err(Error::NoWorkspace) => {
                self.choose_workspace(&caller, asked).await?;
                caller.session.workspace = Some(asked.to_owned());
                self.member(caller).await
            }
            Err(error) => Err(error),
        }
    }
}
