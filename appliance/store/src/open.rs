//! The only place that opens the database: key first, then the protections, then a look whether they hold.

use std::fs::OpenOptions;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::directory::{self, make_private};
use crate::{DataKey, Error, migrations, words};

/// The first SQLite without the WAL-reset corruption bug.
const SQLITE_FLOOR: i32 = 3_051_003;
/// The first SQLCipher with that SQLite.
const SQLCIPHER_FLOOR: (u32, u32) = (4, 14);
/// SQLCipher's page, the smallest file that it writes.
const PAGE_BYTES: u64 = 4096;
const BUSY_TIMEOUT: Duration = Duration::from_secs(1);
const CHECKPOINT_TIMEOUT: Duration = Duration::from_millis(250);
/// The library is the process's, so whether it is ready is, too.
static CIPHER_READY: Once = Once::new();

/// What every connection is set to, and asked about afterwards.
const PRAGMAS: &[(&str, i64)] = &[
    ("foreign_keys", 1),
    // So that REPLACE, too, meets the triggers that keep audit records.
    ("recursive_triggers", 1),
    ("trusted_schema", 0),
    ("secure_delete", 1),
    ("temp_store", 2),
    ("mmap_size", 0),
    ("cell_size_check", 1),
    ("synchronous", 2),
];

/// The connection that writes. Brings the schema up to date.
pub(crate) fn writer(path: &Path, key: &DataKey) -> Result<Connection, Error> {
    check_file(path)?;
    // A connection that cannot write looks at the key first: a wrong one leaves every file as it was.
    migrations::check(&reader(path, key)?)?;
    let mut connection = connect(path, key, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    // Checkpoints are the writer thread's: one at closing would fall to whichever connection is last.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    use_wal(&connection)?;
    migrations::apply(&mut connection)?;
    for suffix in ["", "-wal", "-shm"] {
        make_private(&with_suffix(path, suffix))?;
    }
    Ok(connection)
}

/// A connection that only reads.
pub(crate) fn reader(path: &Path, key: &DataKey) -> Result<Connection, Error> {
    let connection = connect(path, key, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

/// A connection that only moves the log into the database, beside the one that writes. While it waits for readers nobody
/// writes, so it gives up long before the writer would.
pub(crate) fn checkpointer(path: &Path, key: &DataKey) -> Result<Connection, Error> {
    let connection = connect(path, key, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.busy_timeout(CHECKPOINT_TIMEOUT)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    Ok(connection)
}

/// A connection that may attach one more database, and write tables of every kind into it.
pub(crate) fn exporter(path: &Path, key: &DataKey) -> Result<Connection, Error> {
    let connection = connect(path, key, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, false)?;
    connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 1)?;
    Ok(connection)
}

/// A connection that leaves every file as it is, its folder included. For a database that no process has open.
///
/// An ordinary reader makes the log and its index where they are missing, and they would belong to whoever looks. So
/// an empty log is passed over (`immutable`), and another one is read by an index in memory (`readonly_shm`).
/// For root, SQLite gives these two files to the owner of the database, whose they are already.
pub(crate) fn inspector(path: &Path, key: &DataKey) -> Result<Connection, Error> {
    check_file(path)?;
    let has = |suffix| std::fs::metadata(with_suffix(path, suffix)).is_ok_and(|file| file.len() > 0);
    let manner = match (has("-wal"), has("-shm")) {
        (false, _) => "immutable=1",
        (true, true) => "readonly_shm=1",
        (true, false) => {
            return Err(Error::Unavailable("its log has no index, which the next start makes anew"));
        }
    };
    let access = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    let connection = connect(Path::new(&uri(path, manner)), key, access).map_err(|error| match error {
        Error::WrongKey(_) => Error::WrongKey(path.to_owned()),
        other => other,
    })?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

/// A file as SQLite's URIs have it, every byte that could mean something else escaped.
fn uri(path: &Path, query: &str) -> String {
    let mut uri = "file:".to_owned();
    for byte in path.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || b"/-_.".contains(byte) {
            uri.push(char::from(*byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    format!("{uri}?{query}")
}

/// Makes the database: `fill` writes its first rows. **Invariant:** `path` is either a whole store or
/// absent, whenever this is interrupted.
pub(crate) fn create(
    path: &Path,
    key: &DataKey,
    fill: impl FnOnce(&Connection) -> Result<(), Error>,
) -> Result<(), Error> {
    if path.exists() {
        return Err(Error::Exists(path.to_owned()));
    }
    let draft = with_suffix(path, ".new");
    for suffix in ["", "-wal", "-shm"] {
        remove_if_there(&with_suffix(&draft, suffix))?;
    }
    let mut connection = empty(&draft, key)?;
    use_wal(&connection)?;
    migrations::apply(&mut connection)?;
    fill(&connection)?;
    // The last connection's closing moves the log into the file and removes it.
    connection.close().map_err(|(_, error)| error)?;
    let folder = directory::parent(path);
    std::fs::rename(&draft, path).map_err(Error::io(path))?;
    directory::sync(&folder)
}

/// A connection to a new file that is to become a copy of a database.
pub(crate) fn empty(path: &Path, key: &DataKey) -> Result<Connection, Error> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(Error::io(path))?;
    connect(path, key, OpenFlags::SQLITE_OPEN_READ_WRITE)
}

/// `path` with more at the end of its name.
pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn connect(path: &Path, key: &DataKey, access: OpenFlags) -> Result<Connection, Error> {
    if rusqlite::version_number() < SQLITE_FLOOR {
        return Err(Error::Library(format!("SQLite {} is too old", rusqlite::version())));
    }
    // SQLite calls itself ready a moment before SQLCipher is: one thread goes first, or another finds no cipher.
    CIPHER_READY.call_once(|| drop(Connection::open_in_memory()));
    let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    // SQLCipher would write its errors to stderr itself; they come back as errors anyway.
    connection.execute_batch("PRAGMA cipher_log_level = NONE")?;
    connection.execute_batch(&key.pragma())?;
    check_cipher(&connection)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // The first read of a page tells whether the key fits.
    let read = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0));
    read.map_err(|error| match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => Error::WrongKey(path.to_owned()),
        _ => error.into(),
    })?;
    protect(&connection)?;
    words::register(&connection)?;
    Ok(connection)
}

/// Sets what every connection is set to, and looks whether it is.
fn protect(connection: &Connection) -> Result<(), Error> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, false)?;
    connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
    connection.set_prepared_statement_cache_capacity(128);
    for (name, value) in PRAGMAS {
        connection.pragma_update(None, name, value)?;
        let set: i64 = connection.pragma_query_value(None, name, |row| row.get(0))?;
        if set != *value {
            return Err(Error::Library(format!("{name} is {set} instead of {value}")));
        }
    }
    Ok(())
}

/// Says what is wrong with the file before a key is tried on it.
fn check_file(path: &Path) -> Result<(), Error> {
    let Ok(metadata) = std::fs::metadata(path) else { return Err(Error::Missing(path.to_owned())) };
    if metadata.len() < PAGE_BYTES || metadata.len() % PAGE_BYTES != 0 {
        return Err(Error::Damaged(format!("{} is cut off at {} bytes", path.display(), metadata.len())));
    }
    Ok(())
}

/// Without SQLCipher linked in, `PRAGMA key` would silently do nothing.
fn check_cipher(connection: &Connection) -> Result<(), Error> {
    let version: String = connection.query_row("PRAGMA cipher_version", [], |row| row.get(0))?;
    let mut numbers = version.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse().unwrap_or(0));
    let found = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if found < SQLCIPHER_FLOOR {
        return Err(Error::Library(format!("SQLCipher {version} is too old")));
    }
    Ok(())
}

fn use_wal(connection: &Connection) -> Result<(), Error> {
    let mode: String = connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
    if mode != "wal" {
        return Err(Error::Library(format!("the journal mode is {mode} instead of wal")));
    }
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "journal_size_limit", 16 << 20)?;
    Ok(())
}

fn remove_if_there(path: &Path) -> Result<(), Error> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io(path)(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use ring::rand::SystemRandom;

    use super::*;

    fn made(folder: &Path) -> (PathBuf, DataKey) {
        let (path, key) = (folder.join("redoubt.db"), DataKey::generate(&SystemRandom::new()).unwrap());
        create(&path, &key, |_| Ok(())).unwrap();
        (path, key)
    }

    #[test]
    fn connections_are_protected_and_readers_do_not_write() {
        let folder = tempfile::tempdir().unwrap();
        let (path, key) = made(folder.path());
        let (writer, reader) = (writer(&path, &key).unwrap(), reader(&path, &key).unwrap());
        for connection in [&writer, &reader] {
            for config in [DbConfig::SQLITE_DBCONFIG_DEFENSIVE, DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE] {
                assert!(connection.db_config(config).unwrap(), "{config:?}");
            }
            for statement in [
                "ATTACH ':memory:' AS other",
                "SELECT load_extension('x')",
                "SELECT \"no such column\"",
                "UPDATE sqlite_schema SET sql = ''",
                "UPDATE chat_index_data SET block = x'00'",
                "DELETE FROM audit",
            ] {
                let refused = connection.prepare(statement).and_then(|mut statement| {
                    let mut rows = statement.query([])?;
                    rows.next().map(|_| ())
                });
                // Deleting nothing is nothing; the trigger of `audit` needs a row.
                assert!(refused.is_err() || statement == "DELETE FROM audit", "{statement}");
            }
        }
        writer.execute("INSERT INTO meta VALUES ('a', 'b')", []).unwrap();
        assert!(reader.execute("INSERT INTO meta VALUES ('c', 'd')", []).is_err());
        let mode: String = writer.query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap();
        assert_eq!(mode, "wal");
    }

    #[test]
    fn records_are_neither_changed_nor_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let (path, key) = made(folder.path());
        let writer = writer(&path, &key).unwrap();
        let insert = "INSERT INTO audit VALUES (0, 0, 'a', 'ok', NULL, NULL, x'00', zeroblob(32))";
        writer.execute(insert, []).unwrap();
        for statement in
            ["DELETE FROM audit", "UPDATE audit SET rec = x'01'", &insert.replace("INSERT", "REPLACE")]
        {
            assert!(writer.execute(statement, []).is_err(), "{statement}");
        }
    }

    #[test]
    fn the_database_of_a_newer_program_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (path, key) = made(folder.path());
        let connection = connect(&path, &key, OpenFlags::SQLITE_OPEN_READ_WRITE).unwrap();
        connection.pragma_update(None, "user_version", 99).unwrap();
        connection.close().unwrap();
        let before = fs::read(&path).unwrap();
        let outcome = writer(&path, &key);
        assert!(matches!(outcome, Err(Error::NewerSchema { found: 99, .. })), "{outcome:?}");
        assert_eq!(fs::read(&path).unwrap(), before);
    }
}
