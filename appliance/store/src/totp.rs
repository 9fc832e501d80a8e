//! Table `totp`: a person's secret for one-time codes, sealed, and the last time step that was accepted.

use rusqlite::{Row, params};

use crate::{Error, Reader, Tx};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Totp {
    pub user_id: String,
    /// By [`crate::Store::seal`], bound to the user's id.
    pub sealed: Vec<u8>,
    /// Steps at or below it are refused.
    pub last_step: u64,
    /// `None` until the first code proved that the person has the secret.
    pub confirmed_at: Option<i64>,
}

pub fn find(reader: &Reader, user_id: &str) -> Result<Option<Totp>, Error> {
    let sql = "SELECT user_id, sealed, last_step, confirmed_at FROM totp WHERE user_id = ?1";
    reader.one(sql, [user_id], from_row)
}

/// Stores a secret in place of the one before, if there was one.
pub fn insert(tx: &mut Tx<'_>, totp: &Totp) -> Result<(), Error> {
    let sql = "INSERT INTO totp (user_id, sealed, last_step, confirmed_at) VALUES (?1, ?2, ?3, ?4)
               ON CONFLICT (user_id) DO UPDATE SET sealed = excluded.sealed, last_step = excluded.last_step,
                   confirmed_at = excluded.confirmed_at";
    tx.execute(sql, params![totp.user_id, totp.sealed, totp.last_step, totp.confirmed_at])?;
    Ok(())
}

/// Enrolment is complete. `false` if there is no secret or it was confirmed before.
pub fn confirm(tx: &mut Tx<'_>, user_id: &str, now_us: i64) -> Result<bool, Error> {
    let sql = "UPDATE totp SET confirmed_at = ?2 WHERE user_id = ?1 AND confirmed_at IS NULL";
    Ok(tx.execute(sql, params![user_id, now_us])? == 1)
}

/// Uses up a time step. **Invariant:** of any number of attempts with one step, one gets `true`.
pub fn accept_step(tx: &mut Tx<'_>, user_id: &str, step: u64) -> Result<bool, Error> {
    let sql = "UPDATE totp SET last_step = ?2 WHERE user_id = ?1 AND last_step < ?2";
    Ok(tx.execute(sql, params![user_id, step])? == 1)
}

/// Puts in the place of every sealed secret what `anew` makes of it and of the id that it is bound to. Returns how many.
pub fn reseal(tx: &mut Tx<'_>, anew: impl Fn(&str, &[u8]) -> Result<Vec<u8>, Error>) -> Result<usize, Error> {
    let all = tx.all("SELECT user_id, sealed, last_step, confirmed_at FROM totp", [], from_row)?;
    for totp in &all {
        let sealed = anew(&totp.user_id, &totp.sealed)?;
        tx.execute("UPDATE totp SET sealed = ?2 WHERE user_id = ?1", params![totp.user_id, sealed])?;
    }
    Ok(all.len())
}

pub fn delete(tx: &mut Tx<'_>, user_id: &str) -> Result<bool, Error> {
    Ok(tx.execute("DELETE FROM totp WHERE user_id = ?1", [user_id])? == 1)
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<Totp> {
    Ok(Totp { user_id: row.get(0)?, sealed: row.get(1)?, last_step: row.get(2)?, confirmed_at: row.get(3)? })
}
