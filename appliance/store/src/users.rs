//! Table `users`. Names are normalised by the caller.

use rusqlite::{Row, params};

use crate::text_enum::text_enum;
use crate::{Error, Reader, Tx};

text_enum! {
    /// What a person may do.
    Role { Analyst = "analyst", Admin = "admin", Auditor = "auditor" }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub id: String,
    pub name: String,
    pub role: Role,
    /// A PHC string.
    pub password_hash: String,
    pub disabled: bool,
    pub created_at: i64,
}

const COLUMNS: &str = "id, name, role, password_hash, disabled, created_at";

pub fn find(reader: &Reader, id: &str) -> Result<Option<User>, Error> {
    reader.one(&format!("SELECT {COLUMNS} FROM users WHERE id = ?1"), [id], from_row)
}

pub fn find_by_name(reader: &Reader, name: &str) -> Result<Option<User>, Error> {
    reader.one(&format!("SELECT {COLUMNS} FROM users WHERE name = ?1"), [name], from_row)
}

/// Everybody, by name.
pub fn list(reader: &Reader) -> Result<Vec<User>, Error> {
    reader.all(&format!("SELECT {COLUMNS} FROM users ORDER BY name"), [], from_row)
}

/// # Errors
/// [`Error::Conflict`] if the name is taken.
pub fn insert(tx: &mut Tx<'_>, user: &User) -> Result<(), Error> {
    let sql = format!("INSERT INTO users ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6)");
    tx.execute(
        &sql,
        params![user.id, user.name, user.role, user.password_hash, user.disabled, user.created_at],
    )?;
    Ok(())
}

/// `false` if there is no such user; the other updates too.
pub fn update_role(tx: &mut Tx<'_>, id: &str, role: Role) -> Result<bool, Error> {
    Ok(tx.execute("UPDATE users SET role = ?2 WHERE id = ?1", params![id, role])? == 1)
}

pub fn update_password(tx: &mut Tx<'_>, id: &str, password_hash: &str) -> Result<bool, Error> {
    Ok(tx.execute("UPDATE users SET password_hash = ?2 WHERE id = ?1", [id, password_hash])? == 1)
}

pub fn update_disabled(tx: &mut Tx<'_>, id: &str, disabled: bool) -> Result<bool, Error> {
    Ok(tx.execute("UPDATE users SET disabled = ?2 WHERE id = ?1", params![id, disabled])? == 1)
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<User> {
    Ok(User {
        id: row.get(0)?,
        name: row.get(1)?,
        role: row.get(2)?,
        password_hash: row.get(3)?,
        disabled: row.get(4)?,
        created_at: row.get(5)?,
    })
}
