//! Tables `workspaces`, `workspace_members`, `workspace_groups`: compartments and who is in them.

use rusqlite::Row;

use crate::{Error, Reader};

/// The workspace that every appliance begins with.
pub const GENERAL: &str = "general";

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
}

const COLUMNS: &str =
    "w.id, w.name, w.marking_text, w.marking_background, w.marking_color, w.system_prompt, w.created_at";

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

fn from_row(row: &Row<'_>) -> rusqlite::Result<Workspace> {
    Ok(Workspace {
        id: row.get(0)?,
        name: row.get(1)?,
        marking_text: row.get(2)?,
        marking_background: row.get(3)?,
        marking_color: row.get(4)?,
        system_prompt: row.get(5)?,
        created_at: row.get(6)?,
    })
}
