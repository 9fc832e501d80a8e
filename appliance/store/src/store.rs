//! The store: opens it, hands jobs to the writer and the readers, and waits for their answers.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use redoubt_audit::Origin;
use tokio::sync::oneshot;
use zeroize::Zeroizing;

use crate::directory::{self, Lock, make_private};
use crate::ledger::Ledger;
use crate::on_durable::OnDurable;
use crate::queue::{Queue, Refused};
use crate::reserve::{Reserve, ReserveState};
use crate::tx::{Reader, Tx};
use crate::writer::{self, MAX_LOG_FRAMES, Progress, Writer};
use crate::{Clock, DataKey, Error, Version, Witness, meta, open, readers};

/// The most writes and the most reads that wait.
const QUEUE: usize = 4096;
/// How long a caller waits for a read.
const READ_DEADLINE: Duration = Duration::from_secs(10);

const LATE: Error = Error::Unavailable("the deadline passed");
const LOST: Error = Error::Unavailable("the job broke off");

#[derive(Clone, Debug)]
pub struct Options {
    /// The database file; its folder is the data directory.
    pub path: PathBuf,
    /// How many reads run at once.
    pub readers: usize,
    /// How long a caller waits for a write.
    pub write_deadline: Duration,
    /// Who is told of the records of this process.
    pub on_durable: Option<OnDurable>,
    /// Who hears of new checkpoints.
    pub witness: Option<Arc<dyn Witness>>,
    /// Whether a store is opened that a newer version wrote last.
    pub goes_back: bool,
}

impl Options {
    /// Four readers and the 2 s that the audit rules give a write.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let write_deadline = Duration::from_secs(2);
        Self { path, readers: 4, write_deadline, on_durable: None, witness: None, goes_back: false }
    }
}

/// What the writer did since the store was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stats {
    pub commits: u64,
    /// Jobs in those commits, failed ones included.
    pub jobs: u64,
}

/// An open store. Clones share it; the last one dropped ends its threads.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    key: DataKey,
    write_deadline: Duration,
    writes: Arc<Queue<Box<dyn writer::Job>>>,
    reads: Arc<Queue<readers::Job>>,
    progress: Arc<Progress>,
    reserve: Arc<Reserve>,
    threads: Mutex<Option<Threads>>,
}

struct Threads {
    writer: JoinHandle<Reader>,
    readers: Vec<JoinHandle<()>>,
    _lock: Lock,
}

impl Store {
    /// Makes a new store and opens it. The data directory is made if it is missing.
    ///
    /// # Errors
    /// [`Error::Exists`], [`Error::InUse`], or what the disk says.
    pub fn create(
        options: Options,
        key: DataKey,
        clock: Arc<dyn Clock>,
        origin: Origin,
    ) -> Result<Self, Error> {
        let folder = directory::parent(&options.path);
        directory::create(&folder)?;
        make_private(&folder)?;
        let lock = Lock::take(&folder)?;
        open::create(&options.path, &key, |connection| {
            meta::insert_all(connection, &origin.origin, clock.now_us())
        })?;
        Self::start(options, key, clock, origin, lock)
    }

    /// Opens a store that exists. Nothing is created, and nothing changed if the key does not fit.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::InUse`], [`Error::WrongKey`], [`Error::Damaged`], [`Error::NewerSchema`],
    /// [`Error::NewerVersion`], [`Error::ForeignOrigin`], [`Error::Library`], or what the disk says.
    pub fn open(
        options: Options,
        key: DataKey,
        clock: Arc<dyn Clock>,
        origin: Origin,
    ) -> Result<Self, Error> {
        if !options.path.exists() {
            return Err(Error::Missing(options.path));
        }
        let folder = directory::parent(&options.path);
        let lock = Lock::take(&folder)?;
        make_private(&folder)?;
        Self::start(options, key, clock, origin, lock)
    }

    fn start(
        options: Options,
        key: DataKey,
        clock: Arc<dyn Clock>,
        origin: Origin,
        lock: Lock,
    ) -> Result<Self, Error> {
        let reader = Reader::new(open::writer(&options.path, &key)?);
        let found = meta::origin(&reader)?;
        if found != origin.origin {
            return Err(Error::ForeignOrigin { found, expected: origin.origin });
        }
        if !options.goes_back {
            refuse_newer(&reader, &origin)?;
        }
        let ledger = Ledger::load(&reader, clock, origin, key.clone())?;
        let writes = Arc::new(Queue::new(QUEUE));
        let reads = Arc::new(Queue::new(QUEUE));
        let progress = Arc::new(Progress::default());
        let reserve = Arc::new(Reserve::beside(&options.path));
        let connections = (0..options.readers.max(1))
            .map(|_| open::reader(&options.path, &key).map(Reader::new))
            .collect::<Result<Vec<_>, _>>()?;
        let readers = connections
            .into_iter()
            .map(|reader| {
                let queue = Arc::clone(&reads);
                spawn("store-reader", &options.path, move || readers::work(&reader, &queue))
            })
            .collect::<Result<_, _>>()?;
        let writer = Writer {
            reader,
            ledger,
            queue: Arc::clone(&writes),
            progress: Arc::clone(&progress),
            reserve: Arc::clone(&reserve),
            owes_record: false,
            on_durable: options.on_durable,
            log_limit: MAX_LOG_FRAMES,
            witness: options.witness,
            unsigned_since: None,
            sign_not_before: None,
        };
        let writer = spawn("store-writer", &options.path, move || writer.work())?;
        let threads = Mutex::new(Some(Threads { writer, readers, _lock: lock }));
        let Options { path, write_deadline, .. } = options;
        let inner = Inner { path, key, write_deadline, writes, reads, progress, reserve, threads };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Runs `job` in a transaction and returns its result once that is durable. An `Err` of the job rolls
    /// back what it wrote, records included. Needs a tokio runtime with time.
    ///
    /// # Errors
    /// What the job returns, or [`Error::Unavailable`]. After a passed deadline the write may still come
    /// to pass if it had begun.
    pub async fn write<T, E>(
        &self,
        job: impl FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        self.submit_write(job, move |result| drop(reply.send(result)))?;
        match tokio::time::timeout(self.inner.write_deadline, answer).await {
            Ok(answer) => answer.unwrap_or_else(|_| Err(LOST.into())),
            Err(_) => Err(LATE.into()),
        }
    }

    /// [`Store::write`] for a caller who has to know: the outcome is awaited however long it takes, so an `Err` means that
    /// nothing was written. A job that has not begun by the deadline never begins.
    ///
    /// # Errors
    /// What the job returns, or [`Error::Unavailable`].
    pub async fn write_settled<T, E>(
        &self,
        job: impl FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        self.submit_write(job, move |result| drop(reply.send(result)))?;
        answer.await.unwrap_or_else(|_| Err(LOST.into()))
    }

    /// [`Store::write`] for a caller without a runtime.
    pub fn write_blocking<T, E>(
        &self,
        job: impl FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let (reply, answer) = mpsc::sync_channel(1);
        self.submit_write(job, move |result| drop(reply.send(result)))?;
        wait(&answer, self.inner.write_deadline)
    }

    /// Runs `job` on one moment of the store. Needs a tokio runtime with time.
    ///
    /// # Errors
    /// What the job returns, or [`Error::Unavailable`].
    pub async fn read<T, E>(&self, job: impl FnOnce(&Reader) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        self.submit_read(job, move |result| drop(reply.send(result)))?;
        match tokio::time::timeout(READ_DEADLINE, answer).await {
            Ok(answer) => answer.unwrap_or_else(|_| Err(LOST.into())),
            Err(_) => Err(LATE.into()),
        }
    }

    /// [`Store::read`] for a caller without a runtime.
    pub fn read_blocking<T, E>(
        &self,
        job: impl FnOnce(&Reader) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let (reply, answer) = mpsc::sync_channel(1);
        self.submit_read(job, move |result| drop(reply.send(result)))?;
        wait(&answer, READ_DEADLINE)
    }

    /// Seals a value for a column that even a reader of the open database must not understand: AES-256-GCM
    /// under a key derived for `purpose`, bound to `aad` (the row that it belongs to).
    ///
    /// # Errors
    /// [`Error::NoRandomness`]
    pub fn seal(&self, purpose: &str, aad: &[u8], plain: &[u8]) -> Result<Vec<u8>, Error> {
        self.inner.key.seal(purpose, aad, plain)
    }

    /// Opens what [`Store::seal`] made with the same purpose and `aad`.
    ///
    /// # Errors
    /// [`Error::Sealed`]
    pub fn unseal(&self, purpose: &str, aad: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        self.inner.key.unseal(purpose, aad, sealed)
    }

    /// Moves the whole write-ahead log into the database and cuts it to nothing, so that no page of before is left in it.
    /// `false` if a reader or the writer stood in the way for longer than a moment: try again. Blocks meanwhile.
    ///
    /// # Errors
    /// What the disk says.
    pub fn truncate_log(&self) -> Result<bool, Error> {
        let _still = self.progress().checkpoint.lock().unwrap_or_else(PoisonError::into_inner);
        let reader = Reader::new(open::checkpointer(self.path(), self.key())?);
        match writer::checkpoint(&reader, "TRUNCATE") {
            // A log that is cut has no frames, and one that could not be says how many.
            Ok((frames, _)) => Ok(frames == 0),
            Err(error) if writer::is_passing(&error) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether writing is over until a restart, because the disk failed under a commit.
    pub fn failed(&self) -> bool {
        *self.inner.progress.failed.borrow()
    }

    /// Resolves when [`Store::failed`] becomes true; never, if the store is closed before that.
    pub fn failure(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut failed = self.inner.progress.failed.subscribe();
        async move {
            if failed.wait_for(|failed| *failed).await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Takes the space, in a file of up to 64 MiB beside the database, that is given up when a commit finds the disk full: a
    /// record of `storage.threshold` with 100 per cent is the first thing in it. `false`: there is no room.
    /// May wait for the disk.
    ///
    /// # Errors
    /// What the disk says.
    pub fn keep_reserve(&self) -> Result<bool, Error> {
        self.inner.reserve.keep().map_err(Error::io(&self.inner.path))
    }

    pub fn reserve(&self) -> ReserveState {
        self.inner.reserve.state()
    }

    pub fn stats(&self) -> Stats {
        Stats {
            commits: self.inner.progress.commits.load(Ordering::Relaxed),
            jobs: self.inner.progress.jobs.load(Ordering::Relaxed),
        }
    }

    /// Finishes what is queued, moves the log into the database and lets the data directory go.
    ///
    /// # Errors
    /// What the disk says to the last checkpoint; nothing acknowledged is lost by that.
    pub fn close(&self) -> Result<(), Error> {
        let Some((reader, lock)) = self.inner.end() else { return Ok(()) };
        // After a failed sync nobody knows what the disk has: the next start reads it anew.
        if !self.failed() {
            writer::checkpoint(&reader, "TRUNCATE")?;
        }
        drop(reader);
        drop(lock);
        Ok(())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.inner.path
    }

    pub(crate) fn key(&self) -> &DataKey {
        &self.inner.key
    }

    pub(crate) fn progress(&self) -> &Progress {
        &self.inner.progress
    }

    fn submit_write<T, E>(
        &self,
        job: impl FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
        reply: impl FnOnce(Result<T, E>) + Send + 'static,
    ) -> Result<(), Error>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let deadline = Instant::now() + self.inner.write_deadline;
        let write = Write { job: Some(job), result: None, reply, deadline };
        self.inner.writes.push(Box::new(write)).map_err(|refused| self.refusal(refused))
    }

    fn submit_read<T, E>(
        &self,
        job: impl FnOnce(&Reader) -> Result<T, E> + Send + 'static,
        reply: impl FnOnce(Result<T, E>) + Send + 'static,
    ) -> Result<(), Error>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let deadline = Instant::now() + READ_DEADLINE;
        let read = move |reader: Result<&Reader, Error>| {
            if Instant::now() < deadline {
                reply(reader.map_err(E::from).and_then(job));
            }
        };
        self.inner.reads.push(Box::new(read)).map_err(|refused| self.refusal(refused))
    }

    fn refusal(&self, refused: Refused) -> Error {
        Error::Unavailable(match refused {
            Refused::Full => "too many wait for it",
            Refused::Closed if self.failed() => "it stopped after a failed write",
            Refused::Closed => "it is closed",
        })
    }
}

impl Inner {
    /// Ends the threads and returns what they held; `None` if they were ended before.
    fn end(&self) -> Option<(Reader, Lock)> {
        let threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        self.writes.close();
        self.reads.close();
        let here = thread::current().id();
        for reader in threads.readers {
            // A job that held the last clone of the store ends it from within.
            if reader.thread().id() != here {
                let _ = reader.join();
            }
        }
        if threads.writer.thread().id() == here {
            return None;
        }
        threads.writer.join().ok().map(|reader| (reader, threads._lock))
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.end();
    }
}

/// A write on its way to the writer and back.
struct Write<F, R, T, E> {
    job: Option<F>,
    result: Option<Result<T, E>>,
    reply: R,
    deadline: Instant,
}

impl<F, R, T, E> writer::Job for Write<F, R, T, E>
where
    F: FnOnce(&mut Tx<'_>) -> Result<T, E> + Send,
    R: FnOnce(Result<T, E>) + Send,
    T: Send,
    E: From<Error> + Send,
{
    fn deadline(&self) -> Instant {
        self.deadline
    }

    fn run(&mut self, tx: &mut Tx<'_>) -> bool {
        self.result = self.job.take().map(|job| job(tx));
        matches!(self.result, Some(Ok(_)))
    }

    fn answer(self: Box<Self>, refused: Option<Error>) {
        match (refused, self.result) {
            (Some(refused), _) => (self.reply)(Err(refused.into())),
            (None, Some(result)) => (self.reply)(result),
            // The job panicked or came too late; dropping the reply tells the caller.
            (None, None) => {}
        }
    }
}

fn wait<T, E: From<Error>>(answer: &mpsc::Receiver<Result<T, E>>, deadline: Duration) -> Result<T, E> {
    match answer.recv_timeout(deadline) {
        Ok(result) => result,
        Err(mpsc::RecvTimeoutError::Timeout) => Err(LATE.into()),
        Err(mpsc::RecvTimeoutError::Disconnected) => Err(LOST.into()),
    }
}

/// An older version does not go on with what a newer one wrote. Nothing is written before this.
fn refuse_newer(reader: &Reader, origin: &Origin) -> Result<(), Error> {
    match (meta::version(reader)?, Version::of_software(&origin.software)) {
        (Some(found), Some(ours)) if found > ours => Err(Error::NewerVersion { found, ours }),
        _ => Ok(()),
    }
}

fn spawn<T: Send + 'static>(
    name: &str,
    path: &Path,
    body: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>, Error> {
    thread::Builder::new().name(name.to_owned()).spawn(body).map_err(Error::io(path))
}
