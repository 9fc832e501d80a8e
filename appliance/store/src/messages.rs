//! Table `messages`: the tree of questions and answers of a chat. Every function takes the owner, but for
//! what the appliance does by itself.

use rusqlite::{Row, params};
use serde::{Deserialize, Serialize};

use crate::text_enum::text_enum;
use crate::{Error, Reader, Tx};

text_enum! {
    /// Who wrote a message.
    Role { User = "user", Assistant = "assistant" }
}

text_enum! {
    Status {
        /// The engine is at it. After a restart nobody is: the message has failed.
        Streaming = "streaming",
        Done = "done",
        Stopped = "stopped",
        Failed = "failed",
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Message {
    pub id: String,
    pub chat_id: String,
    /// `None` for a first question.
    pub parent: Option<String>,
    pub role: Role,
    pub content: String,
    pub status: Status,
    pub finish_reason: Option<String>,
    pub model: Option<String>,
    pub prompt_tokens: Option<u32>,
    pub completion_tokens: Option<u32>,
    pub cached_tokens: Option<u32>,
    /// Turns that left the prompt because it was too long.
    pub dropped_turns: Option<u32>,
    pub elapsed_ms: Option<u64>,
    pub created_at: i64,
}

/// How an answer ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finish {
    pub status: Status,
    pub content: String,
    pub finish_reason: Option<String>,
    pub prompt_tokens: Option<u32>,
    pub completion_tokens: Option<u32>,
    pub cached_tokens: Option<u32>,
    pub dropped_turns: Option<u32>,
    pub elapsed_ms: Option<u64>,
}

const COLUMNS: &str = "id, chat_id, parent, role, content, status, finish_reason, model, prompt_tokens, \
                       completion_tokens, cached_tokens, dropped_turns, elapsed_ms, created_at";

/// All messages of a chat, the oldest first: a parent comes before its children.
pub fn list(reader: &Reader, owner: &str, chat_id: &str) -> Result<Vec<Message>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM messages WHERE owner = ?1 AND chat_id = ?2 ORDER BY pk");
    reader.all(&sql, [owner, chat_id], from_row)
}

/// The same with the numbers of the records of their creation.
pub(crate) fn list_with_records(
    reader: &Reader,
    owner: &str,
    chat_id: &str,
) -> Result<Vec<(Message, u64)>, Error> {
    let sql =
        format!("SELECT {COLUMNS}, audit_seq FROM messages WHERE owner = ?1 AND chat_id = ?2 ORDER BY pk");
    reader.all(&sql, [owner, chat_id], |row| Ok((from_row(row)?, row.get("audit_seq")?)))
}

pub fn find(reader: &Reader, owner: &str, chat_id: &str, id: &str) -> Result<Option<Message>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM messages WHERE owner = ?1 AND chat_id = ?2 AND id = ?3");
    reader.one(&sql, [owner, chat_id, id], from_row)
}

/// Everybody's answers that have no end yet, with their owners: what a restart has to close.
pub fn list_streaming(reader: &Reader) -> Result<Vec<(String, Message)>, Error> {
    let sql = format!("SELECT {COLUMNS}, owner FROM messages WHERE status = 'streaming' ORDER BY pk");
    reader.all(&sql, [], |row| Ok((row.get("owner")?, from_row(row)?)))
}

/// `audit_seq` is the number of the record of its creation, from [`Tx::audit`] in the same transaction.
///
/// # Errors
/// [`Error::Sql`] (a foreign key) if the owner has no such chat or the chat no such parent.
pub fn insert(tx: &mut Tx<'_>, owner: &str, message: &Message, audit_seq: u64) -> Result<(), Error> {
    let sql = format!(
        "INSERT INTO messages ({COLUMNS}, owner, audit_seq)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)"
    );
    tx.execute(
        &sql,
        params![
            message.id,
            message.chat_id,
            message.parent,
            message.role,
            message.content,
            message.status,
            message.finish_reason,
            message.model,
            message.prompt_tokens,
            message.completion_tokens,
            message.cached_tokens,
            message.dropped_turns,
            message.elapsed_ms,
            message.created_at,
            owner,
            audit_seq,
        ],
    )?;
    Ok(())
}

/// Ends an answer. `false` if it has ended or was deleted before: then nothing changes.
pub fn finish(tx: &mut Tx<'_>, id: &str, finish: &Finish) -> Result<bool, Error> {
    let sql = "UPDATE messages SET status = ?2, content = ?3, finish_reason = ?4, prompt_tokens = ?5,
                   completion_tokens = ?6, cached_tokens = ?7, dropped_turns = ?8, elapsed_ms = ?9
               WHERE id = ?1 AND status = 'streaming'";
    let changed = tx.execute(
        sql,
        params![
            id,
            finish.status,
            finish.content,
            finish.finish_reason,
            finish.prompt_tokens,
            finish.completion_tokens,
            finish.cached_tokens,
            finish.dropped_turns,
            finish.elapsed_ms,
        ],
    )?;
    Ok(changed == 1)
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<Message> {
    Ok(Message {
        id: row.get(0)?,
        chat_id: row.get(1)?,
        parent: row.get(2)?,
        role: row.get(3)?,
        content: row.get(4)?,
        status: row.get(5)?,
        finish_reason: row.get(6)?,
        model: row.get(7)?,
        prompt_tokens: row.get(8)?,
        completion_tokens: row.get(9)?,
        cached_tokens: row.get(10)?,
        dropped_turns: row.get(11)?,
        elapsed_ms: row.get(12)?,
        created_at: row.get(13)?,
    })
}
