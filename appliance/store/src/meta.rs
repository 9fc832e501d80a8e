//! The store's own identity.

use rusqlite::{Connection, params};

use crate::{Error, Reader, Tx, Version};

/// The log's origin, `redoubt/<install id>`.
pub fn origin(reader: &Reader) -> Result<String, Error> {
    find(reader, "origin")
}

/// The id that the installation got when the store was made.
pub fn install_id(reader: &Reader) -> Result<String, Error> {
    let origin = origin(reader)?;
    Ok(origin.strip_prefix("redoubt/").unwrap_or(&origin).to_owned())
}

/// When the store was made, in microseconds since 1970.
pub fn created_at(reader: &Reader) -> Result<i64, Error> {
    find(reader, "created_at")?.parse().map_err(|_| Error::Damaged("created_at is no time".to_owned()))
}

/// The version of the program that wrote last; `None` of a store that no version was noted in yet.
pub fn version(reader: &Reader) -> Result<Option<Version>, Error> {
    let Some(text) = look_up(reader, "version")? else { return Ok(None) };
    text.parse().map(Some).map_err(|_| Error::Damaged("its version is none".to_owned()))
}

/// Notes the version of the program that writes from here on.
pub fn set_version(tx: &mut Tx<'_>, version: Version) -> Result<(), Error> {
    let sql = "INSERT INTO meta (key, value) VALUES ('version', ?1)
        ON CONFLICT (key) DO UPDATE SET value = excluded.value";
    tx.execute(sql, [version.to_string()])?;
    Ok(())
}

/// The first rows of a new store.
pub(crate) fn insert_all(connection: &Connection, origin: &str, now_us: i64) -> Result<(), Error> {
    let sql = "INSERT INTO meta (key, value) VALUES ('origin', ?1), ('created_at', ?2)";
    connection.execute(sql, params![origin, now_us.to_string()])?;
    Ok(())
}

fn find(reader: &Reader, key: &str) -> Result<String, Error> {
    look_up(reader, key)?.ok_or_else(|| Error::Damaged(format!("it has no {key}")))
}

fn look_up(reader: &Reader, key: &str) -> Result<Option<String>, Error> {
    reader.one("SELECT value FROM meta WHERE key = ?1", [key], |row| row.get(0))
}
