//! Records by person, act, object and outcome. Each filter, and each set of them, is some pieces of one index, within
//! which the records come in the log's order: the newest of each are put together, and nothing else is read. So a search
//! takes as long whether there are a thousand records or a million, and whether the filters meet often or never.

use std::collections::BTreeSet;
use std::ops::Range;

use rusqlite::params_from_iter;
use rusqlite::types::Value;

use super::{Entry, Filter, spans};
use crate::{Error, Page, Reader};

/// The columns of an index before `seq`. Only the first may not be null.
struct Index {
    name: &'static str,
    columns: &'static [&'static str],
}

const BY_OBJECT: Index = Index { name: "audit_by_object", columns: &["object", "actor", "act", "outcome"] };
const BY_ACTOR: Index = Index { name: "audit_by_actor", columns: &["actor", "act", "outcome"] };
const BY_ACT: Index = Index { name: "audit_by_act", columns: &["act", "outcome"] };

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
    let pieces = Pieces::of(reader, filter)?;
    let wanted = limit.saturating_add(1);
    let mut numbers = Vec::new();
    for span in spans::newest_first(reader, filter, before)? {
        numbers.extend(pieces.newest(reader, span, wanted - numbers.len())?);
        if numbers.len() == wanted {
            break;
        }
    }
    let entries = numbers.into_iter().map(|seq| entry(reader, seq)).collect::<Result<_, _>>()?;
    Ok(Page::cut(entries, limit, |entry: &Entry| entry.record.fields().seq.to_string()))
}

/// What of an index holds the records that pass, whatever their number and time.
struct Pieces {
    /// `None` where nothing but number and time is asked for: then the log itself is read.
    index: Option<&'static Index>,
    /// The values of the index's columns, one set a piece.
    values: Vec<Vec<Value>>,
}

impl Pieces {
    fn of(reader: &Reader, filter: &Filter) -> Result<Self, Error> {
        let text = |text: &Option<String>| text.iter().cloned().map(Value::from).collect::<Vec<_>>();
        let actors = match &filter.actor {
            Some(actor) => names(reader, actor)?.into_iter().map(Value::from).collect(),
            None => Vec::new(),
        };
        let outcome = filter.outcome.map(|outcome| outcome.as_str().to_owned());
        let asked = [text(&filter.object), actors, text(&filter.act), text(&outcome)];
        let index = match &asked {
            [object, ..] if !object.is_empty() => &BY_OBJECT,
            [_, actor, ..] if !actor.is_empty() => &BY_ACTOR,
            [_, _, act, outcome] if !act.is_empty() || !outcome.is_empty() => &BY_ACT,
            _ => return Ok(Self { index: None, values: vec![Vec::new()] }),
        };
        let asked = &asked[asked.len() - index.columns.len()..];
        let mut values = vec![Vec::new()];
        for (depth, asked) in asked.iter().enumerate() {
            let mut longer = Vec::new();
            for prefix in values {
                let here =
                    if asked.is_empty() { index.next_values(reader, &prefix, depth)? } else { asked.clone() };
                longer.extend(here.into_iter().map(|value| [prefix.as_slice(), &[value]].concat()));
            }
            values = longer;
        }
        Ok(Self { index: Some(index), values })
    }

    /// The numbers of the newest records of the span in any piece, at most `wanted`, the newest first.
    fn newest(&self, reader: &Reader, span: Range<u64>, wanted: usize) -> Result<Vec<u64>, Error> {
        let sql = walk(self.index);
        let mut numbers = BTreeSet::new();
        let mut from = span.start;
        for values in &self.values {
            let bounds = [from, span.end, wanted as u64].map(number);
            numbers.extend(
                reader
                    .all(&sql, params_from_iter(values.iter().chain(&bounds)), |row| row.get::<_, u64>(0))?,
            );
            while numbers.len() > wanted {
                numbers.pop_first();
            }
            // Enough are known: of the other pieces only what is newer counts.
            if let Some(oldest) = numbers.first().filter(|_| numbers.len() == wanted) {
                from = oldest + 1;
            }
        }
        Ok(numbers.into_iter().rev().collect())
    }
}

impl Index {
    /// The values of the column at `depth` where those before it have the values of `prefix`: one look each.
    fn next_values(&self, reader: &Reader, prefix: &[Value], depth: usize) -> Result<Vec<Value>, Error> {
        let (first, following) = (self.next(depth, ">= ''"), self.next(depth, "> ?"));
        // The appliance and those at the console have neither id nor name.
        let mut values = if self.columns[depth] == "actor" { vec![Value::Null] } else { Vec::new() };
        let mut found = reader.one(&first, params_from_iter(prefix), |row| row.get::<_, Value>(0))?;
        while let Some(value) = found {
            found =
                reader.one(&following, params_from_iter(prefix.iter().chain([&value])), |row| row.get(0))?;
            values.push(value);
        }
        Ok(values)
    }

    /// The smallest value of the column at `depth` that is beyond another.
    fn next(&self, depth: usize, beyond: &str) -> String {
        let (column, name, is) = (self.columns[depth], self.name, self.is(depth));
        format!(
            "SELECT {column} FROM audit INDEXED BY {name} WHERE {is} AND {column} {beyond} ORDER BY {column} LIMIT 1"
        )
    }

    /// The condition that the first `depth` columns have given values.
    fn is(&self, depth: usize) -> String {
        let (first, others) = (self.columns.iter().take(1), self.columns.iter().take(depth).skip(1));
        let conditions: Vec<String> = first
            .take(depth)
            .map(|column| format!("{column} = ?"))
            .chain(others.map(|column| format!("{column} IS ?")))
            .collect();
        if conditions.is_empty() { "TRUE".to_owned() } else { conditions.join(" AND ") }
    }
}

/// The numbers of one piece within a span, the newest first.
fn walk(index: Option<&Index>) -> String {
    let (name, condition) = match index {
        Some(index) => (format!("INDEXED BY {}", index.name), index.is(index.columns.len())),
        None => ("NOT INDEXED".to_owned(), "TRUE".to_owned()),
    };
    format!(
        "SELECT seq FROM audit {name} WHERE {condition} AND seq >= ? AND seq < ? ORDER BY seq DESC LIMIT ?"
    )
}

fn number(number: u64) -> Value {
    i64::try_from(number).unwrap_or(i64::MAX).into()
}

fn entry(reader: &Reader, seq: u64) -> Result<Entry, Error> {
    let missing = || Error::Damaged(format!("an index has record {seq}, the log has not"));
    super::find(reader, seq)?.ok_or_else(missing)
}

/// How the log has a person: by id, by name where nobody was known, be it told to us as the one or the other.
fn names(reader: &Reader, actor: &str) -> Result<BTreeSet<String>, Error> {
    let sql = "SELECT id FROM users WHERE name = ?1 UNION SELECT name FROM users WHERE id = ?1";
    let mut names: BTreeSet<String> = reader.all(sql, [actor], |row| row.get(0))?.into_iter().collect();
    names.insert(actor.to_owned());
    Ok(names)
}

#[cfg(test)]
mod tests {
    use redoubt_audit::Outcome;
    use rusqlite::Connection;

    use super::*;
    use crate::{migrations, words};

    fn reader() -> Reader {
        let mut connection = Connection::open_in_memory().unwrap();
        words::register(&connection).unwrap();
        migrations::apply(&mut connection).unwrap();
        Reader::new(connection)
    }

    fn plan(reader: &Reader, sql: &str, values: usize) -> Vec<String> {
        let values = vec![Value::from("x".to_owned()); values];
        let sql = format!("EXPLAIN QUERY PLAN {sql}");
        reader.all(&sql, params_from_iter(&values), |row| row.get("detail")).unwrap()
    }

    /// Every set of filters walks pieces of one index that have all the filters' values, and sorts nothing.
    #[test]
    fn every_filter_walks_an_index_and_sorts_nothing() {
        let reader = reader();
        let text = |asked: bool| asked.then(|| "x".to_owned());
        for asked in 0..16_u8 {
            let [object, actor, act, outcome] = [8, 4, 2, 1].map(|bit| asked & bit > 0);
            let filter = Filter {
                object: text(object),
                actor: text(actor),
                act: text(act),
                outcome: outcome.then_some(Outcome::Error),
                ..Filter::default()
            };
            let index = Pieces::of(&reader, &filter).unwrap().index;
            let expected = match asked {
                0 => "INTEGER PRIMARY KEY (rowid>? AND rowid<?)",
                8.. => {
                    "COVERING INDEX audit_by_object (object=? AND actor=? AND act=? AND outcome=? AND seq>? AND seq<?)"
                }
                4.. => "COVERING INDEX audit_by_actor (actor=? AND act=? AND outcome=? AND seq>? AND seq<?)",
                _ => "COVERING INDEX audit_by_act (act=? AND outcome=? AND seq>? AND seq<?)",
            };
            let values = index.map_or(0, |index| index.columns.len());
            assert_eq!(plan(&reader, &walk(index), values + 3), [format!("SEARCH audit USING {expected}")]);
        }
    }

    #[test]
    fn the_values_of_a_column_are_found_by_one_look_each() {
        let reader = reader();
        for index in [&BY_OBJECT, &BY_ACTOR, &BY_ACT] {
            for (depth, column) in
                index.columns.iter().enumerate().skip(usize::from(index.name != BY_ACT.name))
            {
                let first = plan(&reader, &index.next(depth, ">= ''"), depth);
                let following = plan(&reader, &index.next(depth, "> ?"), depth + 1);
                let before: String =
                    index.columns[..depth].iter().map(|name| format!("{name}=? AND ")).collect();
                let expected =
                    format!("SEARCH audit USING COVERING INDEX {} ({before}{column}>?)", index.name);
                assert_eq!([first, following].concat(), [expected.clone(), expected]);
            }
        }
    }
}
