//! The one thread that writes. It commits together whatever came while the last commit was syncing, and
//! never waits for company.
//!
//! **Invariant:** nobody is told that a write happened before it is on the disk.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, TryLockError};
use std::time::{Duration, Instant};

use rusqlite::ErrorCode;
use tokio::sync::watch;

use crate::error::DISK_FULL;
use crate::ledger::{self, Ledger};
use crate::on_durable::OnDurable;
use crate::queue::Queue;
use crate::reserve::{self, Reserve};
use crate::sealing::{LONGEST_UNSIGNED, MOST_UNSIGNED};
use crate::tx::{Reader, Tx};
use crate::{Error, Witness};

/// The most jobs in one commit.
const MAX_BATCH: usize = 256;
/// Frames (of 4 KiB) that wait in the log before they are moved into the database.
const CHECKPOINT_FRAMES: i64 = 1_000;
/// Frames at which readers are waited for, so that the log starts anew: 64 MiB.
pub(crate) const MAX_LOG_FRAMES: i64 = 16_384;

/// How long signing waits after it could not be written.
const PAUSE: Duration = Duration::from_secs(2);

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
    pub(crate) on_durable: Option<OnDurable>,
    /// At how many frames of the log readers are waited for next.
    pub(crate) log_limit: i64,
    pub(crate) witness: Option<Arc<dyn Witness>>,
    /// Since when the audit log has records that no checkpoint covers.
    pub(crate) unsigned_since: Option<Instant>,
    /// Until when signing waits after it could not be written.
    pub(crate) sign_not_before: Option<Instant>,
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
            let outcome = match self.queue.take_until(MAX_BATCH, self.signing_due()) {
                Some(jobs) if jobs.is_empty() => return self.reader,
                Some(jobs) => self.write(jobs),
                None => self.sign(),
            };
            if let Err(error) = outcome.and_then(|()| self.checkpoint()) {
                tracing::error!(%error, "the store stops writing");
                return self.stop();
            }
        }
    }

    /// When the audit log is to be signed, if nothing is written before.
    fn signing_due(&self) -> Option<Instant> {
        let since = self.unsigned_since;
        let checkpoint = if self.ledger.unsigned() >= MOST_UNSIGNED {
            since
        } else {
            since.map(|since| since + LONGEST_UNSIGNED)
        };
        let rotation = self.ledger.epoch_left().and_then(|left| Instant::now().checked_add(left));
        let due = checkpoint.into_iter().chain(rotation).min()?;
        Some(self.sign_not_before.map_or(due, |pause| pause.max(due)))
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
        match self.transact(|writer| writer.run_all(&mut jobs)) {
            Ok(()) => {
                self.progress.commits.fetch_add(1, Ordering::Relaxed);
                self.progress.jobs.fetch_add(jobs.len() as u64, Ordering::Relaxed);
                jobs.into_iter().for_each(|job| job.answer(None));
                // Those who come again and again must not keep the log from being signed.
                if self.signing_due().is_some_and(|due| due <= Instant::now()) { self.sign() } else { Ok(()) }
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
        match self.transact(|_| Ok(())) {
            Err(Failure::Final(error)) => Err(error),
            // What could not be written yet goes first into the next commit.
            Ok(()) | Err(Failure::Full | Failure::Passing(_)) => Ok(()),
        }
    }

    /// Signs the audit log, or ends its epoch. What cannot be written now is tried again later.
    fn sign(&mut self) -> Result<(), Error> {
        let epoch = self.ledger.epoch();
        match self.transact(|writer| Ok(writer.ledger.sign_due(&writer.reader)?)) {
            Ok(()) => {
                if self.ledger.epoch() != epoch {
                    // The write-ahead log may hold the private key of the epoch that is over.
                    self.log_limit = 0;
                }
                Ok(())
            }
            Err(Failure::Final(error)) => Err(error),
            Err(failure) => {
                tracing::warn!("the audit log could not be signed and will be later");
                self.sign_not_before = Some(Instant::now() + PAUSE);
                if matches!(failure, Failure::Full) { self.make_room() } else { Ok(()) }
            }
        }
    }

    /// One transaction, with what it records; a failed one leaves nothing behind.
    fn transact(&mut self, body: impl FnOnce(&mut Self) -> Result<(), Failure>) -> Result<(), Failure> {
        let before = self.ledger.state();
        match self.commit(body) {
            Ok(()) => {
                self.owes_record = false;
                let sealed = self.ledger.take_sealed();
                if let Some(on_durable) = self.on_durable.as_ref().filter(|_| !sealed.is_empty()) {
                    on_durable.tell(sealed);
                }
                self.witness(&before);
                Ok(())
            }
            Err(failure) => {
                if matches!(failure, Failure::Final(_)) {
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
        }
    }

    fn commit(&mut self, body: impl FnOnce(&mut Self) -> Result<(), Failure>) -> Result<(), Failure> {
        let size_before = self.ledger.size();
        self.reader.connection().execute_batch("BEGIN IMMEDIATE")?;
        if self.owes_record {
            let now = self.ledger.now();
            self.ledger.append(&self.reader, &now, &reserve::given_up())?;
        }
        body(self)?;
        if self.ledger.size() != size_before {
            self.ledger.store_tree(&self.reader)?;
        }
        self.reader.connection().execute_batch("COMMIT")?;
        Ok(())
    }

    fn run_all(&mut self, jobs: &mut [Box<dyn Job>]) -> Result<(), Failure> {
        for job in jobs {
            // The ones before it may have taken long. It has no result then, and nobody who waits for one.
            if job.deadline() > Instant::now() {
                self.run(job.as_mut())?;
            }
        }
        Ok(())
    }

    /// Tells of what became durable.
    fn witness(&mut self, before: &ledger::State) {
        let known = before.signed.as_ref().map(|signed| signed.size);
        let signed = self.ledger.state.signed.as_ref().filter(|signed| Some(signed.size) != known);
        if let (Some(witness), Some(signed)) = (&self.witness, signed) {
            witness.signed(signed);
        }
        self.unsigned_since = match self.ledger.unsigned() {
            0 => None,
            _ => self.unsigned_since.or_else(|| Some(Instant::now())),
        };
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
pub(crate) fn is_passing(error: &rusqlite::Error) -> bool {
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
