//! Table `sessions`. A session is found by the hash of its token; the token itself is nowhere.

use rusqlite::{Row, params};

use crate::text_enum::text_enum;
use crate::{Error, Reader, Tx};

text_enum! {
    /// How far the sign-in has come.
    Stage {
        /// The password was right; a code is still missing.
        Pending = "pending",
        /// Signed in.
        Full = "full",
    }
}

text_enum! {
    /// What came before the one-time code.
    FirstFactor { Password = "password", Certificate = "certificate" }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    pub id: String,
    pub token_hash: [u8; 32],
    pub user_id: String,
    pub stage: Stage,
    pub created_at: i64,
    pub last_seen_at: i64,
    /// The absolute limit. The idle limit is the caller's, by role.
    pub expires_at: i64,
    pub address: String,
    pub agent: String,
    /// The one workspace that the session sees; `None` until it is chosen.
    pub workspace: Option<String>,
    /// When password and code were last given in it.
    pub proved_at: i64,
    /// Since when it is locked.
    pub locked_at: Option<i64>,
    pub factor: FirstFactor,
}

const COLUMNS: &str = "id, token_hash, user_id, stage, created_at, last_seen_at, expires_at, address, agent, \
                       workspace, proved_at, locked_at, factor";

pub fn insert(tx: &mut Tx<'_>, session: &Session) -> Result<(), Error> {
    let sql = format!(
        "INSERT INTO sessions ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)"
    );
    tx.execute(
        &sql,
        params![
            session.id,
            session.token_hash,
            session.user_id,
            session.stage,
            session.created_at,
            session.last_seen_at,
            session.expires_at,
            session.address,
            session.agent,
            session.workspace,
            session.proved_at,
            session.locked_at,
            session.factor,
        ],
    )?;
    Ok(())
}

/// Whoever has the token's hash has the session: expiry is the caller's to check.
pub fn find_by_token(reader: &Reader, token_hash: &[u8; 32]) -> Result<Option<Session>, Error> {
    reader.one(&format!("SELECT {COLUMNS} FROM sessions WHERE token_hash = ?1"), [token_hash], from_row)
}

pub fn find(reader: &Reader, id: &str) -> Result<Option<Session>, Error> {
    reader.one(&format!("SELECT {COLUMNS} FROM sessions WHERE id = ?1"), [id], from_row)
}

/// Everybody's sessions, the one seen last first.
pub fn list(reader: &Reader) -> Result<Vec<Session>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM sessions ORDER BY last_seen_at DESC, id");
    reader.all(&sql, [], from_row)
}

/// A person's sessions, the one seen last first.
pub fn list_by_user(reader: &Reader, user_id: &str) -> Result<Vec<Session>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM sessions WHERE user_id = ?1 ORDER BY last_seen_at DESC, id");
    reader.all(&sql, [user_id], from_row)
}

/// Notes that the session was used. `false` if it is gone.
pub fn touch(tx: &mut Tx<'_>, id: &str, now_us: i64) -> Result<bool, Error> {
    let sql = "UPDATE sessions SET last_seen_at = max(last_seen_at, ?2) WHERE id = ?1";
    Ok(tx.execute(sql, params![id, now_us])? == 1)
}

/// Locks the session. `false` if it is gone or locked already.
pub fn lock(tx: &mut Tx<'_>, id: &str, now_us: i64) -> Result<bool, Error> {
    let sql = "UPDATE sessions SET locked_at = ?2 WHERE id = ?1 AND locked_at IS NULL";
    Ok(tx.execute(sql, params![id, now_us])? == 1)
}

/// Gives the session a new token, unlocked and just seen; `proved_at` is left where it is absent.
/// **Invariant:** of any number of attempts with one old token, one gets `true`.
pub fn renew(
    tx: &mut Tx<'_>,
    old_hash: &[u8; 32],
    new_hash: &[u8; 32],
    now_us: i64,
    proved_at: Option<i64>,
) -> Result<bool, Error> {
    let sql = "UPDATE sessions SET token_hash = ?2, locked_at = NULL, last_seen_at = max(last_seen_at, ?3),
                   proved_at = coalesce(?4, proved_at) WHERE token_hash = ?1";
    Ok(tx.execute(sql, params![old_hash, new_hash, now_us, proved_at])? == 1)
}

/// Binds the session to a workspace. `false` if the session is gone.
pub fn set_workspace(tx: &mut Tx<'_>, id: &str, workspace: &str) -> Result<bool, Error> {
    Ok(tx.execute("UPDATE sessions SET workspace = ?2 WHERE id = ?1", [id, workspace])? == 1)
}

/// Complete sessions of everybody.
pub fn count_full(reader: &Reader) -> Result<u64, Error> {
    let sql = "SELECT count(*) FROM sessions WHERE stage = 'full'";
    Ok(reader.one(sql, [], |row| row.get(0))?.unwrap_or_default())
}

/// Ends a session of this person. `false` if they have no such session.
pub fn delete(tx: &mut Tx<'_>, user_id: &str, id: &str) -> Result<bool, Error> {
    Ok(tx.execute("DELETE FROM sessions WHERE user_id = ?1 AND id = ?2", [user_id, id])? == 1)
}

/// Ends all sessions of this person and returns them.
pub fn delete_by_user(tx: &mut Tx<'_>, user_id: &str) -> Result<Vec<Session>, Error> {
    let sql = format!("DELETE FROM sessions WHERE user_id = ?1 RETURNING {COLUMNS}");
    tx.all(&sql, [user_id], from_row)
}

/// Ends the sessions that are past their absolute limit or were last seen before `seen_before_us`, and
/// returns them.
pub fn delete_expired(tx: &mut Tx<'_>, now_us: i64, seen_before_us: i64) -> Result<Vec<Session>, Error> {
    let sql = format!("DELETE FROM sessions WHERE expires_at <= ?1 OR last_seen_at < ?2 RETURNING {COLUMNS}");
    tx.all(&sql, params![now_us, seen_before_us], from_row)
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<Session> {
    Ok(Session {
        id: row.get(0)?,
        token_hash: row.get(1)?,
        user_id: row.get(2)?,
        stage: row.get(3)?,
        created_at: row.get(4)?,
        last_seen_at: row.get(5)?,
        expires_at: row.get(6)?,
        address: row.get(7)?,
        agent: row.get(8)?,
        workspace: row.get(9)?,
        proved_at: row.get(10)?,
        locked_at: row.get(11)?,
        factor: row.get(12)?,
    })
}
