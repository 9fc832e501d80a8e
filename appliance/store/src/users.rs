//! Table `users`. Names are normalised by the caller.

use rusqlite::{Row, params};

use crate::text_enum::text_enum;
use crate::{Error, Page, Reader, Tx};

text_enum! {
    /// What a person may do.
    Role { Analyst = "analyst", Admin = "admin", Auditor = "auditor" }
}

text_enum! {
    /// Who says that an account exists and checks its password.
    Source {
        /// This appliance.
        Local = "local",
        /// The LDAP directory.
        Directory = "directory",
    }
}

text_enum! {
    /// Where a role or a membership comes from.
    Origin {
        /// An admin, or the console.
        Assigned = "assigned",
        /// A mapping of directory groups, followed at every check.
        Directory = "directory",
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub id: String,
    pub name: String,
    pub role: Role,
    /// A PHC string; empty for people of the directory, which no password matches.
    pub password_hash: String,
    /// By an admin.
    pub disabled: bool,
    pub created_at: i64,
    /// As the directory or the person writes it; may be empty.
    pub display_name: String,
    pub source: Source,
    pub role_source: Origin,
    /// `entryUUID` or `objectGUID`: who this is, whatever the name becomes.
    pub directory_id: Option<String>,
    /// Why the directory refuses this person; `None` while it does not.
    pub directory_state: Option<String>,
    /// When the directory last spoke about this person.
    pub checked_at: Option<i64>,
}

impl User {
    /// Whether this person may have a session, as far as this row says.
    pub fn is_active(&self) -> bool {
        !self.disabled && self.directory_state.is_none()
    }
}

const COLUMNS: &str = "id, name, role, password_hash, disabled, created_at, display_name, source, role_source, \
                       directory_id, directory_state, checked_at";

pub fn find(reader: &Reader, id: &str) -> Result<Option<User>, Error> {
    reader.one(&format!("SELECT {COLUMNS} FROM users WHERE id = ?1"), [id], from_row)
}

pub fn find_by_name(reader: &Reader, name: &str) -> Result<Option<User>, Error> {
    reader.one(&format!("SELECT {COLUMNS} FROM users WHERE name = ?1"), [name], from_row)
}

pub fn find_by_directory_id(reader: &Reader, directory_id: &str) -> Result<Option<User>, Error> {
    reader.one(&format!("SELECT {COLUMNS} FROM users WHERE directory_id = ?1"), [directory_id], from_row)
}

/// Everybody, by name.
pub fn list(reader: &Reader) -> Result<Vec<User>, Error> {
    reader.all(&format!("SELECT {COLUMNS} FROM users ORDER BY name"), [], from_row)
}

/// People whose name or display name contains `query` (any, if it is empty), by name.
pub fn search(reader: &Reader, query: &str, limit: usize, cursor: Option<&str>) -> Result<Page<User>, Error> {
    let sql = format!(
        "SELECT {COLUMNS} FROM users WHERE name > ?1 AND (instr(name, ?2) OR instr(lower(display_name), ?2))
         ORDER BY name LIMIT ?3"
    );
    let query = query.to_lowercase();
    let found =
        reader.all(&sql, params![cursor.unwrap_or_default(), query, limit.saturating_add(1)], from_row)?;
    Ok(Page::cut(found, limit, |user: &User| user.name.clone()))
}

/// People of the directory, by name.
pub fn list_of_directory(reader: &Reader) -> Result<Vec<User>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM users WHERE source = 'directory' ORDER BY name");
    reader.all(&sql, [], from_row)
}

/// People of the directory who can reach the appliance at `now_us`, by a session or an API key, and of whom the
/// directory last spoke at `checked_before_us` or earlier; who waits longest comes first.
pub fn list_due(
    reader: &Reader,
    now_us: i64,
    checked_before_us: i64,
    limit: usize,
) -> Result<Vec<User>, Error> {
    let sql = format!(
        "SELECT {COLUMNS} FROM users u
         WHERE source = 'directory' AND coalesce(checked_at, 0) <= ?2 AND disabled = 0 AND directory_state IS NULL
             AND (EXISTS (SELECT 1 FROM sessions s WHERE s.user_id = u.id)
                  OR EXISTS (SELECT 1 FROM api_keys k WHERE k.user_id = u.id AND k.revoked_at IS NULL
                             AND (k.expires_at IS NULL OR k.expires_at > ?1)))
         ORDER BY checked_at, id LIMIT ?3"
    );
    reader.all(&sql, params![now_us, checked_before_us, limit], from_row)
}

/// How many admins could sign in now.
pub fn count_admins(reader: &Reader) -> Result<usize, Error> {
    count_other_admins(reader, "")
}

/// How many admins could sign in now, not counting this one.
pub fn count_other_admins(reader: &Reader, id: &str) -> Result<usize, Error> {
    let sql = "SELECT count(*) FROM users
               WHERE role = 'admin' AND disabled = 0 AND directory_state IS NULL AND id <> ?1";
    Ok(reader.one(sql, [id], |row| row.get(0))?.unwrap_or(0))
}

/// # Errors
/// [`Error::Conflict`] if the name is taken.
pub fn insert(tx: &mut Tx<'_>, user: &User) -> Result<(), Error> {
    let sql =
        format!("INSERT INTO users ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)");
    tx.execute(
        &sql,
        params![
            user.id,
            user.name,
            user.role,
            user.password_hash,
            user.disabled,
            user.created_at,
            user.display_name,
            user.source,
            user.role_source,
            user.directory_id,
            user.directory_state,
            user.checked_at,
        ],
    )?;
    Ok(())
}

/// `false` if there is no such user; the other updates too.
pub fn update_role(tx: &mut Tx<'_>, id: &str, role: Role, source: Origin) -> Result<bool, Error> {
    let sql = "UPDATE users SET role = ?2, role_source = ?3 WHERE id = ?1";
    Ok(tx.execute(sql, params![id, role, source])? == 1)
}

/// # Errors
/// [`Error::Conflict`] if somebody else has the name.
pub fn update_name(tx: &mut Tx<'_>, id: &str, name: &str) -> Result<bool, Error> {
    Ok(tx.execute("UPDATE users SET name = ?2 WHERE id = ?1", [id, name])? == 1)
}

pub fn update_display_name(tx: &mut Tx<'_>, id: &str, display_name: &str) -> Result<bool, Error> {
    Ok(tx.execute("UPDATE users SET display_name = ?2 WHERE id = ?1", [id, display_name])? == 1)
}

/// Notes what the directory said of a person: why it refuses them, or that it does not.
pub fn update_directory_state(
    tx: &mut Tx<'_>,
    id: &str,
    state: Option<&str>,
    checked_at: i64,
) -> Result<bool, Error> {
    let sql = "UPDATE users SET directory_state = ?2, checked_at = ?3 WHERE id = ?1";
    Ok(tx.execute(sql, params![id, state, checked_at])? == 1)
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
        display_name: row.get(6)?,
        source: row.get(7)?,
        role_source: row.get(8)?,
        directory_id: row.get(9)?,
        directory_state: row.get(10)?,
        checked_at: row.get(11)?,
    })
}
