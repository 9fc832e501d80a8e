//! A persistent team of threads with fork-join: the caller is worker 0 and returns when all are done.
//!
//! Waiting is a short spin, then sleep: between two products of a pass the next job arrives within microseconds, but an
//! idle engine must leave its cores to the rest of the appliance, and a preempted colleague must not be waited for hot.
#![expect(
    unsafe_code,
    reason = "a job borrows from the caller's stack, which outlives it because `run` waits"
)]

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle, Thread};
use std::time::{Duration, Instant};

/// How long a thread spins before it sleeps. Longer than the gaps between the products of a pass, far shorter than a
/// scheduler's time slice.
const SPIN: Duration = Duration::from_micros(50);

thread_local! {
    /// Set while this thread runs a part of a job: a job that starts another would wait for itself.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// A fixed number of threads, the caller of [`Team::run`] among them. Dropping it ends them.
pub struct Team {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
    turn: Mutex<()>,
}

type Job = dyn Fn(usize, usize) + Sync;

/// The borrowed job with its lifetime erased; `run` outlives every use.
#[derive(Clone, Copy)]
struct JobPointer(*const Job);

// SAFETY: the job itself is Sync, so calling it by reference from another thread is sound while it lives, and `run`
// does not return before every worker has finished with it.
unsafe impl Send for JobPointer {}

struct Shared {
    of: usize,
    /// Counts jobs; a worker whose own count is behind has a part to do.
    epoch: AtomicUsize,
    job: Mutex<Option<JobPointer>>,
    /// Workers that have not finished the current job.
    remaining: AtomicUsize,
    sleeping: Vec<AtomicBool>,
    caller_sleeping: AtomicBool,
    caller: Mutex<Option<Thread>>,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
    ending: AtomicBool,
}

impl Team {
    /// A team of `threads` (at least 1) including the caller. When the system refuses a thread, the team is smaller:
    /// results do not depend on its size.
    pub fn new(threads: usize) -> Self {
        let mut wanted = threads.max(1);
        loop {
            let shared = Arc::new(Shared::new(wanted));
            let workers: Vec<_> = (1..wanted).map_while(|index| spawn(&shared, index).ok()).collect();
            let started = workers.len() + 1;
            let team = Self { shared, workers, turn: Mutex::new(()) };
            if started == wanted {
                return team;
            }
            tracing::warn!(wanted, started, "the system refused threads");
            wanted = started;
        }
    }

    /// How many parts a job is split into.
    pub fn threads(&self) -> usize {
        self.shared.of
    }

    /// Calls `job(worker, of)` once for every `worker` in `0..of`, each on a thread of its own, and returns when all have
    /// returned. Calls from several threads take turns; a call from within a job runs all its parts on that one thread.
    ///
    /// # Panics
    /// When a part panics, with its payload, after all parts have ended.
    pub fn run<F: Fn(usize, usize) + Sync>(&self, job: F) {
        let of = self.shared.of;
        if of == 1 || INSIDE.get() {
            (0..of).for_each(|worker| job(worker, of));
            return;
        }
        let _turn = lock(&self.turn);
        self.start(&job);
        let own = part(&job, 0, of);
        self.join();
        *lock(&self.shared.job) = None;
        let theirs = lock(&self.shared.panic).take();
        if let Some(payload) = own.err().or(theirs) {
            drop(_turn);
            resume_unwind(payload);
        }
    }

    fn start(&self, job: &(dyn Fn(usize, usize) + Sync + '_)) {
        let shared = &*self.shared;
        let pointer: *const (dyn Fn(usize, usize) + Sync + '_) = job;
        // SAFETY: only the lifetime changes; `run` keeps the job alive until `join` has seen every worker finish.
        let pointer = JobPointer(unsafe {
            std::mem::transmute::<*const (dyn Fn(usize, usize) + Sync + '_), *const Job>(pointer)
        });
        *lock(&shared.job) = Some(pointer);
        shared.remaining.store(self.workers.len(), SeqCst);
        shared.epoch.fetch_add(1, SeqCst);
        self.wake();
    }

    fn wake(&self) {
        for (asleep, worker) in self.shared.sleeping.iter().zip(&self.workers) {
            if asleep.load(SeqCst) {
                worker.thread().unpark();
            }
        }
    }

    fn join(&self) {
        let shared = &*self.shared;
        if spin(|| shared.remaining.load(SeqCst) == 0) {
            return;
        }
        *lock(&shared.caller) = Some(thread::current());
        shared.caller_sleeping.store(true, SeqCst);
        while shared.remaining.load(SeqCst) != 0 {
            thread::park();
        }
        shared.caller_sleeping.store(false, SeqCst);
    }
}

impl Drop for Team {
    fn drop(&mut self) {
        self.shared.ending.store(true, SeqCst);
        self.shared.epoch.fetch_add(1, SeqCst);
        self.wake();
        for worker in self.workers.drain(..) {
            // A worker catches its jobs' panics, so it cannot have died of one.
            let _ended = worker.join();
        }
    }
}

impl Shared {
    fn new(of: usize) -> Self {
        Self {
            of,
            epoch: AtomicUsize::new(0),
            job: Mutex::new(None),
            remaining: AtomicUsize::new(0),
            sleeping: (1..of).map(|_| AtomicBool::new(false)).collect(),
            caller_sleeping: AtomicBool::new(false),
            caller: Mutex::new(None),
            panic: Mutex::new(None),
            ending: AtomicBool::new(false),
        }
    }

    /// Waits until the epoch is no longer `seen`, hot for a while, then asleep.
    fn next_epoch(&self, index: usize, seen: usize) -> usize {
        let changed = || self.epoch.load(SeqCst) != seen;
        if !spin(changed) {
            // The flag is set before the last look and read after the epoch changed, so one of the two sides sees the
            // other and no wake-up is lost.
            self.sleeping[index - 1].store(true, SeqCst);
            while !changed() {
                thread::park();
            }
            self.sleeping[index - 1].store(false, SeqCst);
        }
        self.epoch.load(SeqCst)
    }

    fn work(&self, index: usize) {
        let mut seen = 0;
        loop {
            seen = self.next_epoch(index, seen);
            if self.ending.load(SeqCst) {
                return;
            }
            let job = *lock(&self.job);
            if let Some(JobPointer(job)) = job {
                // SAFETY: `run` put the pointer there for this epoch and waits until `remaining` says that this worker
                // is done, so what it points to is alive.
                let job = unsafe { &*job };
                if let Err(payload) = part(job, index, self.of) {
                    *lock(&self.panic) = Some(payload);
                }
            }
            if self.remaining.fetch_sub(1, SeqCst) == 1 && self.caller_sleeping.load(SeqCst) {
                if let Some(caller) = &*lock(&self.caller) {
                    caller.unpark();
                }
            }
        }
    }
}

fn spawn(shared: &Arc<Shared>, index: usize) -> std::io::Result<JoinHandle<()>> {
    let shared = Arc::clone(shared);
    thread::Builder::new().name(format!("team-{index}")).spawn(move || shared.work(index))
}

/// One part of a job; a panic is handed to the caller of `run` instead of leaving the others waiting.
fn part<F: Fn(usize, usize) + ?Sized>(job: &F, worker: usize, of: usize) -> thread::Result<()> {
    INSIDE.set(true);
    let result = catch_unwind(AssertUnwindSafe(|| job(worker, of)));
    INSIDE.set(false);
    result
}

/// Whether `done` came true within [`SPIN`].
fn spin(done: impl Fn() -> bool) -> bool {
    let mut since = None;
    loop {
        for _ in 0..32 {
            if done() {
                return true;
            }
            std::hint::spin_loop();
        }
        if since.get_or_insert_with(Instant::now).elapsed() > SPIN {
            return false;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The part of `0..count` that is `worker`'s of `of`: contiguous, and at most one longer than another's.
pub(super) fn share(count: usize, worker: usize, of: usize) -> std::ops::Range<usize> {
    count * worker / of..count * (worker + 1) / of
}
