//! Table `archives`: chats that are in a sealed file instead of the tables, and what goes into such a file.

use rusqlite::{Row, params};
use serde::{Deserialize, Serialize};

use crate::chats::{self, Chat};
use crate::messages::{self, Message};
use crate::page::{self, Page};
use crate::{Error, Reader, Tx};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archive {
    pub chat_id: String,
    pub owner: String,
    pub workspace: String,
    /// Below the folder of archives.
    pub file: String,
    /// Of the file, in hex.
    pub sha256: String,
    /// Of the file.
    pub bytes: u64,
    pub messages: u64,
    pub archived_at: i64,
}

/// A whole chat: its row and its messages, each with the number of the record of its creation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contents {
    pub chat: Chat,
    pub audit_seq: u64,
    /// A parent comes before its children.
    pub messages: Vec<(Message, u64)>,
}

const COLUMNS: &str = "chat_id, owner, workspace, file, sha256, bytes, messages, archived_at";

/// The newest first.
///
/// # Errors
/// [`Error::BadCursor`] if the cursor is not one of this list.
pub fn list(reader: &Reader, limit: usize, cursor: Option<&str>) -> Result<Page<Archive>, Error> {
    let (before, id) = page::before(cursor)?;
    let sql = format!(
        "SELECT {COLUMNS} FROM archives WHERE (archived_at, chat_id) < (?1, ?2)
         ORDER BY archived_at DESC, chat_id DESC LIMIT ?3"
    );
    let archives = reader.all(&sql, params![before, id, limit.saturating_add(1)], from_row)?;
    Ok(Page::cut(archives, limit, |last| format!("{}.{}", last.archived_at, last.chat_id)))
}

pub fn find(reader: &Reader, chat_id: &str) -> Result<Option<Archive>, Error> {
    reader.one(&format!("SELECT {COLUMNS} FROM archives WHERE chat_id = ?1"), [chat_id], from_row)
}

/// Whether a file is one of ours.
pub fn knows(reader: &Reader, file: &str) -> Result<bool, Error> {
    Ok(reader.one("SELECT 1 FROM archives WHERE file = ?1", [file], |_| Ok(()))?.is_some())
}

/// `audit_seq` is the number of the record of the archiving, from [`Tx::audit`] in the same transaction.
pub fn insert(tx: &mut Tx<'_>, archive: &Archive, audit_seq: u64) -> Result<(), Error> {
    let sql =
        format!("INSERT INTO archives ({COLUMNS}, audit_seq) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)");
    let values = params![
        archive.chat_id,
        archive.owner,
        archive.workspace,
        archive.file,
        archive.sha256,
        archive.bytes,
        archive.messages,
        archive.archived_at,
        audit_seq,
    ];
    tx.execute(&sql, values)?;
    Ok(())
}

/// Another file in place of an archive's: its sum and its length.
pub fn update(tx: &mut Tx<'_>, archive: &Archive) -> Result<(), Error> {
    let sql = "UPDATE archives SET sha256 = ?2, bytes = ?3 WHERE chat_id = ?1";
    tx.execute(sql, params![archive.chat_id, archive.sha256, archive.bytes])?;
    Ok(())
}

/// `false` if there is no such archive.
pub fn delete(tx: &mut Tx<'_>, chat_id: &str) -> Result<bool, Error> {
    Ok(tx.execute("DELETE FROM archives WHERE chat_id = ?1", [chat_id])? == 1)
}

/// A chat as it is in the tables, whoever owns it.
pub fn contents(reader: &Reader, chat_id: &str) -> Result<Option<Contents>, Error> {
    let sql = format!("SELECT {}, audit_seq FROM chats WHERE id = ?1", chats::COLUMNS);
    let found = reader.one(&sql, [chat_id], |row| Ok((chats::from_row(row)?, row.get("audit_seq")?)))?;
    let Some((chat, audit_seq)) = found else { return Ok(None) };
    let messages = messages::list_with_records(reader, &chat.owner, chat_id)?;
    Ok(Some(Contents { chat, audit_seq, messages }))
}

/// Puts a chat into the tables again, as if it had changed now.
///
/// # Errors
/// [`Error::Conflict`] if it is there already.
pub fn put_back(tx: &mut Tx<'_>, contents: &Contents) -> Result<(), Error> {
    let chat = Chat { updated_at: tx.now_us(), ..contents.chat.clone() };
    chats::insert(tx, &chat, contents.audit_seq)?;
    contents
        .messages
        .iter()
        .try_for_each(|(message, audit_seq)| messages::insert(tx, &chat.owner, message, *audit_seq))
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<Archive> {
    Ok(Archive {
        chat_id: row.get(0)?,
        owner: row.get(1)?,
        workspace: row.get(2)?,
        file: row.get(3)?,
        sha256: row.get(4)?,
        bytes: row.get(5)?,
        messages: row.get(6)?,
        archived_at: row.get(7)?,
    })
}
