//! Table `recovery_codes`: hashes of the codes that stand in for a lost device, each good once.

use rusqlite::params;

use crate::{Error, Reader, Tx};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecoveryCode {
    pub id: i64,
    /// A PHC string.
    pub hash: String,
}

pub fn list_unused(reader: &Reader, user_id: &str) -> Result<Vec<RecoveryCode>, Error> {
    let sql = "SELECT id, hash FROM recovery_codes WHERE user_id = ?1 AND used_at IS NULL ORDER BY id";
    reader.all(sql, [user_id], |row| Ok(RecoveryCode { id: row.get(0)?, hash: row.get(1)? }))
}

pub fn count_unused(reader: &Reader, user_id: &str) -> Result<usize, Error> {
    let sql = "SELECT count(*) FROM recovery_codes WHERE user_id = ?1 AND used_at IS NULL";
    Ok(reader.one(sql, [user_id], |row| row.get(0))?.unwrap_or(0))
}

/// Issues codes; all earlier ones are void.
pub fn insert_all(tx: &mut Tx<'_>, user_id: &str, hashes: &[String]) -> Result<(), Error> {
    delete_by_user(tx, user_id)?;
    for hash in hashes {
        tx.execute("INSERT INTO recovery_codes (user_id, hash) VALUES (?1, ?2)", [user_id, hash])?;
    }
    Ok(())
}

/// Uses up a code. **Invariant:** of any number of attempts with one code, one gets `true`.
pub fn mark_used(tx: &mut Tx<'_>, user_id: &str, id: i64, now_us: i64) -> Result<bool, Error> {
    let sql = "UPDATE recovery_codes SET used_at = ?3 WHERE id = ?2 AND user_id = ?1 AND used_at IS NULL";
    Ok(tx.execute(sql, params![user_id, id, now_us])? == 1)
}

pub fn delete_by_user(tx: &mut Tx<'_>, user_id: &str) -> Result<usize, Error> {
    tx.execute("DELETE FROM recovery_codes WHERE user_id = ?1", [user_id])
}
