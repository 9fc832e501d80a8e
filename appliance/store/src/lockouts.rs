//! Tables `lockouts` and `lockout_failures`: how often a name or a person's codes failed, and until when
//! they are locked. The caller says which keys there are; an unknown name has one like a known one.
//!
//! Record a failure in a transaction of its own: nothing that fails later may take it back.

use rusqlite::{Row, params};

use crate::{Error, Reader, Tx};

const DAY_US: i64 = 24 * 60 * 60 * 1_000_000;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lockout {
    /// Failures within the window, which slides.
    pub failures: u32,
    /// The earliest of them.
    pub window_start: Option<i64>,
    pub locked_until: Option<i64>,
    /// The start of the day (UTC) that `day_failures` counts.
    pub day_start: i64,
    pub day_failures: u32,
}

impl Lockout {
    pub fn is_locked(&self, now_us: i64) -> bool {
        self.locked_until.is_some_and(|until| now_us < until)
    }

    /// Failures on the day (UTC) of `now_us`.
    pub fn failures_today(&self, now_us: i64) -> u32 {
        if self.day_start == day(now_us) { self.day_failures } else { 0 }
    }
}

/// The state of a key, with the failures counted that its last lock or clearing left; `None` if it has
/// never failed.
pub fn find(reader: &Reader, key: &str) -> Result<Option<Lockout>, Error> {
    let sql = "SELECT count(f.at), min(f.at), l.locked_until, l.day_start, l.day_failures
               FROM lockouts l LEFT JOIN lockout_failures f ON f.key = l.key
               WHERE l.key = ?1 GROUP BY l.key";
    reader.one(sql, [key], from_row)
}

/// Counts a failure. The `max`-th within `window_us` locks the key for `lock_us`. A key that is locked
/// stays so without being locked for longer.
pub fn record_failure(
    tx: &mut Tx<'_>,
    key: &str,
    now_us: i64,
    max: u32,
    window_us: i64,
    lock_us: i64,
) -> Result<Lockout, Error> {
    let today = day(now_us);
    let sql = "INSERT INTO lockouts (key, locked_until, day_start, day_failures, updated_at)
               VALUES (?1, NULL, ?2, 1, ?3)
               ON CONFLICT (key) DO UPDATE SET day_start = ?2, updated_at = ?3,
                   day_failures = iif(day_start = ?2, day_failures, 0) + 1";
    tx.execute(sql, params![key, today, now_us])?;
    // A lock that is over starts the count anew.
    let sql = "DELETE FROM lockout_failures WHERE key = ?1 AND (at <= ?2 OR EXISTS (
                   SELECT 1 FROM lockouts WHERE key = ?1 AND locked_until <= ?3))";
    tx.execute(sql, params![key, now_us.saturating_sub(window_us), now_us])?;
    tx.execute(
        "UPDATE lockouts SET locked_until = NULL WHERE key = ?1 AND locked_until <= ?2",
        params![key, now_us],
    )?;
    tx.execute("INSERT INTO lockout_failures (key, at) VALUES (?1, ?2)", params![key, now_us])?;
    let sql = "UPDATE lockouts SET locked_until = ?2 WHERE key = ?1 AND locked_until IS NULL
                   AND (SELECT count(*) FROM lockout_failures WHERE key = ?1) >= ?3";
    tx.execute(sql, params![key, now_us.saturating_add(lock_us), max])?;
    Ok(find(tx, key)?.unwrap_or_default())
}

/// Forgets the failures and the lock, after a success or by an admin. The day's count stays.
pub fn clear(tx: &mut Tx<'_>, key: &str) -> Result<(), Error> {
    tx.execute("DELETE FROM lockout_failures WHERE key = ?1", [key])?;
    tx.execute("UPDATE lockouts SET locked_until = NULL WHERE key = ?1", [key])?;
    Ok(())
}

/// Forgets the key, the day's count too: by an admin.
pub fn delete(tx: &mut Tx<'_>, key: &str) -> Result<bool, Error> {
    Ok(tx.execute("DELETE FROM lockouts WHERE key = ?1", [key])? == 1)
}

/// Takes an attempt if fewer than `max` were taken within `window_us`. **Invariant:** of any number of attempts at
/// once, `max` get `true`.
pub fn take_attempt(
    tx: &mut Tx<'_>,
    key: &str,
    now_us: i64,
    max: u32,
    window_us: i64,
) -> Result<bool, Error> {
    let sql = "INSERT INTO lockouts (key, locked_until, day_start, day_failures, updated_at)
               VALUES (?1, NULL, ?2, 0, ?3) ON CONFLICT (key) DO UPDATE SET updated_at = ?3";
    tx.execute(sql, params![key, day(now_us), now_us])?;
    let earliest = now_us.saturating_sub(window_us);
    tx.execute("DELETE FROM lockout_failures WHERE key = ?1 AND at <= ?2", params![key, earliest])?;
    let sql = "INSERT INTO lockout_failures (key, at)
               SELECT ?1, ?2 WHERE (SELECT count(*) FROM lockout_failures WHERE key = ?1) < ?3";
    Ok(tx.execute(sql, params![key, now_us, max])? == 1)
}

/// Gives back the last attempt taken, which came to nothing that should count.
pub fn return_attempt(tx: &mut Tx<'_>, key: &str) -> Result<(), Error> {
    let sql = "DELETE FROM lockout_failures
               WHERE rowid = (SELECT max(rowid) FROM lockout_failures WHERE key = ?1)";
    tx.execute(sql, [key])?;
    Ok(())
}

/// Removes what has not failed since `before_us`, so that made-up names do not fill the disk.
pub fn delete_stale(tx: &mut Tx<'_>, before_us: i64) -> Result<usize, Error> {
    let sql = "DELETE FROM lockouts WHERE updated_at < ?1 AND (locked_until IS NULL OR locked_until < ?1)";
    tx.execute(sql, [before_us])
}

fn day(now_us: i64) -> i64 {
    now_us - now_us.rem_euclid(DAY_US)
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<Lockout> {
    Ok(Lockout {
        failures: row.get(0)?,
        window_start: row.get(1)?,
        locked_until: row.get(2)?,
        day_start: row.get(3)?,
        day_failures: row.get(4)?,
    })
}
