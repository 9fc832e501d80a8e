//! Table `audit`: the records, their leaves and the tree's right edge. Only [`crate::Tx::audit`] appends.

mod search;
mod spans;

use redoubt_audit::{Hash, Outcome, Record, Tree};
use rusqlite::params;

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

/// One record; `None` if there is no such number yet.
pub fn entry(reader: &Reader, seq: u64) -> Result<Option<Entry>, Error> {
    let stored = reader.one("SELECT rec, leaf FROM audit WHERE seq = ?1", [seq], |row| {
        Ok((row.get::<_, Vec<u8>>(0)?, row.get(1)?))
    })?;
    stored.map(|(bytes, leaf)| Ok(Entry { record: Record::parse(&bytes)?, leaf })).transpose()
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

pub(crate) fn store_tree(reader: &Reader, tree: &Tree) -> Result<(), Error> {
    let sql = "INSERT INTO audit_tree (id, edge) VALUES (0, ?1)
               ON CONFLICT (id) DO UPDATE SET edge = excluded.edge";
    reader.connection().prepare_cached(sql)?.execute([tree.to_bytes()])?;
    Ok(())
}

/// What column `actor` holds: the person's id, or the name that was typed where nobody was known.
pub(crate) fn actor(record: &Record) -> Option<&str> {
    let actor = &record.fields().actor;
    actor.uid.as_deref().or(actor.name.as_deref())
}
