//! Table `audit`: the records and their leaves. Only [`crate::Tx::audit`] appends.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::ops::Range;

use redoubt_audit::{Event, Hash, Outcome, Record, Tree, catalogue};
use rusqlite::types::Value;
use rusqlite::{Row, params, params_from_iter};

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
    let empty = Page { items: Vec::new(), next: None };
    let Some(span) = span(reader, filter, before)? else { return Ok(empty) };
    let actors = match &filter.actor {
        None => vec![None],
        Some(actor) => names(reader, actor)?.into_iter().map(Some).collect(),
    };
    let mut entries = Vec::new();
    for actor in actors {
        let query = Query::new(filter, actor, &span, limit.saturating_add(1));
        for (bytes, leaf) in reader.all(&query.sql, params_from_iter(&query.values), stored)? {
            entries.push(Entry { record: Record::parse(&bytes)?, leaf });
        }
    }
    // Of several names, each came in order.
    entries.sort_by_key(|entry: &Entry| Reverse(entry.record.fields().seq));
    Ok(Page::cut(entries, limit, |entry| entry.record.fields().seq.to_string()))
}

/// How the log has a person: by id, by name where nobody was known, be it told to us as the one or the other.
fn names(reader: &Reader, actor: &str) -> Result<BTreeSet<String>, Error> {
    let sql = "SELECT id FROM users WHERE name = ?1 UNION SELECT name FROM users WHERE id = ?1";
    let mut names: BTreeSet<String> = reader.all(sql, [actor], |row| row.get(0))?.into_iter().collect();
    names.insert(actor.to_owned());
    Ok(names)
}

/// A walk over part of the log in its order, from an index to the next record that passes: nothing is sorted, and nothing
/// outside of the index's part is read.
struct Query {
    sql: String,
    values: Vec<Value>,
}

impl Query {
    fn new(filter: &Filter, actor: Option<String>, span: &Range<u64>, limit: usize) -> Self {
        let mut conditions = vec!["seq >= ?", "seq < ?"];
        let number = |number: u64| Value::from(i64::try_from(number).unwrap_or(i64::MAX));
        let mut values = vec![number(span.start), number(span.end)];
        // One of these is walked by its index, the one of which there are fewest; a plus keeps the others from it.
        let chosen = [
            ("actor = ?", "actor = ?", actor),
            ("act = ?", "+act = ?", filter.act.clone()),
            ("outcome = ?", "+outcome = ?", filter.outcome.map(|outcome| outcome.as_str().to_owned())),
        ];
        for (walked, compared, value) in chosen {
            let Some(value) = value else { continue };
            conditions.push(if conditions.len() == 2 { walked } else { compared });
            values.push(value.into());
        }
        // The span has them all, but where the clock was set back it has others, too.
        for (condition, time) in [("+time_us >= ?", filter.from_us), ("+time_us <= ?", filter.to_us)] {
            let Some(time) = time else { continue };
            conditions.push(condition);
            values.push(time.into());
        }
        values.push(number(limit as u64));
        let conditions = conditions.join(" AND ");
        Self {
            sql: format!("SELECT rec, leaf FROM audit WHERE {conditions} ORDER BY seq DESC LIMIT ?"),
            values,
        }
    }
}

/// Between which numbers the records are; `None` if there are none.
fn span(reader: &Reader, filter: &Filter, before: Option<u64>) -> Result<Option<Range<u64>>, Error> {
    let mut span = filter.from_seq.unwrap_or(0)..filter.to_seq.map_or(u64::MAX, |to| to.saturating_add(1));
    span.end = span.end.min(before.unwrap_or(u64::MAX));
    if filter.from_us.is_some() || filter.to_us.is_some() {
        let runs = runs(reader)?;
        if let Some(from) = filter.from_us {
            let mut first = None;
            for run in &runs {
                first = first_since(reader, run.clone(), from)?;
                if first.is_some() {
                    break;
                }
            }
            let Some(first) = first else { return Ok(None) };
            span.start = span.start.max(first);
        }
        if let Some(to) = filter.to_us {
            let mut end = 0;
            for run in runs.iter().rev() {
                end = first_since(reader, run.clone(), to.saturating_add(1))?.unwrap_or(run.end);
                if end > run.start {
                    break;
                }
            }
            span.end = span.end.min(end);
        }
    }
    Ok((!span.is_empty()).then_some(span))
}

/// The log in pieces within which time never goes back: a new one begins with each record of a clock that was set.
fn runs(reader: &Reader) -> Result<Vec<Range<u64>>, Error> {
    let sql = "SELECT seq FROM audit WHERE act = ?1 ORDER BY seq";
    let mut starts = reader.all(sql, [catalogue::SYSTEM_CLOCK_STEP.act()], |row| row.get(0))?;
    if starts.first() != Some(&0) {
        starts.insert(0, 0);
    }
    let end = reader.one("SELECT coalesce(max(seq) + 1, 0) FROM audit", [], |row| row.get(0))?;
    let ends = starts.iter().skip(1).copied().chain(end);
    Ok(starts.iter().copied().zip(ends).map(|(start, end)| start..end).collect())
}

/// The first record of a run at this time or later, by halving.
fn first_since(reader: &Reader, run: Range<u64>, time_us: i64) -> Result<Option<u64>, Error> {
    let sql = "SELECT time_us FROM audit WHERE seq = ?1";
    let (mut low, mut high) = (run.start, run.end);
    while low < high {
        let middle = low + (high - low) / 2;
        let time = reader.one(sql, [middle], |row| row.get::<_, i64>(0))?;
        if time.is_some_and(|time| time >= time_us) { high = middle } else { low = middle + 1 }
    }
    Ok((low < run.end).then_some(low))
}

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
    let sql = "SELECT rec, leaf FROM audit WHERE act = ?1 ORDER BY seq DESC LIMIT 1";
    let found = reader.one(sql, [event.act()], stored)?;
    found.map(|(bytes, leaf)| Ok(Entry { record: Record::parse(&bytes)?, leaf })).transpose()
}

/// The first record at this time or later, however the clock was set; `None` if there is none.
pub fn first_at(reader: &Reader, time_us: i64) -> Result<Option<u64>, Error> {
    let filter = Filter { from_us: Some(time_us), ..Filter::default() };
    Ok(span(reader, &filter, None)?.map(|span| span.start))
}

/// After the last record at this time or before.
pub fn end_at(reader: &Reader, time_us: i64) -> Result<u64, Error> {
    let filter = Filter { to_us: Some(time_us), ..Filter::default() };
    Ok(span(reader, &filter, None)?.map_or(0, |span| span.end))
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

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;
    use crate::{migrations, words};

    #[test]
    fn every_filter_walks_an_index_and_sorts_nothing() {
        let mut connection = Connection::open_in_memory().unwrap();
        words::register(&connection).unwrap();
        migrations::apply(&mut connection).unwrap();
        let reader = Reader::new(connection);
        let (act, outcome, time) = (Some("login.totp".to_owned()), Some(Outcome::Error), Some(0));
        let narrow =
            Filter { from_us: time, to_us: time, from_seq: Some(1), to_seq: Some(9), ..Filter::default() };
        let numbers = "INTEGER PRIMARY KEY (rowid>? AND rowid<?)";
        for (actor, filter, expected) in [
            (None, Filter::default(), numbers),
            (None, narrow.clone(), numbers),
            (Some("x"), Filter::default(), "INDEX audit_by_actor (actor=? AND seq>? AND seq<?)"),
            (
                None,
                Filter { act: act.clone(), ..narrow.clone() },
                "INDEX audit_by_act (act=? AND seq>? AND seq<?)",
            ),
            (None, Filter { outcome, ..narrow }, "INDEX audit_by_outcome (outcome=? AND seq>? AND seq<?)"),
            (
                None,
                Filter { act: act.clone(), outcome, ..Filter::default() },
                "INDEX audit_by_act (act=? AND seq>? AND seq<?)",
            ),
            (
                Some("x"),
                Filter { act, outcome, ..Filter::default() },
                "INDEX audit_by_actor (actor=? AND seq>? AND seq<?)",
            ),
        ] {
            let query = Query::new(&filter, actor.map(str::to_owned), &(0..9), 10);
            let sql = format!("EXPLAIN QUERY PLAN {}", query.sql);
            let plan =
                reader.all(&sql, params_from_iter(&query.values), |row| row.get::<_, String>("detail"));
            assert_eq!(plan.unwrap(), [format!("SEARCH audit USING {expected}")], "{}", query.sql);
        }
    }
}
