//! Table `purges`: chats that are to be erased after a spill, who asked and who decided.

use rusqlite::{Row, params};

use crate::page::{self, Page};
use crate::text_enum::text_enum;
use crate::{Error, Reader, Tx};

text_enum! {
    State {
        Asked = "asked",
        Refused = "refused",
        /// The rows are gone; other traces may not be yet.
        Approved = "approved",
        Done = "done",
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Purge {
    pub id: String,
    pub chat_id: String,
    pub owner: String,
    pub workspace: String,
    /// The admin's, for the auditor.
    pub reason: String,
    pub state: State,
    /// Of the chat.
    pub created_at: i64,
    pub messages: u64,
    /// Of its text; of the sealed file if it was archived.
    pub bytes: u64,
    pub asked_at: i64,
    /// The admin's id.
    pub asked_by: String,
    pub decided_at: Option<i64>,
    /// The auditor's id.
    pub decided_by: Option<String>,
    pub done_at: Option<i64>,
}

const COLUMNS: &str = "id, chat_id, owner, workspace, reason, state, created_at, messages, bytes, asked_at, asked_by, \
                       decided_at, decided_by, done_at";

/// The newest first.
///
/// # Errors
/// [`Error::BadCursor`] if the cursor is not one of this list.
pub fn list(reader: &Reader, limit: usize, cursor: Option<&str>) -> Result<Page<Purge>, Error> {
    let (before, id) = page::before(cursor)?;
    let sql = format!(
        "SELECT {COLUMNS} FROM purges WHERE (asked_at, id) < (?1, ?2) ORDER BY asked_at DESC, id DESC LIMIT ?3"
    );
    let purges = reader.all(&sql, params![before, id, limit.saturating_add(1)], from_row)?;
    Ok(Page::cut(purges, limit, |last| format!("{}.{}", last.asked_at, last.id)))
}

pub fn find(reader: &Reader, id: &str) -> Result<Option<Purge>, Error> {
    reader.one(&format!("SELECT {COLUMNS} FROM purges WHERE id = ?1"), [id], from_row)
}

/// All of a chat, the newest first.
pub fn list_of(reader: &Reader, chat_id: &str) -> Result<Vec<Purge>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM purges WHERE chat_id = ?1 ORDER BY asked_at DESC, id DESC");
    reader.all(&sql, [chat_id], from_row)
}

/// Those whose chat has left the tables and that are not done.
pub fn list_approved(reader: &Reader) -> Result<Vec<Purge>, Error> {
    reader.all(&format!("SELECT {COLUMNS} FROM purges WHERE state = 'approved'"), [], from_row)
}

pub fn insert(tx: &mut Tx<'_>, purge: &Purge) -> Result<(), Error> {
    let sql = format!(
        "INSERT INTO purges ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)"
    );
    let values = params![
        purge.id,
        purge.chat_id,
        purge.owner,
        purge.workspace,
        purge.reason,
        purge.state,
        purge.created_at,
        purge.messages,
        purge.bytes,
        purge.asked_at,
        purge.asked_by,
        purge.decided_at,
        purge.decided_by,
        purge.done_at,
    ];
    tx.execute(&sql, values)?;
    Ok(())
}

/// State, size and who decided when. `false` if there is no such purge.
pub fn update(tx: &mut Tx<'_>, purge: &Purge) -> Result<bool, Error> {
    let sql = "UPDATE purges SET state = ?2, messages = ?3, bytes = ?4, decided_at = ?5, decided_by = ?6,
                   done_at = ?7 WHERE id = ?1";
    let values = params![
        purge.id,
        purge.state,
        purge.messages,
        purge.bytes,
        purge.decided_at,
        purge.decided_by,
        purge.done_at,
    ];
    Ok(tx.execute(sql, values)? == 1)
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<Purge> {
    Ok(Purge {
        id: row.get(0)?,
        chat_id: row.get(1)?,
        owner: row.get(2)?,
        workspace: row.get(3)?,
        reason: row.get(4)?,
        state: row.get(5)?,
        created_at: row.get(6)?,
        messages: row.get(7)?,
        bytes: row.get(8)?,
        asked_at: row.get(9)?,
        asked_by: row.get(10)?,
        decided_at: row.get(11)?,
        decided_by: row.get(12)?,
        done_at: row.get(13)?,
    })
}
