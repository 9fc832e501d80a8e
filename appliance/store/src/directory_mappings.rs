//! Table `directory_mappings`: what membership of a directory group means here, as far as an admin said so. What the
//! configuration says is not in it.

use rusqlite::{Row, params};

use crate::users::Role;
use crate::{Error, Reader, Tx};

/// What a mapping gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gives {
    Role(Role),
    Group { id: String, name: String },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryMapping {
    pub id: String,
    /// The directory's group: a normalised DN.
    pub directory_group: String,
    pub gives: Gives,
    pub created_at: i64,
}

const SELECT: &str = "SELECT m.id, m.directory_group, m.role, m.group_id, g.name, m.created_at
                      FROM directory_mappings m LEFT JOIN groups g ON g.id = m.group_id";

/// By the directory's group.
pub fn list(reader: &Reader) -> Result<Vec<DirectoryMapping>, Error> {
    reader.all(&format!("{SELECT} ORDER BY m.directory_group, m.id"), [], from_row)
}

pub fn find(reader: &Reader, id: &str) -> Result<Option<DirectoryMapping>, Error> {
    reader.one(&format!("{SELECT} WHERE m.id = ?1"), [id], from_row)
}

/// # Errors
/// [`Error::Conflict`] if the same mapping exists.
pub fn insert(tx: &mut Tx<'_>, mapping: &DirectoryMapping) -> Result<(), Error> {
    let (role, group) = match &mapping.gives {
        Gives::Role(role) => (Some(role), None),
        Gives::Group { id, .. } => (None, Some(id)),
    };
    let sql = "INSERT INTO directory_mappings (id, directory_group, role, group_id, created_at)
               VALUES (?1, ?2, ?3, ?4, ?5)";
    tx.execute(sql, params![mapping.id, mapping.directory_group, role, group, mapping.created_at])?;
    Ok(())
}

pub fn delete(tx: &mut Tx<'_>, id: &str) -> Result<bool, Error> {
    Ok(tx.execute("DELETE FROM directory_mappings WHERE id = ?1", [id])? == 1)
}

/// Every group of the appliance as id and name: what a mapping may give.
pub fn groups(reader: &Reader) -> Result<Vec<(String, String)>, Error> {
    reader.all("SELECT id, name FROM groups ORDER BY name", [], |row| Ok((row.get(0)?, row.get(1)?)))
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<DirectoryMapping> {
    let group: Option<String> = row.get(3)?;
    let gives = match group {
        Some(id) => Gives::Group { id, name: row.get(4)? },
        None => Gives::Role(row.get(2)?),
    };
    Ok(DirectoryMapping { id: row.get(0)?, directory_group: row.get(1)?, gives, created_at: row.get(5)? })
}
