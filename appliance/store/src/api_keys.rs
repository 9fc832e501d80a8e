//! Table `api_keys`: keys for programs, by the hash of the key.

use rusqlite::{Row, params};

use crate::{Error, Reader, Tx};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    pub id: String,
    pub user_id: String,
    /// What the person calls it.
    pub name: String,
    pub hash: [u8; 32],
    pub created_at: i64,
    pub expires_at: Option<i64>,
    pub last_used_at: Option<i64>,
    pub revoked_at: Option<i64>,
    /// How many answers may run at once.
    pub parallel: u32,
    /// The one workspace that it sees.
    pub workspace: String,
    /// What it may be used for: words divided by spaces.
    pub scopes: String,
}

const COLUMNS: &str = "id, user_id, name, hash, created_at, expires_at, last_used_at, revoked_at, parallel, workspace, \
                       scopes";

pub fn insert(tx: &mut Tx<'_>, key: &ApiKey) -> Result<(), Error> {
    let sql =
        format!("INSERT INTO api_keys ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)");
    tx.execute(
        &sql,
        params![
            key.id,
            key.user_id,
            key.name,
            key.hash,
            key.created_at,
            key.expires_at,
            key.last_used_at,
            key.revoked_at,
            key.parallel,
            key.workspace,
            key.scopes,
        ],
    )?;
    Ok(())
}

/// Also an expired or revoked one: that is the caller's to check, and to record.
pub fn find_by_hash(reader: &Reader, hash: &[u8; 32]) -> Result<Option<ApiKey>, Error> {
    reader.one(&format!("SELECT {COLUMNS} FROM api_keys WHERE hash = ?1"), [hash], from_row)
}

/// A person's keys, the oldest first, revoked ones too.
pub fn list_by_user(reader: &Reader, user_id: &str) -> Result<Vec<ApiKey>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM api_keys WHERE user_id = ?1 ORDER BY created_at, id");
    reader.all(&sql, [user_id], from_row)
}

/// A key of this person, revoked or not.
pub fn find_of(reader: &Reader, user_id: &str, id: &str) -> Result<Option<ApiKey>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM api_keys WHERE user_id = ?1 AND id = ?2");
    reader.one(&sql, [user_id, id], from_row)
}

/// Notes that the key was used.
pub fn touch(tx: &mut Tx<'_>, id: &str, now_us: i64) -> Result<bool, Error> {
    Ok(tx.execute("UPDATE api_keys SET last_used_at = ?2 WHERE id = ?1", params![id, now_us])? == 1)
}

/// `false` if this person has no such key or it was revoked before.
pub fn revoke(tx: &mut Tx<'_>, user_id: &str, id: &str, now_us: i64) -> Result<bool, Error> {
    let sql = "UPDATE api_keys SET revoked_at = ?3 WHERE user_id = ?1 AND id = ?2 AND revoked_at IS NULL";
    Ok(tx.execute(sql, params![user_id, id, now_us])? == 1)
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<ApiKey> {
    Ok(ApiKey {
        id: row.get(0)?,
        user_id: row.get(1)?,
        name: row.get(2)?,
        hash: row.get(3)?,
        created_at: row.get(4)?,
        expires_at: row.get(5)?,
        last_used_at: row.get(6)?,
        revoked_at: row.get(7)?,
        parallel: row.get(8)?,
        workspace: row.get(9)?,
        scopes: row.get(10)?,
    })
}
