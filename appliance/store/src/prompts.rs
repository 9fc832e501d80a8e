//! Table `prompts`: texts that people keep for asking again, shown to everybody in their workspace. Every function
//! takes the workspace: a prompt of another one does not exist.

use rusqlite::{Row, params};

use crate::{Error, Page, Reader, Tx};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    pub id: String,
    pub workspace_id: String,
    /// Who may change it.
    pub owner: String,
    pub name: String,
    pub content: String,
    pub created_at: i64,
    pub updated_at: i64,
}

const COLUMNS: &str = "id, workspace_id, owner, name, content, created_at, updated_at";

pub fn find(reader: &Reader, workspace_id: &str, id: &str) -> Result<Option<Prompt>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM prompts WHERE workspace_id = ?1 AND id = ?2");
    reader.one(&sql, [workspace_id, id], from_row)
}

/// Everybody's in the workspace, by name.
///
/// # Errors
/// [`Error::BadCursor`] if the cursor is not one of this list.
pub fn list(
    reader: &Reader,
    workspace_id: &str,
    limit: usize,
    cursor: Option<&str>,
) -> Result<Page<Prompt>, Error> {
    let (name, id) = match cursor {
        None => ("", ""),
        Some(cursor) => cursor.rsplit_once('\n').ok_or(Error::BadCursor)?,
    };
    let sql = format!(
        "SELECT {COLUMNS} FROM prompts WHERE workspace_id = ?1 AND (name, id) > (?2, ?3)
         ORDER BY name, id LIMIT ?4"
    );
    let prompts = reader.all(&sql, params![workspace_id, name, id, limit.saturating_add(1)], from_row)?;
    Ok(Page::cut(prompts, limit, |last| format!("{}\n{}", last.name, last.id)))
}

/// How many a person has in a workspace.
pub fn count_of(reader: &Reader, workspace_id: &str, owner: &str) -> Result<u64, Error> {
    let sql = "SELECT count(*) FROM prompts WHERE workspace_id = ?1 AND owner = ?2";
    Ok(reader.one(sql, [workspace_id, owner], |row| row.get(0))?.unwrap_or_default())
}

pub fn insert(tx: &mut Tx<'_>, prompt: &Prompt) -> Result<(), Error> {
    let sql = format!("INSERT INTO prompts ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)");
    let values = params![
        prompt.id,
        prompt.workspace_id,
        prompt.owner,
        prompt.name,
        prompt.content,
        prompt.created_at,
        prompt.updated_at,
    ];
    tx.execute(&sql, values)?;
    Ok(())
}

/// Name and text. `false` if its owner has no such prompt in its workspace.
pub fn update(tx: &mut Tx<'_>, prompt: &Prompt) -> Result<bool, Error> {
    let sql = "UPDATE prompts SET name = ?4, content = ?5, updated_at = ?6
               WHERE workspace_id = ?1 AND owner = ?2 AND id = ?3";
    let values = params![
        prompt.workspace_id,
        prompt.owner,
        prompt.id,
        prompt.name,
        prompt.content,
        prompt.updated_at,
    ];
    Ok(tx.execute(sql, values)? == 1)
}

/// `false` if this person has no such prompt in this workspace.
pub fn delete(tx: &mut Tx<'_>, workspace_id: &str, owner: &str, id: &str) -> Result<bool, Error> {
    let sql = "DELETE FROM prompts WHERE workspace_id = ?1 AND owner = ?2 AND id = ?3";
    Ok(tx.execute(sql, [workspace_id, owner, id])? == 1)
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<Prompt> {
    Ok(Prompt {
        id: row.get(0)?,
        workspace_id: row.get(1)?,
        owner: row.get(2)?,
        name: row.get(3)?,
        content: row.get(4)?,
        created_at: row.get(5)?,
        updated_at: row.get(6)?,
    })
}
