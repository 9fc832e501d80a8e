//! Tables `lockouts` and `lockout_failures`: how often a name or a person's codes failed, and until when
//! they are locked. The caller says which keys there are.
//!
//! Keys of accounts are as many as there are accounts. Those of what somebody typed are as many as anybody likes, so the
//! newest [`MAX_TYPED`] are kept: a flood of them pushes out nothing but its like.
//!
//! Record a failure in a transaction of its own: nothing that fails later may take it back.

use rusqlite::{Row, params};

use crate::{Error, Reader, Tx};

/// The most keys of what was typed.
pub const MAX_TYPED: u32 = 20_000;
/// The most keys that are removed at once.
const STALE_BATCH: usize = 2_000;
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

/// When failures lock, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub max: u32,
    pub window_us: i64,
    pub lock_us: i64,
}

/// [`record_failure`] under a key that anybody can make.
pub fn record_typed_failure(
    tx: &mut Tx<'_>,
    key: &str,
    now_us: i64,
    limits: Limits,
) -> Result<Lockout, Error> {
    let sql = "INSERT INTO lockouts (key, locked_until, day_start, day_failures, updated_at, typed)
               VALUES (?1, NULL, ?2, 0, ?3, (SELECT coalesce(max(typed), 0) + 1 FROM lockouts WHERE typed IS NOT NULL))
               ON CONFLICT (key) DO NOTHING";
    if tx.execute(sql, params![key, day(now_us), now_us])? == 1 {
        let sql = "DELETE FROM lockouts
                   WHERE typed <= (SELECT max(typed) FROM lockouts WHERE typed IS NOT NULL) - ?1";
        tx.execute(sql, [MAX_TYPED])?;
    }
    record_failure(tx, key, now_us, limits)
}

/// Counts a failure. The `max`-th within the window locks the key. A key that is locked stays so without being locked for
/// longer.
pub fn record_failure(tx: &mut Tx<'_>, key: &str, now_us: i64, limits: Limits) -> Result<Lockout, Error> {
    let Limits { max, window_us, lock_us } = limits;
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

/// Gives back the last attempt taken, which came to nothing that should count. Without another, nothing stays of the key.
pub fn return_attempt(tx: &mut Tx<'_>, key: &str) -> Result<(), Error> {
    let sql = "DELETE FROM lockout_failures
               WHERE rowid = (SELECT max(rowid) FROM lockout_failures WHERE key = ?1)";
    tx.execute(sql, [key])?;
    let sql = "DELETE FROM lockouts WHERE key = ?1 AND day_failures = 0
                   AND NOT EXISTS (SELECT 1 FROM lockout_failures WHERE key = ?1)";
    tx.execute(sql, [key])?;
    Ok(())
}

/// Removes what has not failed since `before_us`, so much at a time that nobody waits for it.
pub fn delete_stale(tx: &mut Tx<'_>, before_us: i64) -> Result<usize, Error> {
    tx.execute(DELETE_STALE, params![before_us, STALE_BATCH])
}

/// Removes the keys of attempts that were taken before, and that alone: while a directory says nothing, anybody can make
/// them. Likewise so much at a time.
pub fn delete_attempts(tx: &mut Tx<'_>, before_us: i64) -> Result<usize, Error> {
    tx.execute(DELETE_ATTEMPTS, params![before_us, STALE_BATCH])
}

const DELETE_ATTEMPTS: &str = "DELETE FROM lockouts WHERE rowid IN (
    SELECT rowid FROM lockouts WHERE day_failures = 0 AND updated_at < ?1 ORDER BY updated_at LIMIT ?2)";

const DELETE_STALE: &str = "DELETE FROM lockouts WHERE rowid IN (
    SELECT rowid FROM lockouts WHERE updated_at < ?1 AND (locked_until IS NULL OR locked_until < ?1)
    ORDER BY updated_at LIMIT ?2)";

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

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;
    use crate::{migrations, words};

    #[test]
    fn what_is_stale_is_found_by_an_index() {
        let mut connection = Connection::open_in_memory().unwrap();
        words::register(&connection).unwrap();
        migrations::apply(&mut connection).unwrap();
        let reader = Reader::new(connection);
        for (sql, index) in
            [(DELETE_STALE, "lockouts_by_update"), (DELETE_ATTEMPTS, "lockouts_of_attempts_by_update")]
        {
            let sql = format!("EXPLAIN QUERY PLAN {sql}");
            let plan = reader.all(&sql, [0, 0], |row| row.get::<_, String>("detail")).unwrap();
            let found = format!("SEARCH lockouts USING INDEX {index} (updated_at<?)");
            assert!(
                plan.contains(&found.replace("INDEX", "COVERING INDEX")) || plan.contains(&found),
                "{plan:?}"
            );
            assert!(!plan.iter().any(|step| step.starts_with("SCAN")), "{plan:?}");
        }
    }
}
