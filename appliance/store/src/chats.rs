//! Table `chats`. Every function takes the owner and the workspace: a chat of somebody else, or of another workspace, is one that
//! does not exist.

use rusqlite::{Row, params};
use serde::{Deserialize, Serialize};

use crate::page::{self, Page};
use crate::{Error, Reader, Tx};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chat {
    pub id: String,
    pub owner: String,
    pub title: String,
    pub model: String,
    /// The last message of the branch that is shown.
    pub head: Option<String>,
    /// Keys the digests of this chat's texts in the audit log.
    pub salt: [u8; 16],
    pub created_at: i64,
    pub updated_at: i64,
    pub workspace: String,
}

/// Whose chats, and in which workspace.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Scope {
    pub owner: String,
    pub workspace: String,
}

impl Chat {
    pub fn scope(&self) -> Scope {
        Scope { owner: self.owner.clone(), workspace: self.workspace.clone() }
    }
}

pub(crate) const COLUMNS: &str = "id, owner, title, model, head, salt, created_at, updated_at, workspace";

pub fn find(reader: &Reader, scope: &Scope, id: &str) -> Result<Option<Chat>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM chats WHERE owner = ?1 AND workspace = ?2 AND id = ?3");
    reader.one(&sql, [&scope.owner, &scope.workspace, id], from_row)
}

/// The chat changed last comes first.
///
/// # Errors
/// [`Error::BadCursor`] if the cursor is not one of this list.
pub fn list(reader: &Reader, scope: &Scope, limit: usize, cursor: Option<&str>) -> Result<Page<Chat>, Error> {
    let (before, before_id) = page::before(cursor)?;
    let sql = format!(
        "SELECT {COLUMNS} FROM chats WHERE owner = ?1 AND workspace = ?2 AND (updated_at, id) < (?3, ?4)
         ORDER BY updated_at DESC, id DESC LIMIT ?5"
    );
    let params = params![scope.owner, scope.workspace, before, before_id, limit.saturating_add(1)];
    let chats = reader.all(&sql, params, from_row)?;
    Ok(Page::cut(chats, limit, |chat: &Chat| format!("{}.{}", chat.updated_at, chat.id)))
}

/// `audit_seq` is the number of the record of its creation, from [`Tx::audit`] in the same transaction.
pub fn insert(tx: &mut Tx<'_>, chat: &Chat, audit_seq: u64) -> Result<(), Error> {
    let sql =
        format!("INSERT INTO chats ({COLUMNS}, audit_seq) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)");
    tx.execute(
        &sql,
        params![
            chat.id,
            chat.owner,
            chat.title,
            chat.model,
            chat.head,
            chat.salt,
            chat.created_at,
            chat.updated_at,
            chat.workspace,
            audit_seq,
        ],
    )?;
    Ok(())
}

/// `false` if there is no such chat; the other updates too.
pub fn rename(tx: &mut Tx<'_>, scope: &Scope, id: &str, title: &str, now_us: i64) -> Result<bool, Error> {
    let sql = "UPDATE chats SET title = ?4, updated_at = ?5 WHERE owner = ?1 AND workspace = ?2 AND id = ?3";
    Ok(tx.execute(sql, params![scope.owner, scope.workspace, id, title, now_us])? == 1)
}

/// Also `false` if the chat has no such message.
pub fn set_head(tx: &mut Tx<'_>, scope: &Scope, id: &str, head: &str, now_us: i64) -> Result<bool, Error> {
    let sql = "UPDATE chats SET head = ?4, updated_at = ?5 WHERE owner = ?1 AND workspace = ?2 AND id = ?3
                   AND EXISTS (SELECT 1 FROM messages WHERE chat_id = ?3 AND id = ?4)";
    Ok(tx.execute(sql, params![scope.owner, scope.workspace, id, head, now_us])? == 1)
}

/// Moves the chat to the top of the list.
pub fn touch(tx: &mut Tx<'_>, scope: &Scope, id: &str, now_us: i64) -> Result<bool, Error> {
    let sql = "UPDATE chats SET updated_at = ?4 WHERE owner = ?1 AND workspace = ?2 AND id = ?3";
    Ok(tx.execute(sql, params![scope.owner, scope.workspace, id, now_us])? == 1)
}

/// Deletes the chat, its messages and their part of the search index, and returns how many messages went;
/// `None` if there is no such chat.
pub fn delete(tx: &mut Tx<'_>, scope: &Scope, id: &str) -> Result<Option<usize>, Error> {
    if find(tx, scope, id)?.is_none() {
        return Ok(None);
    }
    let messages =
        tx.execute("DELETE FROM messages WHERE owner = ?1 AND chat_id = ?2", [&scope.owner, id])?;
    tx.execute("DELETE FROM chats WHERE owner = ?1 AND id = ?2", [&scope.owner, id])?;
    Ok(Some(messages))
}

pub(crate) fn from_row(row: &Row<'_>) -> rusqlite::Result<Chat> {
    Ok(Chat {
        id: row.get(0)?,
        owner: row.get(1)?,
        title: row.get(2)?,
        model: row.get(3)?,
        head: row.get(4)?,
        salt: row.get(5)?,
        created_at: row.get(6)?,
        updated_at: row.get(7)?,
        workspace: row.get(8)?,
    })
}
