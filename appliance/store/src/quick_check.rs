//! A look at every page of the store that ends in time, however large the store is.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode};

use crate::store::Store;
use crate::tx::Reader;
use crate::{Error, integrity, open};

/// How soon an interruption is repeated: one that comes between two steps of the look is lost.
const AGAIN: Duration = Duration::from_millis(5);

/// What the look found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// In words; none if what was looked at is intact.
    pub problems: Vec<String>,
    /// Whether there was time for all of it.
    pub whole: bool,
}

impl Store {
    /// Reads the pages of every table and index, each against its HMAC, and looks whether they hang together and hold
    /// rows. [`Store::check_integrity`] looks at what the rows say, too, and takes as long as it takes.
    ///
    /// # Errors
    /// What keeps the look from being taken at all.
    pub fn quick_check(&self, budget: Duration) -> Result<Checked, Error> {
        // A connection of its own has no page in memory that was read before.
        let reader = Reader::new(open::reader(self.path(), self.key())?);
        match within(reader.connection(), budget, || integrity::quick(&reader)) {
            Err(Error::Sql(error)) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => {
                Ok(Checked { problems: Vec::new(), whole: false })
            }
            other => Ok(Checked { problems: integrity::findings(other)?, whole: true }),
        }
    }
}

/// Runs `job`, and interrupts the connection when the time is over.
fn within<T>(connection: &Connection, budget: Duration, job: impl FnOnce() -> T) -> T {
    let interrupt = connection.get_interrupt_handle();
    let (done, waiting) = mpsc::channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut patience = budget;
            while waiting.recv_timeout(patience) == Err(RecvTimeoutError::Timeout) {
                interrupt.interrupt();
                patience = AGAIN;
            }
        });
        let result = job();
        drop(done);
        result
    })
}
