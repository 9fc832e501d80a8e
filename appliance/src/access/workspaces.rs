//! What an admin does with workspaces: make, change, delete, and say who is in them.

use std::collections::BTreeSet;

use redoubt_store::holds::{self, Kind};
use redoubt_store::workspaces::Expiry;
use redoubt_store::workspaces::{self, GENERAL, Workspace};
use redoubt_store::{Reader, Tx, groups, users};

use super::{Access, Error, name};
use crate::config::Marking;
use crate::identity::By;
use crate::random;
use crate::records::rights as records;

/// The longest system prompt, in bytes: it is read before every answer.
const MAX_SYSTEM_PROMPT: usize = 16 << 10;
/// A hundred years.
const MAX_RETENTION_DAYS: u32 = 36_500;
/// Names in one record; what one change of members may hold is more than a record may.
const MEMBERS_A_RECORD: usize = 100;

/// A workspace with who is in it, by id and name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkspaceDetail {
    pub workspace: Workspace,
    pub models: Vec<String>,
    pub groups: Vec<(String, String)>,
    pub people: Vec<(String, String)>,
    pub chats: u64,
}

/// What is to become different; what is absent stays.
#[derive(Clone, Debug, Default)]
pub struct WorkspaceChange {
    pub name: Option<String>,
    /// An empty one is the appliance's own.
    pub marking: Option<Marking>,
    pub system_prompt: Option<String>,
    /// All models that it is kept to; none: to no particular ones.
    pub models: Option<Vec<String>>,
    /// After so many days without a change chats go; `Some(None)`: they stay.
    pub retention_days: Option<Option<u32>>,
    pub retention_action: Option<Expiry>,
    /// The ids of all groups and people in it.
    pub groups: Option<Vec<String>>,
    pub people: Option<Vec<String>>,
}

impl Access {
    pub async fn workspaces(&self) -> Result<Vec<WorkspaceDetail>, Error> {
        self.store
            .read(|reader| {
                workspaces::list(reader)?.into_iter().map(|workspace| detail(reader, workspace)).collect()
            })
            .await
    }

    pub async fn workspace(&self, id: &str) -> Result<WorkspaceDetail, Error> {
        let id = id.to_owned();
        self.store.read(move |reader| detail(reader, found(reader, &id)?)).await
    }

    pub async fn create_workspace(&self, by: &By, change: WorkspaceChange) -> Result<WorkspaceDetail, Error> {
        let change = self.checked_workspace(change)?;
        let name = change.name.clone().ok_or_else(|| Error::invalid("name", "a workspace has a name"))?;
        let (by, id) = (by.clone(), random::id(self.random.as_ref())?);
        self.store
            .write(move |tx| {
                by.confirm(tx)?;
                let workspace = Workspace {
                    id,
                    name,
                    marking_text: String::new(),
                    marking_background: String::new(),
                    marking_color: String::new(),
                    system_prompt: String::new(),
                    created_at: tx.now_us(),
                    retention_days: None,
                    retention_action: Expiry::Delete,
                };
                workspaces::insert(tx, &workspace).map_err(name_taken)?;
                tx.audit(records::workspace_created(&by, &workspace))?;
                apply(tx, &by, workspace, &change)
            })
            .await
    }

    pub async fn change_workspace(
        &self,
        by: &By,
        id: &str,
        change: WorkspaceChange,
    ) -> Result<WorkspaceDetail, Error> {
        let change = self.checked_workspace(change)?;
        let (by, id) = (by.clone(), id.to_owned());
        self.store
            .write(move |tx| {
                by.confirm(tx)?;
                let workspace = found(tx, &id)?;
                apply(tx, &by, workspace, &change)
            })
            .await
    }

    /// # Errors
    /// [`Error::Conflict`] if it has chats, or is the one that there always is; [`Error::Held`].
    pub async fn delete_workspace(&self, by: &By, id: &str) -> Result<(), Error> {
        let (by, id) = (by.clone(), id.to_owned());
        self.store
            .write(move |tx| {
                by.confirm(tx)?;
                let workspace = found(tx, &id)?;
                if id == GENERAL {
                    return Err(Error::Conflict("this workspace is always there"));
                }
                if holds::names(tx, Kind::Workspace, &id)? {
                    return Err(Error::Held);
                }
                if workspaces::count_chats(tx, &id)? > 0 {
                    return Err(Error::Conflict("the workspace has chats"));
                }
                if workspaces::count_archives(tx, &id)? > 0 {
                    return Err(Error::Conflict("the workspace has archived chats"));
                }
                workspaces::delete(tx, &id)?;
                tx.audit(records::workspace_deleted(&by, &workspace))?;
                Ok(())
            })
            .await
    }

    fn checked_workspace(&self, change: WorkspaceChange) -> Result<WorkspaceChange, Error> {
        let mut change = change;
        change.name = change.name.map(name).transpose()?;
        if let Some(models) = &mut change.models {
            self.check_models(models)?;
        }
        if let Some(problem) = change.marking.iter().flat_map(Marking::check).next() {
            return Err(Error::invalid("marking", problem));
        }
        if change.retention_days.flatten().is_some_and(|days| !(1..=MAX_RETENTION_DAYS).contains(&days)) {
            let why = format!("1 to {MAX_RETENTION_DAYS} days, or none");
            return Err(Error::invalid("retention_days", why));
        }
        let system_prompt = change.system_prompt.as_deref().unwrap_or_default();
        if system_prompt.len() > MAX_SYSTEM_PROMPT || system_prompt.contains('\0') {
            let why = format!("at most {} KiB of text", MAX_SYSTEM_PROMPT >> 10);
            return Err(Error::invalid("system_prompt", why));
        }
        Ok(change)
    }
}

fn apply(
    tx: &mut Tx<'_>,
    by: &By,
    mut workspace: Workspace,
    change: &WorkspaceChange,
) -> Result<WorkspaceDetail, Error> {
    if let Some(name) = &change.name {
        workspace.name.clone_from(name);
    }
    if let Some(Marking { text, background, color }) = &change.marking {
        workspace.marking_text.clone_from(text);
        workspace.marking_background.clone_from(background);
        workspace.marking_color.clone_from(color);
    }
    if let Some(system_prompt) = &change.system_prompt {
        workspace.system_prompt.clone_from(system_prompt);
    }
    workspace.retention_days = change.retention_days.unwrap_or(workspace.retention_days);
    workspace.retention_action = change.retention_action.unwrap_or(workspace.retention_action);
    workspaces::update(tx, &workspace).map_err(name_taken)?;
    if let Some(models) = &change.models {
        workspaces::replace_models(tx, &workspace.id, models)?;
    }
    change_members(tx, by, &workspace, change)?;
    let detail = detail(tx, workspace)?;
    tx.audit(records::workspace_changed(by, &detail, change))?;
    Ok(detail)
}

fn change_members(
    tx: &mut Tx<'_>,
    by: &By,
    workspace: &Workspace,
    change: &WorkspaceChange,
) -> Result<(), Error> {
    let before = members(tx, &workspace.id)?;
    if let Some(people) = &change.people {
        for id in people {
            users::find(tx, id)?.ok_or_else(|| Error::invalid("people", "there is no such person"))?;
        }
        workspaces::replace_people(tx, &workspace.id, people)?;
    }
    if let Some(ids) = &change.groups {
        for id in ids {
            groups::find(tx, id)?.ok_or_else(|| Error::invalid("groups", "there is no such group"))?;
        }
        workspaces::replace_groups(tx, &workspace.id, ids)?;
    }
    let after = members(tx, &workspace.id)?;
    let changes: Vec<(&String, bool)> = after
        .difference(&before)
        .map(|added| (added, true))
        .chain(before.difference(&after).map(|removed| (removed, false)))
        .collect();
    for changes in changes.chunks(MEMBERS_A_RECORD) {
        tx.audit(records::workspace_members(by, workspace, changes))?;
    }
    Ok(())
}

/// Who is in it, as records name them.
fn members(reader: &Reader, id: &str) -> Result<BTreeSet<String>, Error> {
    let people = workspaces::people(reader, id)?.into_iter().map(|(id, _)| format!("user:{id}"));
    let groups = workspaces::groups(reader, id)?.into_iter().map(|(id, _)| format!("group:{id}"));
    Ok(people.chain(groups).collect())
}

fn found(reader: &Reader, id: &str) -> Result<Workspace, Error> {
    workspaces::find(reader, id)?.ok_or(Error::NoSuch("workspace"))
}

fn detail(reader: &Reader, workspace: Workspace) -> Result<WorkspaceDetail, Error> {
    let id = &workspace.id;
    Ok(WorkspaceDetail {
        models: workspaces::models(reader, id)?,
        groups: workspaces::groups(reader, id)?,
        people: workspaces::people(reader, id)?,
        chats: workspaces::count_chats(reader, id)?,
        workspace,
    })
}

fn name_taken(error: redoubt_store::Error) -> Error {
    match error {
        redoubt_store::Error::Conflict => Error::Conflict("there is a workspace of this name already"),
        other => other.into(),
    }
}
