//! Tables `workspaces`, `workspace_members`, `workspace_groups`, `workspace_models`: compartments, who is in them, and
//! which models they are kept to.

use rusqlite::{Row, params};

use crate::text_enum::text_enum;
use crate::{Error, Reader, Tx};

/// The workspace that every appliance begins with.
pub const GENERAL: &str = "general";

text_enum! {
    /// What becomes of a chat whose time is over.
    Expiry {
        Delete = "delete",
        /// It goes into a sealed file.
        Archive = "archive",
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workspace {
    pub id: String,
    pub name: String,
    /// The classification banner; empty where it is the appliance's own.
    pub marking_text: String,
    pub marking_background: String,
    pub marking_color: String,
    /// What every prompt in it begins with; may be empty.
    pub system_prompt: String,
    pub created_at: i64,
    /// A chat that has not changed for so long goes; `None`: never.
    pub retention_days: Option<u32>,
    pub retention_action: Expiry,
}

const COLUMNS: &str = "w.id, w.name, w.marking_text, w.marking_background, w.marking_color, w.system_prompt, \
                       w.created_at, w.retention_days, w.retention_action";

/// Whether a person (?1) is in a workspace `w`: by name, by a group, or, for analysts, by the group of everyone.
const HAS: &str = "EXISTS (SELECT 1 FROM workspace_members m WHERE m.workspace_id = w.id AND m.user_id = ?1)
    OR EXISTS (SELECT 1 FROM workspace_groups g JOIN group_members p ON p.group_id = g.group_id
               WHERE g.workspace_id = w.id AND p.user_id = ?1)
    OR EXISTS (SELECT 1 FROM workspace_groups g JOIN users u ON u.id = ?1 AND u.role = 'analyst'
               WHERE g.workspace_id = w.id AND g.group_id = 'everyone')";

/// Where a person may work, by name.
pub fn list_of(reader: &Reader, user_id: &str) -> Result<Vec<Workspace>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM workspaces w WHERE {HAS} ORDER BY w.name");
    reader.all(&sql, [user_id], from_row)
}

/// A workspace if this person is in it.
pub fn find_of(reader: &Reader, user_id: &str, id: &str) -> Result<Option<Workspace>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM workspaces w WHERE w.id = ?2 AND ({HAS})");
    reader.one(&sql, [user_id, id], from_row)
}

pub fn find(reader: &Reader, id: &str) -> Result<Option<Workspace>, Error> {
    reader.one(&format!("SELECT {COLUMNS} FROM workspaces w WHERE w.id = ?1"), [id], from_row)
}

/// All of them, by name.
pub fn list(reader: &Reader) -> Result<Vec<Workspace>, Error> {
    reader.all(&format!("SELECT {COLUMNS} FROM workspaces w ORDER BY w.name"), [], from_row)
}

/// # Errors
/// [`Error::Conflict`] if the name is taken; also of [`update`].
pub fn insert(tx: &mut Tx<'_>, workspace: &Workspace) -> Result<(), Error> {
    let sql =
        "INSERT INTO workspaces (id, name, marking_text, marking_background, marking_color, system_prompt,
                   created_at, retention_days, retention_action) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    let values = params![
        workspace.id,
        workspace.name,
        workspace.marking_text,
        workspace.marking_background,
        workspace.marking_color,
        workspace.system_prompt,
        workspace.created_at,
        workspace.retention_days,
        workspace.retention_action,
    ];
    tx.execute(sql, values)?;
    Ok(())
}

/// Everything but its id and age. `false` if there is no such workspace.
pub fn update(tx: &mut Tx<'_>, workspace: &Workspace) -> Result<bool, Error> {
    let sql =
        "UPDATE workspaces SET name = ?2, marking_text = ?3, marking_background = ?4, marking_color = ?5,
                   system_prompt = ?6, retention_days = ?7, retention_action = ?8 WHERE id = ?1";
    let values = params![
        workspace.id,
        workspace.name,
        workspace.marking_text,
        workspace.marking_background,
        workspace.marking_color,
        workspace.system_prompt,
        workspace.retention_days,
        workspace.retention_action,
    ];
    Ok(tx.execute(sql, values)? == 1)
}

/// With its members and prompts, not with chats or archives: that there are none is the caller's to check. Sessions that had chosen
/// it have chosen none. `false` if there is no such workspace.
pub fn delete(tx: &mut Tx<'_>, id: &str) -> Result<bool, Error> {
    Ok(tx.execute("DELETE FROM workspaces WHERE id = ?1", [id])? == 1)
}

/// Everybody's chats in it.
pub fn count_chats(reader: &Reader, id: &str) -> Result<u64, Error> {
    let sql = "SELECT count(*) FROM chats WHERE workspace = ?1";
    Ok(reader.one(sql, [id], |row| row.get(0))?.unwrap_or_default())
}

/// Everybody's chats of it that are archived.
pub fn count_archives(reader: &Reader, id: &str) -> Result<u64, Error> {
    let sql = "SELECT count(*) FROM archives WHERE workspace = ?1";
    Ok(reader.one(sql, [id], |row| row.get(0))?.unwrap_or_default())
}

/// Ids and names of the people who are in it by name, by name.
pub fn people(reader: &Reader, id: &str) -> Result<Vec<(String, String)>, Error> {
    let sql = "SELECT u.id, u.name FROM workspace_members m JOIN users u ON u.id = m.user_id
               WHERE m.workspace_id = ?1 ORDER BY u.name";
    reader.all(sql, [id], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// Ids and names of the groups that are in it, by name.
pub fn groups(reader: &Reader, id: &str) -> Result<Vec<(String, String)>, Error> {
    let sql = "SELECT g.id, g.name FROM workspace_groups m JOIN groups g ON g.id = m.group_id
               WHERE m.workspace_id = ?1 ORDER BY g.name";
    reader.all(sql, [id], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// The models that it is kept to, by id; none if it is not.
pub fn models(reader: &Reader, id: &str) -> Result<Vec<String>, Error> {
    let sql = "SELECT model FROM workspace_models WHERE workspace_id = ?1 ORDER BY model";
    reader.all(sql, [id], |row| row.get(0))
}

/// Puts these people in the place of all who were in it by name.
///
/// # Errors
/// [`Error::Sql`] (a foreign key) if there is no such person; so [`replace_groups`] of groups.
pub fn replace_people(tx: &mut Tx<'_>, id: &str, people: &[String]) -> Result<(), Error> {
    tx.execute("DELETE FROM workspace_members WHERE workspace_id = ?1", [id])?;
    for user_id in people {
        let sql =
            "INSERT INTO workspace_members (workspace_id, user_id) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
        tx.execute(sql, [id, user_id])?;
    }
    Ok(())
}

pub fn replace_groups(tx: &mut Tx<'_>, id: &str, groups: &[String]) -> Result<(), Error> {
    tx.execute("DELETE FROM workspace_groups WHERE workspace_id = ?1", [id])?;
    for group_id in groups {
        let sql =
            "INSERT INTO workspace_groups (workspace_id, group_id) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
        tx.execute(sql, [id, group_id])?;
    }
    Ok(())
}

pub fn replace_models(tx: &mut Tx<'_>, id: &str, models: &[String]) -> Result<(), Error> {
    tx.execute("DELETE FROM workspace_models WHERE workspace_id = ?1", [id])?;
    for model in models {
        let sql = "INSERT INTO workspace_models (workspace_id, model) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
        tx.execute(sql, [id, model])?;
    }
    Ok(())
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<Workspace> {
    Ok(Workspace {
        id: row.get(0)?,
        name: row.get(1)?,
        marking_text: row.get(2)?,
        marking_background: row.get(3)?,
        marking_color: row.get(4)?,
        system_prompt: row.get(5)?,
        created_at: row.get(6)?,
        retention_days: row.get(7)?,
        retention_action: row.get(8)?,
    })
}
