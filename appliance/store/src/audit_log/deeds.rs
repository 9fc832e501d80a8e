//! What the log says of one thing, or of one kind of event.

use redoubt_audit::Event;
use rusqlite::{Row, params};

use crate::{Error, Reader};

/// What somebody did to one thing, again and again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deeds {
    /// The person's id, and the name that they have now.
    pub actor: String,
    pub name: String,
    pub act: String,
    pub count: u64,
    pub first: Mark,
    pub last: Mark,
}

/// A record by its number and time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    pub seq: u64,
    pub time_us: i64,
    pub act: String,
}

/// Everybody who did one of `acts` to `object`, in the order in which they first did.
pub fn deeds(reader: &Reader, object: &str, acts: [Event; 2]) -> Result<Vec<Deeds>, Error> {
    let sql = "SELECT g.actor, coalesce(u.name, g.actor), g.act, g.count, f.seq, f.time_us, l.seq, l.time_us
         FROM (SELECT actor, act, count(*) AS count, min(seq) AS first, max(seq) AS last FROM audit
               WHERE object = ?1 AND act IN (?2, ?3) AND outcome = 'ok' AND actor IS NOT NULL
               GROUP BY actor, act) g
              JOIN audit f ON f.seq = g.first JOIN audit l ON l.seq = g.last LEFT JOIN users u ON u.id = g.actor
         ORDER BY g.first";
    reader.all(sql, params![object, acts[0].act(), acts[1].act()], |row| {
        let act: String = row.get(2)?;
        let mark = |seq: usize, time: usize| {
            Ok::<_, rusqlite::Error>(Mark { seq: row.get(seq)?, time_us: row.get(time)?, act: act.clone() })
        };
        let (first, last) = (mark(4, 5)?, mark(6, 7)?);
        Ok(Deeds { actor: row.get(0)?, name: row.get(1)?, count: row.get(3)?, first, last, act })
    })
}

/// The records of a thing whose category of events is `prefix` (`purge.`), in order.
pub fn marks_of(reader: &Reader, object: &str, prefix: &str) -> Result<Vec<Mark>, Error> {
    let sql = "SELECT seq, time_us, act FROM audit WHERE object = ?1 AND substr(act, 1, length(?2)) = ?2
               ORDER BY seq";
    reader.all(sql, [object, prefix], mark)
}

/// The records of events that begin with `prefix` since `from_us`, in order; at most `limit`.
pub fn marks_since(reader: &Reader, prefix: &str, from_us: i64, limit: usize) -> Result<Vec<Mark>, Error> {
    let sql = "SELECT seq, time_us, act FROM audit WHERE act >= ?1 AND act < ?1 || char(0x10ffff)
               AND time_us >= ?2 ORDER BY seq LIMIT ?3";
    reader.all(sql, params![prefix, from_us, limit], mark)
}

fn mark(row: &Row<'_>) -> rusqlite::Result<Mark> {
    Ok(Mark { seq: row.get(0)?, time_us: row.get(1)?, act: row.get(2)? })
}
