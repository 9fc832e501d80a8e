//! Table `holds`: what a law forbids to delete. A hold on a person or a workspace covers every chat of theirs.

use rusqlite::{Row, params};

use crate::page::{self, Page};
use crate::text_enum::text_enum;
use crate::{Error, Reader, Tx};

text_enum! {
    /// What is held.
    Kind { Person = "person", Workspace = "workspace", Chat = "chat" }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    pub id: String,
    pub kind: Kind,
    /// The id of what is held.
    pub target: String,
    /// The name that it had when it was held.
    pub label: String,
    pub reason: String,
    pub placed_at: i64,
    /// The auditor's id.
    pub placed_by: String,
    pub lifted_at: Option<i64>,
    pub lifted_by: Option<String>,
}

const COLUMNS: &str = "id, kind, target, label, reason, placed_at, placed_by, lifted_at, lifted_by";

/// Whether a chat `c` is under a hold.
pub(crate) const COVERS: &str = "EXISTS (SELECT 1 FROM holds h WHERE h.lifted_at IS NULL AND (
    (h.kind = 'chat' AND h.target = c.id) OR (h.kind = 'person' AND h.target = c.owner)
    OR (h.kind = 'workspace' AND h.target = c.workspace)))";

/// The newest first, lifted ones included.
///
/// # Errors
/// [`Error::BadCursor`] if the cursor is not one of this list.
pub fn list(reader: &Reader, limit: usize, cursor: Option<&str>) -> Result<Page<Hold>, Error> {
    let (before, id) = page::before(cursor)?;
    let sql = format!(
        "SELECT {COLUMNS} FROM holds WHERE (placed_at, id) < (?1, ?2)
         ORDER BY placed_at DESC, id DESC LIMIT ?3"
    );
    let holds = reader.all(&sql, params![before, id, limit.saturating_add(1)], from_row)?;
    Ok(Page::cut(holds, limit, |last| format!("{}.{}", last.placed_at, last.id)))
}

pub fn find(reader: &Reader, id: &str) -> Result<Option<Hold>, Error> {
    reader.one(&format!("SELECT {COLUMNS} FROM holds WHERE id = ?1"), [id], from_row)
}

/// Whether this itself is named by a hold that was not lifted.
pub fn names(reader: &Reader, kind: Kind, target: &str) -> Result<bool, Error> {
    let sql = "SELECT 1 FROM holds WHERE kind = ?1 AND target = ?2 AND lifted_at IS NULL LIMIT 1";
    Ok(reader.one(sql, params![kind, target], |_| Ok(()))?.is_some())
}

/// Whether a chat may not be deleted: it, its owner or its workspace is held.
pub fn covers(reader: &Reader, chat: &str, owner: &str, workspace: &str) -> Result<bool, Error> {
    let named = [(Kind::Chat, chat), (Kind::Person, owner), (Kind::Workspace, workspace)];
    for (kind, target) in named {
        if names(reader, kind, target)? {
            return Ok(true);
        }
    }
    Ok(false)
}

pub fn insert(tx: &mut Tx<'_>, hold: &Hold) -> Result<(), Error> {
    let sql = format!("INSERT INTO holds ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)");
    let values = params![
        hold.id,
        hold.kind,
        hold.target,
        hold.label,
        hold.reason,
        hold.placed_at,
        hold.placed_by,
        hold.lifted_at,
        hold.lifted_by,
    ];
    tx.execute(&sql, values)?;
    Ok(())
}

/// `false` if there is no such hold or it was lifted before.
pub fn lift(tx: &mut Tx<'_>, id: &str, by: &str, now_us: i64) -> Result<bool, Error> {
    let sql = "UPDATE holds SET lifted_at = ?2, lifted_by = ?3 WHERE id = ?1 AND lifted_at IS NULL";
    Ok(tx.execute(sql, params![id, now_us, by])? == 1)
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<Hold> {
    Ok(Hold {
        id: row.get(0)?,
        kind: row.get(1)?,
        target: row.get(2)?,
        label: row.get(3)?,
        reason: row.get(4)?,
        placed_at: row.get(5)?,
        placed_by: row.get(6)?,
        lifted_at: row.get(7)?,
        lifted_by: row.get(8)?,
    })
}
