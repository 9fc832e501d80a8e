//! Table `session_certificates`: with what a session began whose first factor was a certificate. Rows go with the session.

use std::collections::BTreeMap;

use rusqlite::params;

use crate::{Error, Reader, Tx};

/// A chain of certificates (DER), the session's own first.
pub type Chain = Vec<Vec<u8>>;

pub fn insert(tx: &mut Tx<'_>, session_id: &str, chain: &[Vec<u8>]) -> Result<(), Error> {
    let sql = "INSERT INTO session_certificates (session_id, position, der) VALUES (?1, ?2, ?3)";
    for (position, der) in chain.iter().enumerate() {
        tx.execute(sql, params![session_id, i64::try_from(position).unwrap_or(i64::MAX), der])?;
    }
    Ok(())
}

/// The session that takes another one's place begins with the same.
pub fn copy(tx: &mut Tx<'_>, from: &str, to: &str) -> Result<(), Error> {
    let sql = "INSERT INTO session_certificates (session_id, position, der) \
               SELECT ?2, position, der FROM session_certificates WHERE session_id = ?1";
    tx.execute(sql, [from, to])?;
    Ok(())
}

/// Every session's chain, by the session's id.
pub fn list(reader: &Reader) -> Result<BTreeMap<String, Chain>, Error> {
    let sql = "SELECT session_id, der FROM session_certificates ORDER BY session_id, position";
    let rows: Vec<(String, Vec<u8>)> = reader.all(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut chains = BTreeMap::<String, Chain>::new();
    for (session_id, der) in rows {
        chains.entry(session_id).or_default().push(der);
    }
    Ok(chains)
}
