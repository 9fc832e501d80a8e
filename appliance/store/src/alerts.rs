//! Table `alerts`: what the rules of `[alerts]`, and the space of `[audit]`, raised, and who has seen it.

use rusqlite::{Row, params};

use crate::page::{self, Page};
use crate::text_enum::text_enum;
use crate::{Error, Reader, Tx};

text_enum! {
    /// What is counted.
    Rule { FailedSignIns = "failed_sign_ins", Refusals = "refusals", Quota = "quota", Storage = "storage" }
}

impl Rule {
    pub const ALL: [Self; 4] = [Self::FailedSignIns, Self::Refusals, Self::Quota, Self::Storage];
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    pub id: String,
    pub rule: Rule,
    pub raised_at: i64,
    /// How many there were within the window; of space, how many per cent of it are taken.
    pub count: u64,
    pub threshold: u64,
    /// 0: it is not about a span of time.
    pub window_seconds: u32,
    pub acknowledged_at: Option<i64>,
    /// The admin's name.
    pub acknowledged_by: Option<String>,
}

const COLUMNS: &str =
    "id, rule, raised_at, count, threshold, window_seconds, acknowledged_at, acknowledged_by";

/// The newest first.
///
/// # Errors
/// [`Error::BadCursor`] if the cursor is not one of this list.
pub fn list(reader: &Reader, limit: usize, cursor: Option<&str>) -> Result<Page<Alert>, Error> {
    let (before, id) = page::before(cursor)?;
    let sql = format!(
        "SELECT {COLUMNS} FROM alerts WHERE (raised_at, id) < (?1, ?2)
         ORDER BY raised_at DESC, id DESC LIMIT ?3"
    );
    let alerts = reader.all(&sql, params![before, id, limit.saturating_add(1)], from_row)?;
    Ok(Page::cut(alerts, limit, |last| format!("{}.{}", last.raised_at, last.id)))
}

pub fn find(reader: &Reader, id: &str) -> Result<Option<Alert>, Error> {
    reader.one(&format!("SELECT {COLUMNS} FROM alerts WHERE id = ?1"), [id], from_row)
}

/// The last one that this rule raised. One of the future is none: the clock was set back since.
pub fn last(reader: &Reader, rule: Rule, now_us: i64) -> Result<Option<Alert>, Error> {
    let sql = format!(
        "SELECT {COLUMNS} FROM alerts WHERE rule = ?1 AND raised_at <= ?2 ORDER BY raised_at DESC LIMIT 1"
    );
    reader.one(&sql, params![rule, now_us], from_row)
}

/// How many of a rule nobody has acknowledged.
pub fn count_open(reader: &Reader, rule: Rule) -> Result<u64, Error> {
    let sql = "SELECT count(*) FROM alerts WHERE rule = ?1 AND acknowledged_at IS NULL";
    Ok(reader.one(sql, [rule], |row| row.get(0))?.unwrap_or_default())
}

pub fn insert(tx: &mut Tx<'_>, alert: &Alert) -> Result<(), Error> {
    let sql = format!("INSERT INTO alerts ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");
    let values = params![
        alert.id,
        alert.rule,
        alert.raised_at,
        alert.count,
        alert.threshold,
        alert.window_seconds,
        alert.acknowledged_at,
        alert.acknowledged_by,
    ];
    tx.execute(&sql, values)?;
    Ok(())
}

/// `false` if there is no such alert or somebody has acknowledged it.
pub fn acknowledge(tx: &mut Tx<'_>, id: &str, by: &str, now_us: i64) -> Result<bool, Error> {
    let sql = "UPDATE alerts SET acknowledged_at = ?2, acknowledged_by = ?3
               WHERE id = ?1 AND acknowledged_at IS NULL";
    Ok(tx.execute(sql, params![id, now_us, by])? == 1)
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<Alert> {
    Ok(Alert {
        id: row.get(0)?,
        rule: row.get(1)?,
        raised_at: row.get(2)?,
        count: row.get(3)?,
        threshold: row.get(4)?,
        window_seconds: row.get(5)?,
        acknowledged_at: row.get(6)?,
        acknowledged_by: row.get(7)?,
    })
}
