//! Table `audit_checkpoints`: every signed root of the log.

use rusqlite::{Row, params};

use crate::{Error, Reader};

/// A checkpoint as it was signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// How many records it covers.
    pub size: u64,
    pub epoch: u64,
    /// Microseconds since 1970.
    pub time_us: i64,
    /// The signed note.
    pub note: String,
}

const COLUMNS: &str = "size, epoch, time_us, note";

pub fn latest(reader: &Reader) -> Result<Option<Signed>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM audit_checkpoints ORDER BY size DESC LIMIT 1");
    reader.one(&sql, [], from_row)
}

pub fn find(reader: &Reader, size: u64) -> Result<Option<Signed>, Error> {
    reader.one(&format!("SELECT {COLUMNS} FROM audit_checkpoints WHERE size = ?1"), [size], from_row)
}

/// Those of fewer than `before` records, the newest first.
pub fn list(reader: &Reader, before: Option<u64>, limit: usize) -> Result<Vec<Signed>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM audit_checkpoints WHERE size < ?1 ORDER BY size DESC LIMIT ?2");
    let before = before.and_then(|size| i64::try_from(size).ok()).unwrap_or(i64::MAX);
    reader.all(&sql, params![before, i64::try_from(limit).unwrap_or(i64::MAX)], from_row)
}

/// Those of an epoch that cover more than `above` and up to `to` records, by size.
pub fn of_epoch(reader: &Reader, epoch: u64, above: u64, to: u64) -> Result<Vec<Signed>, Error> {
    let sql = format!(
        "SELECT {COLUMNS} FROM audit_checkpoints WHERE epoch = ?1 AND size > ?2 AND size <= ?3 ORDER BY size"
    );
    reader.all(&sql, params![epoch, above, to], from_row)
}

pub(crate) fn insert(reader: &Reader, signed: &Signed) -> Result<(), Error> {
    let sql = "INSERT INTO audit_checkpoints (size, epoch, time_us, note) VALUES (?1, ?2, ?3, ?4)";
    let values = params![signed.size, signed.epoch, signed.time_us, signed.note];
    reader.connection().prepare_cached(sql)?.execute(values)?;
    Ok(())
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<Signed> {
    Ok(Signed { size: row.get(0)?, epoch: row.get(1)?, time_us: row.get(2)?, note: row.get(3)? })
}
