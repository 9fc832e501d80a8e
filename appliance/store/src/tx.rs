//! What a job gets: a consistent view to read, or a transaction to write.

use std::ops::Deref;
use std::sync::Arc;

use redoubt_audit::Draft;
use rusqlite::{Connection, OptionalExtension, Params, Row};

use crate::Error;
use crate::audit_checkpoints::Signed;
use crate::audit_epochs::{NewEpoch, Present};
use crate::ledger::{Ledger, Moment};

/// A view of the store at one moment. The table modules take it.
#[derive(Debug)]
pub struct Reader {
    connection: Connection,
}

impl Reader {
    pub(crate) fn new(connection: Connection) -> Self {
        Self { connection }
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The first row, if there is one.
    pub(crate) fn one<T>(
        &self,
        sql: &str,
        params: impl Params,
        from_row: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, Error> {
        Ok(self.connection.prepare_cached(sql)?.query_row(params, from_row).optional()?)
    }

    /// Every row.
    pub(crate) fn all<T>(
        &self,
        sql: &str,
        params: impl Params,
        from_row: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, Error> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let rows = statement.query_map(params, from_row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

/// A transaction: rows and their audit records become durable together, or not at all.
#[derive(Debug)]
pub struct Tx<'a> {
    reader: &'a Reader,
    ledger: &'a mut Ledger,
    now: Moment,
}

impl<'a> Tx<'a> {
    pub(crate) fn new(reader: &'a Reader, ledger: &'a mut Ledger) -> Self {
        let now = ledger.now();
        Self { reader, ledger, now }
    }

    /// The moment of this transaction, in microseconds since 1970. Its records carry the same.
    pub fn now_us(&self) -> i64 {
        self.now.time_us
    }

    /// Appends a record to the audit log and returns its number.
    ///
    /// # Errors
    /// [`Error::Audit`] if the draft does not fit a record, else what the database says.
    pub fn audit(&mut self, draft: Draft) -> Result<u64, Error> {
        self.ledger.append(self.reader, &self.now, &draft)
    }

    /// Signs the log up to and including what this transaction recorded so far; `None` if it has no key. The note is nobody's
    /// to see before the transaction is durable.
    ///
    /// # Errors
    /// [`Error::NotIntact`], or what the database says.
    pub fn checkpoint(&mut self) -> Result<Option<Arc<Signed>>, Error> {
        self.ledger.checkpoint(self.reader, &self.now)
    }

    /// The epoch whose key signs now; `None` if there is none.
    pub fn epoch(&self) -> Option<Arc<Present>> {
        self.ledger.state.epoch.clone()
    }

    /// Keeps certified keys for epochs to come. The first epoch begins with the first keys.
    ///
    /// # Errors
    /// [`Error::Conflict`] if there is a key for one of these epochs, else what the database says.
    pub fn certify(&mut self, epochs: &[NewEpoch]) -> Result<(), Error> {
        self.ledger.certify(self.reader, &self.now, epochs)
    }

    /// Changes rows and returns how many.
    pub(crate) fn execute(&mut self, sql: &str, params: impl Params) -> Result<usize, Error> {
        Ok(self.reader.connection.prepare_cached(sql)?.execute(params)?)
    }
}

impl Deref for Tx<'_> {
    type Target = Reader;

    fn deref(&self) -> &Reader {
        self.reader
    }
}
