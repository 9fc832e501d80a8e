//! Does the store hold what its log says, unchanged? Pages, rows, records, leaves and tree.

use std::sync::PoisonError;

use redoubt_audit::{Event, Record, Tree, catalogue};
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
        let mut problems = {
            // The file must not change under a check that reads it past SQLite's own cache.
            let _still = self.progress().checkpoint.lock().unwrap_or_else(PoisonError::into_inner);
            check_pages(&reader)?
        };
        problems.extend(check_contents(&reader)?);
        problems.truncate(MAX_PROBLEMS);
        Ok(problems)
    }
}

/// The pages of the file against their HMACs.
pub(crate) fn check_pages(reader: &Reader) -> Result<Vec<String>, Error> {
    pragma(reader, "cipher_integrity_check")
}

/// What the pages hold, at one moment; the reader's transaction stays open.
pub(crate) fn check_contents(reader: &Reader) -> Result<Vec<String>, Error> {
    reader.connection().execute_batch("BEGIN")?;
    let mut problems = pragma(reader, "integrity_check")?;
    problems.retain(|row| row != "ok");
    for check in [foreign_keys, check_log, check_effects, check_rights] {
        problems.extend(findings(check(reader))?);
    }
    Ok(problems)
}

/// The pages of every table and index, and whether their rows can be read.
pub(crate) fn quick(reader: &Reader) -> Result<Vec<String>, Error> {
    let rows = reader.all(&format!("PRAGMA quick_check({MAX_PROBLEMS})"), [], |row| row.get(0))?;
    Ok(rows.into_iter().filter(|row: &String| row != "ok").collect())
}

/// A page that does not decrypt ends a check with an error: it is a finding, too.
pub(crate) fn findings(outcome: Result<Vec<String>, Error>) -> Result<Vec<String>, Error> {
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

/// Every chat, message and archive against the record of its making, and the other way round.
fn check_effects(reader: &Reader) -> Result<Vec<String>, Error> {
    let mut problems = Vec::new();
    for (table, id) in [("chats", "id"), ("messages", "id"), ("archives", "chat_id")] {
        let sql = format!(
            "SELECT t.{id} FROM {table} t LEFT JOIN audit a ON a.seq = t.audit_seq
             WHERE a.object IS NOT t.{id} OR a.outcome IS NOT 'ok' LIMIT {MAX_PROBLEMS}"
        );
        let ids: Vec<String> = reader.all(&sql, [], |row| row.get(0))?;
        problems.extend(ids.into_iter().map(|id| format!("{table}: {id} has no record of its creation")));
    }
    for (table, sql) in [
        ("chats", lost("chats", "id", CHAT_MADE, CHAT_GONE)),
        ("archives", lost("archives", "chat_id", ARCHIVE_MADE, ARCHIVE_GONE)),
        ("messages", lost_messages()),
    ] {
        let ids: Vec<String> = reader.all(&sql, [], |row| row.get(0))?;
        let told = |id| format!("{table}: {id} was created, not deleted, and is not there");
        problems.extend(ids.into_iter().map(told));
    }
    for (table, sql) in [
        ("chats", returned("chats", "id", CHAT_MADE, CHAT_GONE)),
        ("archives", returned("archives", "chat_id", ARCHIVE_MADE, ARCHIVE_GONE)),
    ] {
        let ids: Vec<String> = reader.all(&sql, [], |row| row.get(0))?;
        problems.extend(ids.into_iter().map(|id| format!("{table}: {id} was deleted, and is there")));
    }
    Ok(problems)
}

/// The events after which a chat is in the tables, and those after which it is not; a spill purge deletes, too.
const CHAT_MADE: [Event; 2] = [catalogue::CHAT_CREATE, catalogue::CHAT_RESTORE];
const CHAT_GONE: [Event; 2] = [catalogue::CHAT_DELETE, catalogue::CHAT_ARCHIVE];
/// The same of archives.
const ARCHIVE_MADE: [Event; 1] = [catalogue::CHAT_ARCHIVE];
const ARCHIVE_GONE: [Event; 2] = [catalogue::CHAT_DELETE, catalogue::CHAT_RESTORE];

/// What a record made, and is not there without a later one that tells of it.
fn lost(table: &str, id: &str, made: impl AsRef<[Event]>, gone: impl AsRef<[Event]>) -> String {
    let (made, gone) = (listed(made.as_ref()), listed(gone.as_ref()));
    format!(
        "SELECT DISTINCT a.object FROM audit a WHERE a.act IN ({made}) AND a.outcome = 'ok'
           AND NOT EXISTS (SELECT 1 FROM {table} t WHERE t.{id} = a.object)
           AND NOT EXISTS (SELECT 1 FROM audit d WHERE d.object = a.object AND d.act IN ({gone})
                           AND d.outcome = 'ok' AND d.seq > a.seq) LIMIT {MAX_PROBLEMS}"
    )
}

/// What is there although a record tells that it went, and no later one that it came back.
fn returned(table: &str, id: &str, made: impl AsRef<[Event]>, gone: impl AsRef<[Event]>) -> String {
    let (made, gone) = (listed(made.as_ref()), listed(gone.as_ref()));
    format!(
        "SELECT DISTINCT d.object FROM audit d JOIN {table} t ON t.{id} = d.object
         WHERE d.act IN ({gone}) AND d.outcome = 'ok'
           AND NOT EXISTS (SELECT 1 FROM audit a WHERE a.object = d.object AND a.act IN ({made})
                           AND a.outcome = 'ok' AND a.seq > d.seq) LIMIT {MAX_PROBLEMS}"
    )
}

/// Messages are never deleted but with their chat: where that is there, all of them are.
fn lost_messages() -> String {
    let (made, gone) = (listed(&[catalogue::MESSAGE_CREATE]), listed(&CHAT_GONE));
    let chat = "json_extract(CAST(a.rec AS TEXT), '$.d.chat')";
    format!(
        "SELECT a.object FROM audit a WHERE a.act IN ({made}) AND a.outcome = 'ok'
           AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.id = a.object)
           AND (EXISTS (SELECT 1 FROM chats c WHERE c.id = {chat})
                OR NOT EXISTS (SELECT 1 FROM audit d WHERE d.object = {chat} AND d.act IN ({gone})
                               AND d.outcome = 'ok' AND d.seq > a.seq)) LIMIT {MAX_PROBLEMS}"
    )
}

/// Names of events, as SQL takes them.
fn listed(events: &[Event]) -> String {
    events.iter().map(|event| format!("'{}'", event.act())).collect::<Vec<_>>().join(", ")
}

/// What admins and people make beside chats: table, rows that are there from the beginning, the event of the making, and
/// how a record `d` tells that what the record `a` made has gone.
const MADE: [(&str, &str, Event, &str); 4] = [
    ("groups", "everyone", catalogue::GROUP_CREATE, "d.act = 'group.delete' AND d.object = a.object"),
    (
        "workspaces",
        "general",
        catalogue::WORKSPACE_CREATE,
        "d.act = 'workspace.delete' AND d.object = a.object",
    ),
    (
        "prompts",
        "",
        catalogue::PROMPT_CREATE,
        "(d.act = 'prompt.delete' AND d.object = a.object) OR (d.act = 'workspace.delete'
            AND d.object = json_extract(CAST(a.rec AS TEXT), '$.d.workspace'))",
    ),
    // Keys are revoked, never deleted.
    ("api_keys", "", catalogue::APIKEY_CREATE, "FALSE"),
];

/// Rows without the record of their making, and records whose rows are gone without another that tells of it.
fn check_rights(reader: &Reader) -> Result<Vec<String>, Error> {
    let mut problems = Vec::new();
    for (table, built_in, made, gone) in MADE {
        let sql = format!(
            "SELECT t.id FROM {table} t WHERE t.id <> '{built_in}' AND NOT EXISTS (
                 SELECT 1 FROM audit a WHERE a.act = ?1 AND a.outcome = 'ok' AND a.object = t.id)
             LIMIT {MAX_PROBLEMS}"
        );
        let ids: Vec<String> = reader.all(&sql, [made.act()], |row| row.get(0))?;
        problems.extend(ids.into_iter().map(|id| format!("{table}: {id} has no record of its creation")));
        let sql = format!(
            "SELECT a.object FROM audit a WHERE a.act = ?1 AND a.outcome = 'ok'
               AND NOT EXISTS (SELECT 1 FROM {table} t WHERE t.id = a.object)
               AND NOT EXISTS (SELECT 1 FROM audit d WHERE d.outcome = 'ok' AND ({gone}))
             LIMIT {MAX_PROBLEMS}"
        );
        let ids: Vec<String> = reader.all(&sql, [made.act()], |row| row.get(0))?;
        problems.extend(
            ids.into_iter().map(|id| format!("{table}: {id} was created, not deleted, and is not there")),
        );
    }
    Ok(problems)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use redoubt_audit::{Actor, Draft, Object, Origin, Outcome};
    use ring::rand::SystemRandom;
    use tempfile::TempDir;

    use super::*;
    use crate::{Clock, DataKey, Options, Tx};

    struct Still;

    impl Clock for Still {
        fn now_us(&self) -> i64 {
            1
        }

        fn mono_us(&self) -> u64 {
            1
        }
    }

    fn record(tx: &mut Tx<'_>, event: Event, id: &str) -> Result<u64, Error> {
        let object = Object::new("thing", id);
        tx.audit(Draft::new(event, Outcome::Ok, Actor::system()).object(object).data("chat", "c"))
    }

    /// A store with one chat, `c`, of two messages, and one deleted chat.
    fn store() -> (TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let key = DataKey::generate(&SystemRandom::new()).unwrap();
        let origin = Origin { origin: "redoubt/x".into(), boot: "b".into(), software: "s".into() };
        let options = Options::at(folder.path().join("redoubt.db"));
        let store = Store::create(options, key, Arc::new(Still), origin).unwrap();
        let filled = store.write_blocking(|tx| {
            let sql = "INSERT INTO users (id, name, role, password_hash, disabled, created_at)
                       VALUES ('u', 'u', 'analyst', '', 0, 0)";
            tx.connection().execute(sql, [])?;
            let seq = record(tx, catalogue::CHAT_CREATE, "c")?;
            let sql = "INSERT INTO chats (id, owner, title, model, salt, created_at, updated_at, audit_seq)
                       VALUES ('c', 'u', '', '', zeroblob(16), 0, 0, ?1)";
            tx.connection().execute(sql, [seq])?;
            for id in ["m", "n"] {
                let seq = record(tx, catalogue::MESSAGE_CREATE, id)?;
                let sql =
                    "INSERT INTO messages (id, chat_id, owner, role, content, status, created_at, audit_seq)
                           VALUES (?1, 'c', 'u', 'user', 'text', 'done', 0, ?2)";
                tx.connection().execute(sql, (id, seq))?;
            }
            for (event, id) in [
                (catalogue::GROUP_CREATE, "g"),
                (catalogue::GROUP_CREATE, "old"),
                (catalogue::GROUP_DELETE, "old"),
                (catalogue::WORKSPACE_CREATE, "w"),
                (catalogue::PROMPT_CREATE, "p"),
                (catalogue::APIKEY_CREATE, "k"),
            ] {
                record(tx, event, id)?;
            }
            let sql = "INSERT INTO groups (id, name, created_at) VALUES ('g', 'g', 0);
                       INSERT INTO workspaces (id, name, created_at) VALUES ('w', 'w', 0);
                       INSERT INTO prompts VALUES ('p', 'w', 'u', '', '', 0, 0);
                       INSERT INTO api_keys (id, user_id, name, hash, created_at, parallel)
                           VALUES ('k', 'u', '', zeroblob(32), 0, 1);";
            tx.connection().execute_batch(sql)?;
            record(tx, catalogue::CHAT_CREATE, "gone")?;
            record(tx, catalogue::CHAT_DELETE, "gone")?;
            archived(tx)
        });
        filled.unwrap();
        (folder, store)
    }

    /// A chat in an archive (`kept`), one that came back (`back`), and one that was purged in its archive.
    fn archived(tx: &mut Tx<'_>) -> Result<u64, Error> {
        for id in ["kept", "back", "purged"] {
            record(tx, catalogue::CHAT_CREATE, id)?;
        }
        let kept = record(tx, catalogue::CHAT_ARCHIVE, "kept")?;
        for id in ["back", "purged"] {
            record(tx, catalogue::CHAT_ARCHIVE, id)?;
        }
        let sql = "INSERT INTO archives VALUES ('kept', 'u', 'w', 'f', '', 0, 0, 0, ?1)";
        tx.connection().execute(sql, [kept])?;
        record(tx, catalogue::CHAT_RESTORE, "back")?;
        let sql = "INSERT INTO chats (id, owner, title, model, salt, created_at, updated_at, audit_seq)
                   SELECT 'back', 'u', '', '', zeroblob(16), 0, 0, seq FROM audit
                   WHERE act = 'chat.create' AND object = 'back'";
        tx.connection().execute(sql, [])?;
        record(tx, catalogue::CHAT_DELETE, "purged")
    }

    /// What the check finds after somebody who has the key ran this SQL.
    fn found_after(sql: &'static str) -> Vec<String> {
        let (_folder, store) = store();
        assert_eq!(store.check_integrity().unwrap(), Vec::<String>::new());
        let free = "DROP TRIGGER audit_is_append_only_update; DROP TRIGGER audit_is_append_only_delete;";
        let tampered = store.write_blocking(move |tx| {
            tx.connection().execute_batch(free)?;
            Ok::<_, Error>(tx.connection().execute_batch(sql)?)
        });
        tampered.unwrap();
        store.check_integrity().unwrap()
    }

    #[test]
    fn a_changed_log_is_found() {
        for sql in [
            "UPDATE audit SET rec = CAST(replace(CAST(rec AS TEXT), 'system', 'sysadm') AS BLOB) WHERE seq = 1",
            "UPDATE audit SET rec = x'7b7d' WHERE seq = 1",
            "UPDATE audit SET leaf = zeroblob(32) WHERE seq = 1",
            "UPDATE audit SET act = 'logout' WHERE seq = 1",
            "UPDATE audit SET outcome = 'deny' WHERE seq = 1",
            "UPDATE audit SET actor = 'u' WHERE seq = 1",
            "UPDATE audit SET object = 'x' WHERE seq = 4",
            "UPDATE audit SET time_us = 0 WHERE seq = 1",
            "DELETE FROM audit WHERE seq = 4",
            "DELETE FROM audit WHERE seq = 3",
            "UPDATE audit SET seq = 99 WHERE seq = 4",
            "INSERT INTO audit SELECT 19, time_us, act, outcome, actor, object, rec, leaf FROM audit WHERE seq = 4",
            "DELETE FROM audit_tree",
            "UPDATE audit_tree SET edge = zeroblob(8)",
            "UPDATE audit_tree SET edge = zeroblob(7)",
        ] {
            assert!(!found_after(sql).is_empty(), "{sql}");
        }
    }

    #[test]
    fn an_action_without_its_record_and_a_record_without_its_action_are_found() {
        for (sql, expected) in [
            ("DELETE FROM messages WHERE id = 'n'", "messages: n was created, not deleted, and is not there"),
            (
                "INSERT INTO archives SELECT 'purged', 'u', 'w', 'g', '', 0, 0, 0, audit_seq FROM archives",
                "archives: purged was deleted, and is there",
            ),
            (
                "INSERT INTO chats (id, owner, title, model, salt, created_at, updated_at, audit_seq)
                     SELECT 'gone', 'u', '', '', zeroblob(16), 0, 0, 0",
                "chats: gone was deleted, and is there",
            ),
            ("DELETE FROM archives", "archives: kept was created, not deleted, and is not there"),
            ("UPDATE archives SET audit_seq = 1", "archives: kept has no record of its creation"),
            ("DELETE FROM chats WHERE id = 'back'", "chats: back was created, not deleted, and is not there"),
            (
                "DELETE FROM messages; DELETE FROM chats",
                "chats: c was created, not deleted, and is not there",
            ),
            ("UPDATE messages SET audit_seq = 1 WHERE id = 'n'", "messages: n has no record of its creation"),
            ("UPDATE chats SET audit_seq = 1 WHERE id = 'c'", "chats: c has no record of its creation"),
            ("DELETE FROM groups WHERE id = 'g'", "groups: g was created, not deleted, and is not there"),
            ("DELETE FROM prompts", "prompts: p was created, not deleted, and is not there"),
            ("DELETE FROM api_keys", "api_keys: k was created, not deleted, and is not there"),
            (
                "INSERT INTO groups (id, name, created_at) VALUES ('x', 'x', 0)",
                "groups: x has no record of its creation",
            ),
            (
                "INSERT INTO workspaces (id, name, created_at) VALUES ('x', 'x', 0)",
                "workspaces: x has no record of its creation",
            ),
        ] {
            let found = found_after(sql);
            assert!(found.iter().any(|problem| problem == expected), "{sql}: {found:?}");
        }
    }

    #[test]
    fn a_deleted_message_leaves_no_word_in_the_index() {
        let (_folder, store) = store();
        let run = |sql: &'static str| {
            store.write_blocking(move |tx| Ok::<_, Error>(tx.connection().execute_batch(sql)?)).unwrap();
        };
        run("UPDATE messages SET content = 'canary' WHERE id = 'n'");
        run("CREATE VIRTUAL TABLE temp.words USING fts5vocab (main, message_index, row)");
        let index = || {
            let read = store.write_blocking(|tx| {
                let words = tx.all("SELECT term FROM temp.words", [], |row| row.get::<_, String>(0))?;
                let blocks =
                    "SELECT count(*) FROM message_index_data WHERE instr(block, CAST('canary' AS BLOB)) > 0";
                let blocks: i64 = tx.connection().query_row(blocks, [], |row| row.get(0))?;
                Ok::<_, Error>((words, blocks))
            });
            read.unwrap()
        };
        let has = |words: &[String], end: &str| words.iter().any(|word| word.ends_with(end));
        let (words, blocks) = index();
        assert!(has(&words, "canary") && has(&words, "text"), "{words:?}");
        assert!(blocks > 0);
        run("DELETE FROM messages WHERE id = 'n'");
        let (words, blocks) = index();
        assert!(!has(&words, "canary") && has(&words, "text"), "{words:?}");
        assert_eq!(blocks, 0);
    }
}
