//! The schema, from its first version to the newest.

use rusqlite::Connection;
use rusqlite_migration::{M, Migrations};

use crate::Error;

const FILES: [&str; 4] = [
    include_str!("../migrations/0001-initial.sql"),
    include_str!("../migrations/0002-identity.sql"),
    include_str!("../migrations/0003-directory-groups.sql"),
    include_str!("../migrations/0004-certificates.sql"),
];
const STEPS: &[M<'static>] = &[M::up(FILES[0]), M::up(FILES[1]), M::up(FILES[2]), M::up(FILES[3])];

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
        Migrations::from_slice(STEPS).validate().unwrap();
    }
}
