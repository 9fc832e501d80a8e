//! Table `audit`: the records, their leaves and the tree's right edge. Only [`crate::Tx::audit`] appends.

use redoubt_audit::{Hash, Outcome, Record, Tree};
use rusqlite::{Row, params};

use crate::{Error, Page, Reader};

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
    pub outcome: Option<Outcome>,
}

/// A stored record and its leaf as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub record: Record,
    pub leaf: Hash,
}

/// Records that pass the filter, the newest first. A cursor is the number of the last one shown.
pub fn list(
    reader: &Reader,
    filter: &Filter,
    cursor: Option<&str>,
    limit: usize,
) -> Result<Page<Entry>, Error> {
    let before: Option<u64> = match cursor {
        Some(cursor) => Some(cursor.parse().map_err(|_| Error::BadCursor)?),
        None => None,
    };
    let sql = "
        SELECT rec, leaf FROM audit
        WHERE (?1 IS NULL OR seq >= ?1) AND (?2 IS NULL OR seq <= ?2)
          AND (?3 IS NULL OR time_us >= ?3) AND (?4 IS NULL OR time_us <= ?4)
          AND (?5 IS NULL OR actor IN (?5, (SELECT id FROM users WHERE name = ?5),
                                       (SELECT name FROM users WHERE id = ?5)))
          AND (?6 IS NULL OR act = ?6) AND (?7 IS NULL OR outcome = ?7) AND (?8 IS NULL OR seq < ?8)
        ORDER BY seq DESC LIMIT ?9";
    let rows = reader.all(
        sql,
        params![
            filter.from_seq,
            filter.to_seq,
            filter.from_us,
            filter.to_us,
            filter.actor,
            filter.act,
            filter.outcome.map(Outcome::as_str),
            before,
            limit.saturating_add(1),
        ],
        stored,
    )?;
    let entries = rows
        .into_iter()
        .map(|(bytes, leaf)| Ok(Entry { record: Record::parse(&bytes)?, leaf }))
        .collect::<Result<_, Error>>()?;
    Ok(Page::cut(entries, limit, |entry: &Entry| entry.record.fields().seq.to_string()))
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

fn stored(row: &Row<'_>) -> rusqlite::Result<(Vec<u8>, Hash)> {
    Ok((row.get(0)?, row.get(1)?))
}
