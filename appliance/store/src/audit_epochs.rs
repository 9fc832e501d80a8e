//! Table `audit_epochs`: the keys that sign checkpoints, one epoch after the other, each certified by the install root.

use ring::signature::Ed25519KeyPair;
use rusqlite::{Connection, Row, params};
use zeroize::Zeroizing;

use crate::{DataKey, Error, Reader};

const SEAL_PURPOSE: &str = "audit-epoch";

/// A key for an epoch to come.
pub struct NewEpoch {
    /// Follows the highest one so far; the first is 0.
    pub number: u64,
    /// Ed25519.
    pub seed: Zeroizing<[u8; 32]>,
    pub public_key: [u8; 32],
    /// The blob of the OpenSSH certificate.
    pub certificate: Vec<u8>,
}

/// An epoch without its private key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Epoch {
    pub number: u64,
    pub public_key: [u8; 32],
    /// The blob of the OpenSSH certificate.
    pub certificate: Vec<u8>,
    /// Microseconds since 1970; `None` for one to come.
    pub begun_us: Option<i64>,
    /// Microseconds since 1970. Its private key is gone then.
    pub ended_us: Option<i64>,
}

/// The present epoch with its key. Whoever holds it can sign after the epoch's end, for as long as the process lives.
#[derive(Debug)]
pub struct Present {
    pub(crate) number: u64,
    pub(crate) begun_us: i64,
    pub(crate) pair: Ed25519KeyPair,
}

impl Present {
    pub fn number(&self) -> u64 {
        self.number
    }

    pub fn pair(&self) -> &Ed25519KeyPair {
        &self.pair
    }
}

const COLUMNS: &str = "number, public_key, certificate, begun_us, ended_us";

/// Every epoch, past and to come.
pub fn list(reader: &Reader) -> Result<Vec<Epoch>, Error> {
    reader.all(&format!("SELECT {COLUMNS} FROM audit_epochs ORDER BY number"), [], from_row)
}

pub fn find(reader: &Reader, number: u64) -> Result<Option<Epoch>, Error> {
    reader.one(&format!("SELECT {COLUMNS} FROM audit_epochs WHERE number = ?1"), [number], from_row)
}

/// How many keys wait for an epoch.
pub fn count_to_come(reader: &Reader) -> Result<u64, Error> {
    let sql = "SELECT count(*) FROM audit_epochs WHERE begun_us IS NULL";
    Ok(reader.one(sql, [], |row| row.get(0))?.unwrap_or(0))
}

/// Whether there is a key that signs now.
pub fn has_present(reader: &Reader) -> Result<bool, Error> {
    let sql = "SELECT count(*) > 0 FROM audit_epochs WHERE begun_us IS NOT NULL AND ended_us IS NULL";
    Ok(reader.one(sql, [], |row| row.get(0))?.unwrap_or(false))
}

/// The number that the next new key gets.
pub fn next_number(reader: &Reader) -> Result<u64, Error> {
    let sql = "SELECT coalesce(max(number) + 1, 0) FROM audit_epochs";
    Ok(reader.one(sql, [], |row| row.get(0))?.unwrap_or(0))
}

pub(crate) fn insert(reader: &Reader, key: &DataKey, epoch: &NewEpoch) -> Result<(), Error> {
    let sealed = key.seal(SEAL_PURPOSE, &epoch.number.to_be_bytes(), &*epoch.seed)?;
    let sql = "INSERT INTO audit_epochs (number, public_key, certificate, sealed) VALUES (?1, ?2, ?3, ?4)";
    let values = params![epoch.number, epoch.public_key, epoch.certificate, sealed];
    reader.connection().prepare_cached(sql)?.execute(values)?;
    Ok(())
}

/// The epoch that is not over; `None` before the first has begun.
pub(crate) fn present(reader: &Reader, key: &DataKey) -> Result<Option<Present>, Error> {
    let sql = "SELECT number FROM audit_epochs WHERE begun_us IS NOT NULL AND ended_us IS NULL";
    let number = reader.one(sql, [], |row| row.get(0))?;
    number.map(|number| open(reader, key, number)).transpose()
}

/// Begins an epoch; `None` if there is no key for it.
pub(crate) fn begin(
    reader: &Reader,
    key: &DataKey,
    number: u64,
    now_us: i64,
) -> Result<Option<Present>, Error> {
    let sql = "UPDATE audit_epochs SET begun_us = ?2 WHERE number = ?1 AND begun_us IS NULL";
    let begun = reader.connection().prepare_cached(sql)?.execute(params![number, now_us])?;
    if begun == 1 { open(reader, key, number).map(Some) } else { Ok(None) }
}

/// Ends an epoch and forgets its private key.
pub(crate) fn end(reader: &Reader, number: u64, now_us: i64) -> Result<(), Error> {
    let sql = "UPDATE audit_epochs SET ended_us = ?2, sealed = NULL WHERE number = ?1";
    reader.connection().prepare_cached(sql)?.execute(params![number, now_us])?;
    Ok(())
}

/// Seals the keys in the attached database `copy` by the key of that.
pub(crate) fn reseal(connection: &Connection, old: &DataKey, new: &DataKey) -> Result<(), Error> {
    let mut statement =
        connection.prepare("SELECT number, sealed FROM copy.audit_epochs WHERE sealed IS NOT NULL")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let sealed: Vec<(u64, Vec<u8>)> = rows.collect::<Result<_, _>>()?;
    for (number, sealed) in sealed {
        let seed = old.unseal(SEAL_PURPOSE, &number.to_be_bytes(), &sealed)?;
        let anew = new.seal(SEAL_PURPOSE, &number.to_be_bytes(), &seed)?;
        connection.execute("UPDATE copy.audit_epochs SET sealed = ?2 WHERE number = ?1", (number, anew))?;
    }
    Ok(())
}

fn open(reader: &Reader, key: &DataKey, number: u64) -> Result<Present, Error> {
    let sql = "SELECT sealed, public_key, begun_us FROM audit_epochs WHERE number = ?1";
    let row = |row: &Row<'_>| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, [u8; 32]>(1)?, row.get(2)?));
    let damaged = || Error::Damaged(format!("the key of the audit log's epoch {number} is not there"));
    let (sealed, public_key, begun_us) = reader.one(sql, [number], row)?.ok_or_else(damaged)?;
    let seed = key.unseal(SEAL_PURPOSE, &number.to_be_bytes(), &sealed)?;
    let pair = Ed25519KeyPair::from_seed_and_public_key(&seed, &public_key).map_err(|_| damaged())?;
    Ok(Present { number, begun_us, pair })
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<Epoch> {
    Ok(Epoch {
        number: row.get(0)?,
        public_key: row.get(1)?,
        certificate: row.get(2)?,
        begun_us: row.get(3)?,
        ended_us: row.get(4)?,
    })
}
