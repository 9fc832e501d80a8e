//! Chats whose time is over, whoever owns them. A chat under a hold is never among those that go.

use rusqlite::{Row, params};

use crate::chats::{self, Chat};
use crate::holds::COVERS;
use crate::{Error, Reader, Tx};

/// What a run over one workspace would find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// Chats that go.
    pub due: u64,
    /// Chats that would go if no hold kept them.
    pub held: u64,
    /// When the one of them that goes first was changed last.
    pub oldest: Option<i64>,
}

/// A chat that goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    pub id: String,
    pub updated_at: i64,
    pub messages: usize,
}

/// How many chats of a workspace have not changed since `before_us`.
pub fn count(reader: &Reader, workspace: &str, before_us: i64) -> Result<Count, Error> {
    let sql = format!(
        "SELECT coalesce(sum(NOT held), 0), coalesce(sum(held), 0), min(iif(held, NULL, updated_at))
         FROM (SELECT c.updated_at, {COVERS} AS held FROM chats c
               WHERE c.workspace = ?1 AND c.updated_at < ?2)"
    );
    let count = reader.one(&sql, params![workspace, before_us], |row| {
        Ok(Count { due: row.get(0)?, held: row.get(1)?, oldest: row.get(2)? })
    })?;
    Ok(count.unwrap_or(Count { due: 0, held: 0, oldest: None }))
}

/// The next chats of a workspace that go, the one longest unchanged first, from behind `after` on.
pub fn next(
    reader: &Reader,
    workspace: &str,
    before_us: i64,
    after: Option<&Due>,
    limit: usize,
) -> Result<Vec<Due>, Error> {
    let (time, id) = after.map_or((i64::MIN, ""), |due| (due.updated_at, due.id.as_str()));
    let sql = format!(
        "SELECT c.id, c.updated_at, (SELECT count(*) FROM messages m WHERE m.chat_id = c.id) FROM chats c
         WHERE c.workspace = ?1 AND c.updated_at < ?2 AND (c.updated_at, c.id) > (?3, ?4) AND NOT {COVERS}
         ORDER BY c.updated_at, c.id LIMIT ?5"
    );
    reader.all(&sql, params![workspace, before_us, time, id, limit], due_from_row)
}

/// The chat, if it still goes: nobody has changed or held it since it was found.
pub fn still(reader: &Reader, due: &Due) -> Result<Option<Chat>, Error> {
    let sql = format!(
        "SELECT {} FROM chats c WHERE c.id = ?1 AND c.updated_at = ?2 AND NOT {COVERS}",
        chats::COLUMNS
    );
    reader.one(&sql, params![due.id, due.updated_at], chats::from_row)
}

/// Anybody's chat.
pub fn find(reader: &Reader, chat_id: &str) -> Result<Option<Chat>, Error> {
    reader.one(&format!("SELECT {} FROM chats WHERE id = ?1", chats::COLUMNS), [chat_id], chats::from_row)
}

/// How many messages a chat has, and how many bytes of text.
pub fn size(reader: &Reader, chat_id: &str) -> Result<(u64, u64), Error> {
    let sql = "SELECT count(*), coalesce(sum(octet_length(content)), 0) FROM messages WHERE chat_id = ?1";
    Ok(reader.one(sql, [chat_id], |row| Ok((row.get(0)?, row.get(1)?)))?.unwrap_or_default())
}

/// Deletes anybody's chat with its messages and its part of the search index, and returns how many messages went.
pub fn erase(tx: &mut Tx<'_>, chat: &Chat) -> Result<usize, Error> {
    Ok(chats::delete(tx, &chat.scope(), &chat.id)?.unwrap_or_default())
}

fn due_from_row(row: &Row<'_>) -> rusqlite::Result<Due> {
    Ok(Due { id: row.get(0)?, updated_at: row.get(1)?, messages: row.get(2)? })
}
