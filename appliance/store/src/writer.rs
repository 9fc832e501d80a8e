//! The one thread that writes. It commits together whatever came while the last commit was syncing, and
//! never waits for company.
//!
//! **Invariant:** nobody is told that a write happened before it is on the disk.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, TryLockError};
use std::time::Instant;

use rusqlite::ErrorCode;
use tokio::sync::watch;

use crate::Error;
use crate::error::DISK_FULL;
use crate::ledger::Ledger;
use crate::queue::Queue;
use crate::reserve::{self, Reserve};
use crate::tx::{Reader, Tx};

/// The most jobs in one commit.
const MAX_BATCH: usize = 256;
/// Frames (of 4 KiB) that wait in the log before they are moved into the database.
const CHECKPOINT_FRAMES: i64 = 1_000;
/// Frames at which readers are waited for, so that the log starts anew: 64 MiB.
pub(crate) const MAX_LOG_FRAMES: i64 = 16_384;

const BUSY: &str = "the disk is full or busy";
const LATE: &str = "the deadline passed";

/// One caller's write.
pub(crate) trait Job: Send {
    /// When the caller stops waiting.
    fn deadline(&self) -> Instant;
    /// Runs the write and keeps its result; `false` if it failed and is to be rolled back.
    fn run(&mut self, tx: &mut Tx<'_>) -> bool;
    /// Sends the kept result, or `refused` in its place.
    fn answer(self: Box<Self>, refused: Option<Error>);
}

/// What the writer thread shares with the store.
#[derive(Default)]
pub(crate) struct Progress {
    /// Whether nothing is written any more.
    pub(crate) failed: watch::Sender<bool>,
    pub(crate) commits: AtomicU64,
    pub(crate) jobs: AtomicU64,
    /// Held by whoever needs the database file to stand still.
    pub(crate) checkpoint: Mutex<()>,
}

pub(crate) struct Writer {
    pub(crate) reader: Reader,
    pub(crate) ledger: Ledger,
    pub(crate) queue: Arc<Queue<Box<dyn Job>>>,
    pub(crate) progress: Arc<Progress>,
    pub(crate) reserve: Arc<Reserve>,
    /// The reserve was given up, and the record of that is not on the disk yet.
    pub(crate) owes_record: bool,
    /// At how many frames of the log readers are waited for next.
    pub(crate) log_limit: i64,
}

/// Why a batch was not committed.
enum Failure {
    /// There was no space for it.
    Full,
    /// The next one may be.
    Passing(&'static str),
    /// The state of the disk is unknown: nothing more is written by this process.
    Final(Error),
}

impl Writer {
    /// Works until the queue is closed and drained, or a commit fails for good.
    pub(crate) fn work(mut self) -> Reader {
        loop {
            let jobs = self.queue.take(MAX_BATCH);
            if jobs.is_empty() {
                return self.reader;
            }
            let outcome = self.write(jobs).and_then(|()| self.checkpoint());
            if let Err(error) = outcome {
                tracing::error!(%error, "the store stops writing");
                return self.stop();
            }
        }
    }

    /// Refuses everything from now on.
    fn stop(self) -> Reader {
        self.progress.failed.send_replace(true);
        self.queue.close();
        loop {
            let jobs = self.queue.take(MAX_BATCH);
            if jobs.is_empty() {
                return self.reader;
            }
            refuse(jobs, "it stopped after a failed write");
        }
    }

    /// Commits the jobs that are still waited for, and answers all. An error means that writing is over.
    fn write(&mut self, jobs: Vec<Box<dyn Job>>) -> Result<(), Error> {
        let now = Instant::now();
        let (mut jobs, late): (Vec<_>, Vec<_>) = jobs.into_iter().partition(|job| job.deadline() > now);
        refuse(late, LATE);
        if jobs.is_empty() {
            return Ok(());
        }
        match self.attempt(&mut jobs) {
            Ok(()) => {
                self.progress.jobs.fetch_add(jobs.len() as u64, Ordering::Relaxed);
                jobs.into_iter().for_each(|job| job.answer(None));
                Ok(())
            }
            Err(Failure::Full) => {
                let room = self.make_room();
                refuse(jobs, DISK_FULL);
                room
            }
            Err(Failure::Passing(why)) => {
                refuse(jobs, why);
                Ok(())
            }
            Err(Failure::Final(error)) => {
                refuse(jobs, "the disk failed");
                Err(error)
            }
        }
    }

    /// Gives the reserve up, if there is one. The record of that is the first thing in the freed space.
    fn make_room(&mut self) -> Result<(), Error> {
        if !self.reserve.give_up() {
            return Ok(());
        }
        tracing::error!("the disk is full: the reserve was given up");
        self.owes_record = true;
        match self.attempt(&mut []) {
            Err(Failure::Final(error)) => Err(error),
            // What could not be written yet goes first into the next commit.
            Ok(()) | Err(Failure::Full | Failure::Passing(_)) => Ok(()),
        }
    }

    /// Commits the jobs, or leaves everything as it was.
    fn attempt(&mut self, jobs: &mut [Box<dyn Job>]) -> Result<(), Failure> {
        let before = self.ledger.state();
        let Err(failure) = self.commit(jobs) else {
            self.owes_record = false;
            self.progress.commits.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        };
        if let Failure::Final(_) = failure {
            // Before anybody is answered, who may then ask.
            self.progress.failed.send_replace(true);
        }
        self.ledger.restore(before);
        if !self.reader.connection().is_autocommit() {
            // If even this fails, the next BEGIN does too.
            let _ = self.reader.connection().execute_batch("ROLLBACK");
        }
        Err(failure)
    }

    fn commit(&mut self, jobs: &mut [Box<dyn Job>]) -> Result<(), Failure> {
        let size_before = self.ledger.size();
        self.reader.connection().execute_batch("BEGIN IMMEDIATE")?;
        if self.owes_record {
            let now = self.ledger.now();
            self.ledger.append(&self.reader, &now, &reserve::given_up())?;
        }
        for job in jobs {
            // The ones before it may have taken long. It has no result then, and nobody who waits for one.
            if job.deadline() > Instant::now() {
                self.run(job.as_mut())?;
            }
        }
        if self.ledger.size() != size_before {
            self.ledger.store_tree(&self.reader)?;
        }
        self.reader.connection().execute_batch("COMMIT")?;
        Ok(())
    }

    /// Runs one job in a savepoint: if it fails, only its own rows and records go.
    fn run(&mut self, job: &mut dyn Job) -> Result<(), Failure> {
        let before = self.ledger.state();
        self.reader.connection().execute_batch("SAVEPOINT job")?;
        let kept = {
            let mut tx = Tx::new(&self.reader, &mut self.ledger);
            // A job that panics has no result: its caller finds the answer's channel closed.
            catch_unwind(AssertUnwindSafe(|| job.run(&mut tx))).unwrap_or(false)
        };
        if self.reader.connection().is_autocommit() {
            // SQLite itself rolled everything back, as it may when the disk is full or fails. Nothing was
            // synced yet, so nothing is in doubt.
            return Err(Failure::Passing(BUSY));
        }
        if !kept {
            self.ledger.restore(before);
            self.reader.connection().execute_batch("ROLLBACK TO job")?;
        }
        self.reader.connection().execute_batch("RELEASE job")?;
        Ok(())
    }

    /// Keeps the log short. Runs after the answers, so nobody waits for it.
    fn checkpoint(&mut self) -> Result<(), Error> {
        let _still = match self.progress.checkpoint.try_lock() {
            Ok(guard) => guard,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Ok(()),
        };
        let (frames, moved) = checkpoint(&self.reader, "NOOP")?;
        let mode = if frames >= self.log_limit {
            // A reader that stays is waited for again only after as much has been written again.
            self.log_limit = frames + MAX_LOG_FRAMES;
            "TRUNCATE"
        } else if frames - moved >= CHECKPOINT_FRAMES {
            "PASSIVE"
        } else {
            return Ok(());
        };
        match checkpoint(&self.reader, mode) {
            Ok((left, _)) => {
                if left < MAX_LOG_FRAMES {
                    self.log_limit = MAX_LOG_FRAMES;
                }
                Ok(())
            }
            Err(error) if is_passing(&error) => {
                // The log keeps everything until a later one succeeds.
                tracing::warn!(%error, "the write-ahead log could not be moved into the database");
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// Moves the log into the database and returns how many frames it has and how many of them were moved.
pub(crate) fn checkpoint(reader: &Reader, mode: &str) -> rusqlite::Result<(i64, i64)> {
    let sql = format!("PRAGMA wal_checkpoint({mode})");
    reader.connection().query_row(&sql, [], |row| Ok((row.get(1)?, row.get(2)?)))
}

fn refuse(jobs: Vec<Box<dyn Job>>, why: &'static str) {
    for job in jobs {
        job.answer(Some(Error::Unavailable(why)));
    }
}

/// Whether an error says "not now" rather than "never again".
fn is_passing(error: &rusqlite::Error) -> bool {
    is_full(error) || error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
}

/// The index of the log grows like the log, but has an error of its own.
fn is_full(error: &rusqlite::Error) -> bool {
    let extended = error.sqlite_error().map(|error| error.extended_code);
    error.sqlite_error_code() == Some(ErrorCode::DiskFull)
        || extended == Some(rusqlite::ffi::SQLITE_IOERR_SHMSIZE)
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        match error {
            error if is_full(&error) => Self::Full,
            error if is_passing(&error) => Self::Passing(BUSY),
            error => Self::Final(error.into()),
        }
    }
}

/// Of a statement before the commit: nothing was synced yet, so nothing is in doubt.
impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Unavailable(DISK_FULL) => Self::Full,
            Error::Unavailable(why) => Self::Passing(why),
            other => Self::Final(other),
        }
    }
}
