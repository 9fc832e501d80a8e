//! A persistent team of threads with fork-join: a job is cut into parts, whoever is awake takes the next one, and the
//! caller, who takes part, returns when all are done.
//!
//! Waiting is a short spin, then sleep: between two products of a pass the next job arrives within microseconds, but an
//! idle engine must leave its cores to the rest of the appliance. As parts are taken and not assigned, a thread that the
//! system keeps from running holds nobody up.
#![expect(
    unsafe_code,
    reason = "a job borrows from the caller's stack, which outlives it because `run` waits"
)]

use std::any::Any;
use std::cell::Cell;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle, Thread};
use std::time::{Duration, Instant};

use super::parts::Parts;

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

type Job<'a> = &'a (dyn Fn(usize) + Sync);

struct Shared {
    parts: Parts,
    /// The running job, its lifetime erased. Valid for whoever holds an unfinished part of it.
    job: AtomicPtr<Job<'static>>,
    /// Parts of the running job that have not ended.
    remaining: AtomicUsize,
    /// One flag a worker: asleep, and to be woken for a job.
    sleeping: Vec<AtomicBool>,
    caller_sleeping: AtomicBool,
    caller: Mutex<Option<Thread>>,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
    ending: AtomicBool,
}

impl Team {
    /// A team of `threads` (at least 1) including the caller. When the system refuses a thread the team is smaller, and
    /// slower, but computes the same.
    pub fn new(threads: usize) -> Self {
        let shared = Arc::new(Shared::new(threads.max(1) - 1));
        let workers: Vec<_> =
            (0..threads.max(1) - 1).map_while(|worker| spawn(&shared, worker).ok()).collect();
        if workers.len() + 1 < threads {
            tracing::warn!(wanted = threads, started = workers.len() + 1, "the system refused threads");
        }
        Self { shared, workers, turn: Mutex::new(()) }
    }

    /// Threads of the team.
    pub fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// Calls `job(worker, of)` once for every `worker` in `0..of`, where `of` is [`Self::threads`], and returns when all
    /// have returned. Usually each runs on a thread of its own, but a thread that is free takes over for one that does
    /// not get to run, so they must not wait for one another.
    ///
    /// # Panics
    /// When a part panics, with its payload, after all parts have ended.
    pub fn run<F: Fn(usize, usize) + Sync>(&self, job: F) {
        let of = self.threads();
        self.run_parts(of, |part| job(part, of));
    }

    /// Calls `job(part)` once for every part in `0..parts`, in any order and on any thread of the team. Calls from
    /// several threads take turns; a call from within a job runs on that one thread, and so do more than 4,095 parts.
    ///
    /// # Panics
    /// When a part panics, with its payload, after all parts have ended.
    pub fn run_parts<F: Fn(usize) + Sync>(&self, parts: usize, job: F) {
        if self.workers.is_empty() || parts <= 1 || parts > Parts::MOST || INSIDE.get() {
            return (0..parts).for_each(job);
        }
        let turn = lock(&self.turn);
        let shared = &*self.shared;
        let borrowed: Job<'_> = &job;
        // The lifetime goes, but not before the job: nothing below returns or unwinds until all parts have ended.
        shared.job.store(ptr::from_ref(&borrowed).cast_mut().cast(), SeqCst);
        shared.remaining.store(parts, SeqCst);
        shared.parts.publish(parts);
        self.wake(parts - 1);
        shared.take_parts();
        shared.await_others();
        let panic = lock(&shared.panic).take();
        drop(turn);
        if let Some(payload) = panic {
            resume_unwind(payload);
        }
    }

    /// Wakes up to `most` sleeping workers.
    fn wake(&self, most: usize) {
        let asleep = self.shared.sleeping.iter().zip(&self.workers).take(most);
        for (_, worker) in asleep.filter(|(asleep, _)| asleep.load(SeqCst)) {
            worker.thread().unpark();
        }
    }
}

impl Drop for Team {
    fn drop(&mut self) {
        self.shared.ending.store(true, SeqCst);
        self.wake(usize::MAX);
        for worker in self.workers.drain(..) {
            // A worker catches its jobs' panics, so there is none to pass on.
            let _ended = worker.join();
        }
    }
}

impl Shared {
    fn new(workers: usize) -> Self {
        Self {
            parts: Parts::default(),
            job: AtomicPtr::new(ptr::null_mut()),
            remaining: AtomicUsize::new(0),
            sleeping: (0..workers).map(|_| AtomicBool::new(false)).collect(),
            caller_sleeping: AtomicBool::new(false),
            caller: Mutex::new(None),
            panic: Mutex::new(None),
            ending: AtomicBool::new(false),
        }
    }

    /// Does parts of the running job until none is left to take.
    fn take_parts(&self) {
        while let Some(part) = self.parts.take() {
            // SAFETY: `run_parts` stored the pointer before it published the parts, and waits for the end of each, this
            // one included: until `remaining` says so below, both references in the chain are alive.
            let job = unsafe { *self.job.load(SeqCst) };
            INSIDE.set(true);
            let result = catch_unwind(AssertUnwindSafe(|| job(part)));
            INSIDE.set(false);
            if let Err(payload) = result {
                // Kept for the caller, as a missing part would leave it waiting.
                *lock(&self.panic) = Some(payload);
            }
            let last = self.remaining.fetch_sub(1, SeqCst) == 1;
            if last
                && self.caller_sleeping.load(SeqCst)
                && let Some(caller) = &*lock(&self.caller)
            {
                caller.unpark();
            }
        }
    }

    /// The caller has no more parts to take: waits for those that others have.
    fn await_others(&self) {
        let done = || self.remaining.load(SeqCst) == 0;
        if !spin(done) {
            *lock(&self.caller) = Some(thread::current());
            sleep_until(&self.caller_sleeping, done);
        }
    }

    /// A worker's life.
    fn work(&self, worker: usize) {
        let called = || self.parts.any() || self.ending.load(SeqCst);
        while !self.ending.load(SeqCst) {
            if !spin(called) {
                sleep_until(&self.sleeping[worker], called);
            }
            self.take_parts();
        }
    }
}

fn spawn(shared: &Arc<Shared>, worker: usize) -> std::io::Result<JoinHandle<()>> {
    let shared = Arc::clone(shared);
    thread::Builder::new().name(format!("team-{}", worker + 1)).spawn(move || shared.work(worker))
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

/// Sleeps until `done`. The flag is set before the last look, and the other side makes `done` true before it reads the
/// flag: one of the two sees the other, so no wake-up is lost.
fn sleep_until(asleep: &AtomicBool, done: impl Fn() -> bool) {
    asleep.store(true, SeqCst);
    while !done() {
        thread::park();
    }
    asleep.store(false, SeqCst);
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The part of `0..count` that is `worker`'s of `of`: contiguous, and at most one longer than another's.
pub(super) fn share(count: usize, worker: usize, of: usize) -> Range<usize> {
    count * worker / of..count * (worker + 1) / of
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_runs_once() {
        for threads in [0, 1, 2, 3, 7] {
            let team = Team::new(threads);
            for parts in [0, 1, 2, 5, 100, Parts::MOST + 1] {
                let counts: Vec<_> = (0..parts).map(|_| AtomicUsize::new(0)).collect();
                team.run_parts(parts, |part| {
                    counts[part].fetch_add(1, SeqCst);
                });
                assert!(
                    counts.iter().all(|count| count.load(SeqCst) == 1),
                    "{threads} threads, {parts} parts"
                );
            }
        }
    }

    #[test]
    fn jobs_from_several_threads_take_turns() {
        let team = Team::new(3);
        let total = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..500 {
                        let own = AtomicUsize::new(0);
                        team.run(|_, of| {
                            own.fetch_add(1, SeqCst);
                            assert_eq!(of, 3);
                        });
                        total.fetch_add(own.load(SeqCst), SeqCst);
                    }
                });
            }
        });
        assert_eq!(total.load(SeqCst), 4 * 500 * 3);
    }

    #[test]
    fn a_job_within_a_job_runs_on_its_thread() {
        let team = Team::new(2);
        let count = AtomicUsize::new(0);
        team.run(|_, _| {
            let outer = thread::current().id();
            team.run(|_, _| {
                assert_eq!(thread::current().id(), outer);
                count.fetch_add(1, SeqCst);
            });
        });
        assert_eq!(count.load(SeqCst), 4);
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_team_goes_on() {
        let team = Team::new(3);
        for bad in 0..3 {
            let ended = AtomicUsize::new(0);
            let result = catch_unwind(AssertUnwindSafe(|| {
                team.run(|worker, _| {
                    assert_ne!(worker, bad, "the worker that fails");
                    ended.fetch_add(1, SeqCst);
                });
            }));
            let payload = result.unwrap_err();
            assert!(payload.downcast_ref::<String>().unwrap().contains("the worker that fails"));
            assert_eq!(ended.load(SeqCst), 2);
        }
        let count = AtomicUsize::new(0);
        team.run(|_, _| {
            count.fetch_add(1, SeqCst);
        });
        assert_eq!(count.load(SeqCst), 3);
    }

    #[test]
    fn idle_workers_sleep_and_wake_again() {
        let team = Team::new(2);
        for _ in 0..3 {
            team.run(|_, _| ());
            let since = Instant::now();
            while !team.shared.sleeping[0].load(SeqCst) {
                assert!(since.elapsed() < Duration::from_secs(20), "an idle worker is still awake");
                thread::sleep(Duration::from_millis(1));
            }
        }
        // Both parts wait for the other one: only a worker that woke up can be the second.
        let arrived = AtomicUsize::new(0);
        team.run(|_, _| {
            arrived.fetch_add(1, SeqCst);
            while arrived.load(SeqCst) < 2 {
                thread::yield_now();
            }
        });
    }

    #[test]
    fn shares_cover_everything_once() {
        for count in 0..40 {
            for of in 1..9 {
                let all: Vec<usize> = (0..of).flat_map(|worker| share(count, worker, of)).collect();
                assert_eq!(all, (0..count).collect::<Vec<_>>());
            }
        }
    }
}
