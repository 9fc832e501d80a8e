//! Table `audit`: the records and their leaves. Only [`crate::Tx::audit`] appends.

mod deeds;
mod search;
mod spans;

use redoubt_audit::{Event, Hash, Outcome, Record, Tree};
use rusqlite::{Row, params};

pub use deeds::{Deeds, Mark, deeds, marks_of, marks_since};
pub use search::list;

use crate::{Error, Reader};

/// Which records to list. Bounds are inclusive; what is `None` does not filter.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub from_seq: Option<u64>,
    pub to_seq: Option<u64>,
    pub from_us: Option<i64>,
    pub to_us: Option<i64>,
    /// A person, by id or by name; also a name that was typed and is nobody's.
    pub actor: Option<String>,
    pub act: Option<String>,
    /// The id of what it was done to.
    pub object: Option<String>,
    pub outcome: Option<Outcome>,
}

/// A stored record and its leaf as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub record: Record,
    pub leaf: Hash,
}

/// How many records there are.
pub fn size(reader: &Reader) -> Result<u64, Error> {
    Ok(tree(reader)?.size())
}

/// The tree's root.
pub fn root(reader: &Reader) -> Result<Hash, Error> {
    Ok(tree(reader)?.root())
}

/// The tree's right edge, as stored with the last record.
pub fn tree(reader: &Reader) -> Result<Tree, Error> {
    let edge = reader.one("SELECT edge FROM audit_tree", [], |row| row.get::<_, Vec<u8>>(0))?;
    Ok(edge.map(|edge| Tree::from_bytes(&edge)).transpose()?.unwrap_or_default())
}

/// The leaves of the records `from..to`, in order.
pub fn leaves(reader: &Reader, from: u64, to: u64) -> Result<Vec<Hash>, Error> {
    let sql = "SELECT leaf FROM audit WHERE seq >= ?1 AND seq < ?2 ORDER BY seq";
    reader.all(sql, params![from, to], |row| row.get(0))
}

/// One record; `None` if the log has not as many.
pub fn find(reader: &Reader, seq: u64) -> Result<Option<Entry>, Error> {
    let found = reader.one("SELECT rec, leaf FROM audit WHERE seq = ?1", [seq], stored)?;
    found.map(|(bytes, leaf)| Ok(Entry { record: Record::parse(&bytes)?, leaf })).transpose()
}

/// The records `from..to`, in order.
pub fn range(reader: &Reader, from: u64, to: u64) -> Result<Vec<Entry>, Error> {
    let sql = "SELECT rec, leaf FROM audit WHERE seq >= ?1 AND seq < ?2 ORDER BY seq";
    let rows = reader.all(sql, params![from, to], stored)?;
    rows.into_iter().map(|(bytes, leaf)| Ok(Entry { record: Record::parse(&bytes)?, leaf })).collect()
}

/// The newest record of an event.
pub fn last_of(reader: &Reader, event: Event) -> Result<Option<Entry>, Error> {
    let filter = Filter { act: Some(event.act().to_owned()), ..Filter::default() };
    Ok(list(reader, &filter, None, 1)?.items.pop())
}

/// The first record at this time or later, however the clock was set; `None` if there is none.
pub fn first_at(reader: &Reader, time_us: i64) -> Result<Option<u64>, Error> {
    let filter = Filter { from_us: Some(time_us), ..Filter::default() };
    Ok(spans::newest_first(reader, &filter, None)?.last().map(|span| span.start))
}

/// After the last record at this time or before.
pub fn end_at(reader: &Reader, time_us: i64) -> Result<u64, Error> {
    let filter = Filter { to_us: Some(time_us), ..Filter::default() };
    Ok(spans::newest_first(reader, &filter, None)?.first().map_or(0, |span| span.end))
}

/// The time of the newest record.
pub(crate) fn last_time(reader: &Reader) -> Result<Option<i64>, Error> {
    reader.one("SELECT time_us FROM audit ORDER BY seq DESC LIMIT 1", [], |row| row.get(0))
}

pub(crate) fn append(reader: &Reader, record: &Record, time_us: i64) -> Result<(), Error> {
    let fields = record.fields();
    let sql = "INSERT INTO audit (seq, time_us, act, outcome, actor, object, rec, leaf)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    reader.connection().prepare_cached(sql)?.execute(params![
        fields.seq,
        time_us,
        fields.act,
        fields.outcome.as_str(),
        actor(record),
        fields.obj.as_ref().map(|object| &object.id),
        record.bytes(),
        record.leaf(),
    ])?;
    Ok(())
}

/// What column `actor` holds: the person's id, or the name that was typed where nobody was known.
pub(crate) fn actor(record: &Record) -> Option<&str> {
    let actor = &record.fields().actor;
    actor.uid.as_deref().or(actor.name.as_deref())
}

fn stored(row: &Row<'_>) -> rusqlite::Result<(Vec<u8>, Hash)> {
    Ok((row.get(0)?, row.get(1)?))
}
