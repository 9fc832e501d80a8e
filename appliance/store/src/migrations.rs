//! The schema, from its first version to the newest.

use rusqlite::Connection;
use rusqlite_migration::{M, Migrations};

use crate::Error;

const FILES: [&str; 9] = [
    include_str!("../migrations/0001-initial.sql"),
    include_str!("../migrations/0002-identity.sql"),
    include_str!("../migrations/0003-directory-groups.sql"),
    include_str!("../migrations/0004-certificates.sql"),
    include_str!("../migrations/0005-bounds.sql"),
    include_str!("../migrations/0006-checkpoints.sql"),
    include_str!("../migrations/0007-retention.sql"),
    include_str!("../migrations/0008-audit-search.sql"),
    include_str!("../migrations/0009-storage-alerts.sql"),
];
const STEPS: &[M<'static>] = &[
    M::up(FILES[0]),
    M::up(FILES[1]),
    M::up(FILES[2]),
    M::up(FILES[3]),
    M::up(FILES[4]),
    M::up(FILES[5]),
    M::up(FILES[6]),
    M::up(FILES[7]),
    M::up(FILES[8]),
];

/// Applies what is missing, each step in its own transaction.
///
/// # Errors
/// [`Error::NewerSchema`] for a database of a newer program, which is left as it is.
pub(crate) fn apply(connection: &mut Connection) -> Result<(), Error> {
    check(connection)?;
    Migrations::from_slice(STEPS).to_latest(connection).map_err(Error::Migration)
}

/// Refuses a database of a newer program.
pub(crate) fn check(connection: &Connection) -> Result<(), Error> {
    let found: usize = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let known = STEPS.len();
    if found > known { Err(Error::NewerSchema { found, known }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;
    use ring::digest::{SHA256, digest};

    use super::*;
    use crate::chats::Scope;
    use crate::{Reader, search, words};

    /// Of the files that were released, in order. A new file adds a line; no line ever changes.
    const RELEASED: [&str; 0] = [];

    #[test]
    fn released_files_are_unchanged() {
        assert_eq!(FILES.len(), STEPS.len());
        assert!(RELEASED.len() <= FILES.len());
        for (file, hash) in FILES.iter().zip(RELEASED) {
            assert_eq!(HEXLOWER.encode(digest(&SHA256, file.as_bytes()).as_ref()), hash);
        }
    }

    #[test]
    fn every_step_applies_to_the_one_before() {
        let mut connection = Connection::open_in_memory().unwrap();
        words::register(&connection).unwrap();
        apply(&mut connection).unwrap();
    }

    #[test]
    fn what_was_written_before_the_index_was_divided_is_found() {
        let mut connection = Connection::open_in_memory().unwrap();
        words::register(&connection).unwrap();
        let divided = FILES.iter().position(|file| file.contains("indexed_words")).unwrap();
        Migrations::from_slice(&STEPS[..divided]).to_latest(&mut connection).unwrap();
        let rows = "
            INSERT INTO users (id, name, role, password_hash, disabled, created_at)
                VALUES ('u', 'u', 'analyst', '', 0, 0);
            INSERT INTO audit VALUES (0, 0, 'chat.create', 'ok', NULL, NULL, x'', zeroblob(32));
            INSERT INTO chats (pk, id, owner, title, model, salt, created_at, updated_at, audit_seq, workspace)
                VALUES (7, 'c', 'u', 'Brown Pelican', '', zeroblob(16), 0, 0, 0, 'w');
            INSERT INTO messages (id, chat_id, owner, role, content, status, created_at, audit_seq)
                VALUES ('m', 'c', 'u', 'user', 'a gull', 'done', 0, 0);";
        connection.execute_batch(rows).unwrap();
        apply(&mut connection).unwrap();
        let reader = Reader::new(connection);
        let found = |owner: &str, workspace: &str, query| {
            let scope = Scope { owner: owner.to_owned(), workspace: workspace.to_owned() };
            search::find(&reader, &scope, query, 9).unwrap().len()
        };
        assert_eq!(
            [found("u", "w", "pelican"), found("u", "w", "gul"), found("u", "general", "pelican")],
            [1, 1, 0]
        );
    }
}
