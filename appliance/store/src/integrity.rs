//! Does the store hold what its log says, unchanged? Pages, rows, records, leaves and tree.

use std::sync::PoisonError;

use redoubt_audit::{Outcome, Record, Tree, catalogue};
use rusqlite::Row;

use crate::store::Store;
use crate::tx::Reader;
use crate::{Error, audit_log, meta, open};

/// More problems than this are not listed: the store is not to be used either way.
const MAX_PROBLEMS: usize = 100;

impl Store {
    /// Checks the whole store and returns every problem found, in words; none if it is intact. Reads all
    /// of it, beside readers and the writer.
    ///
    /// # Errors
    /// What keeps the check from being made at all.
    pub fn check_integrity(&self) -> Result<Vec<String>, Error> {
        let reader = Reader::new(open::reader(self.path(), self.key())?);
        let mut problems = Vec::new();
        {
            // The file must not change under a check that reads it past SQLite's own cache.
            let _still = self.progress().checkpoint.lock().unwrap_or_else(PoisonError::into_inner);
            problems.extend(pragma(&reader, "cipher_integrity_check")?);
        }
        reader.connection().execute_batch("BEGIN")?;
        let rows = pragma(&reader, "integrity_check")?;
        problems.extend(rows.into_iter().filter(|row| row != "ok"));
        for check in [foreign_keys, check_log, check_effects] {
            problems.extend(findings(check(&reader))?);
        }
        problems.truncate(MAX_PROBLEMS);
        Ok(problems)
    }
}

/// A page that does not decrypt ends a check with an error: it is a finding, too.
fn findings(outcome: Result<Vec<String>, Error>) -> Result<Vec<String>, Error> {
    match outcome {
        Err(error @ (Error::Damaged(_) | Error::Sql(_) | Error::Audit(_))) => Ok(vec![error.to_string()]),
        other => other,
    }
}

fn pragma(reader: &Reader, name: &str) -> Result<Vec<String>, Error> {
    findings(reader.all(&format!("PRAGMA {name}"), [], |row| row.get(0)))
}

fn foreign_keys(reader: &Reader) -> Result<Vec<String>, Error> {
    let tables: Vec<String> = reader.all("PRAGMA foreign_key_check", [], |row| row.get(0))?;
    Ok(tables.into_iter().map(|table| format!("{table}: a row refers to one that is not there")).collect())
}

/// Every record against its number, its leaf, its columns, the record before it and the tree.
fn check_log(reader: &Reader) -> Result<Vec<String>, Error> {
    let origin = meta::origin(reader)?;
    let mut check = LogCheck { origin, tree: Tree::new(), last_time_us: i64::MIN, problems: Vec::new() };
    let mut statement = reader
        .connection()
        .prepare("SELECT seq, time_us, act, outcome, actor, object, rec, leaf FROM audit ORDER BY seq")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        if check.problems.len() >= MAX_PROBLEMS {
            break;
        }
        check.row(row)?;
    }
    let stored = audit_log::tree(reader)?;
    if stored != check.tree {
        check.problems.push(format!(
            "audit: the stored tree has {} records, the log {}, or their roots differ",
            stored.size(),
            check.tree.size()
        ));
    }
    Ok(check.problems)
}

struct LogCheck {
    origin: String,
    tree: Tree,
    last_time_us: i64,
    problems: Vec<String>,
}

impl LogCheck {
    fn row(&mut self, row: &Row<'_>) -> Result<(), Error> {
        let seq: u64 = row.get("seq")?;
        let bytes: Vec<u8> = row.get("rec")?;
        let expected = self.tree.size();
        let record = match Record::parse(&bytes) {
            Ok(record) => record,
            Err(error) => {
                self.problems.push(format!("audit {seq}: {error}"));
                self.tree.push(redoubt_audit::leaf_hash(&bytes));
                return Ok(());
            }
        };
        self.tree.push(record.leaf());
        let fields = record.fields();
        let time_us = fields.time_us()?;
        let leaf: Vec<u8> = row.get("leaf")?;
        let columns_fit = row.get::<_, i64>("time_us")? == time_us
            && row.get::<_, String>("act")? == fields.act
            && row.get::<_, String>("outcome")? == fields.outcome.as_str()
            && row.get::<_, Option<String>>("actor")?.as_deref() == audit_log::actor(&record)
            && row.get::<_, Option<String>>("object")? == fields.obj.as_ref().map(|object| object.id.clone());
        let step_declared = fields.act == catalogue::SYSTEM_CLOCK_STEP.act();
        let checks = [
            (seq == expected && fields.seq == expected, "is not the next number"),
            (leaf == record.leaf(), "has another leaf than its bytes"),
            (columns_fit, "has columns that say something else"),
            (fields.origin == self.origin, "is of another log"),
            (time_us >= self.last_time_us || step_declared, "is before the one before it"),
        ];
        self.problems.extend(
            checks
                .iter()
                .filter(|(holds, _)| !holds)
                .map(|(_, what)| format!("audit {seq}: the record {what}")),
        );
        self.last_time_us = time_us;
        Ok(())
    }
}

/// Every chat and message against the record of its creation, and the other way round.
fn check_effects(reader: &Reader) -> Result<Vec<String>, Error> {
    let mut problems = Vec::new();
    for table in ["chats", "messages"] {
        let sql = format!(
            "SELECT t.id FROM {table} t LEFT JOIN audit a ON a.seq = t.audit_seq
             WHERE a.object IS NOT t.id OR a.outcome IS NOT 'ok' LIMIT {MAX_PROBLEMS}"
        );
        let ids: Vec<String> = reader.all(&sql, [], |row| row.get(0))?;
        problems.extend(ids.into_iter().map(|id| format!("{table}: {id} has no record of its creation")));
    }
    let deleted = "SELECT 1 FROM audit d WHERE d.act = ?2 AND d.outcome = ?3";
    let sql = format!(
        "SELECT a.object FROM audit a WHERE a.act = ?1 AND a.outcome = ?3
           AND NOT EXISTS (SELECT 1 FROM chats c WHERE c.id = a.object)
           AND NOT EXISTS ({deleted} AND d.object = a.object) LIMIT {MAX_PROBLEMS}"
    );
    let (create, delete) = (catalogue::CHAT_CREATE.act(), catalogue::CHAT_DELETE.act());
    let ids: Vec<String> = reader.all(&sql, [create, delete, Outcome::Ok.as_str()], |row| row.get(0))?;
    problems
        .extend(ids.into_iter().map(|id| format!("chats: {id} was created, not deleted, and is not there")));

    let sql = format!(
        "SELECT a.object FROM audit a WHERE a.act = ?1 AND a.outcome = ?3
           AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.id = a.object)
           AND NOT EXISTS ({deleted} AND d.object = json_extract(CAST(a.rec AS TEXT), '$.d.chat'))
         LIMIT {MAX_PROBLEMS}"
    );
    let create = catalogue::MESSAGE_CREATE.act();
    let ids: Vec<String> = reader.all(&sql, [create, delete, Outcome::Ok.as_str()], |row| row.get(0))?;
    problems.extend(
        ids.into_iter().map(|id| format!("messages: {id} was created, not deleted, and is not there")),
    );
    Ok(problems)
}
