//! Whose turn the cores are: a step of the answers', or a piece of other work in this process.
//!
//! Both use every core, and the threads of a step wait for each other many times: a third thread beside them would
//! stall all of them again and again. So they never run together, and whoever asks first goes first.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Answers are being written if their last step is not longer ago than this.
const RECENT: Duration = Duration::from_millis(20);

/// A queue for the one place.
#[derive(Default)]
pub(crate) struct Cores {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// The number that the next one in the queue gets, and the one whose turn it is.
    next: u64,
    serving: u64,
    last_step: Option<Instant>,
}

/// A turn; over when dropped.
pub(crate) struct Turn<'a> {
    cores: &'a Cores,
    is_step: bool,
}

impl Cores {
    /// Waits for a step's turn.
    pub(crate) fn step(&self) -> Turn<'_> {
        self.wait(true)
    }

    /// Waits for a turn of other work.
    pub(crate) fn other(&self) -> Turn<'_> {
        self.wait(false)
    }

    /// Whether somebody's answer is being written, so that other work should rest between its turns.
    pub(crate) fn are_answers_running(&self) -> bool {
        let state = self.lock();
        state.next > state.serving || state.last_step.is_some_and(|end| end.elapsed() < RECENT)
    }

    fn wait(&self, is_step: bool) -> Turn<'_> {
        let mut state = self.lock();
        let mine = state.next;
        state.next += 1;
        while state.serving != mine {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        Turn { cores: self, is_step }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut state = self.cores.lock();
        state.serving += 1;
        if self.is_step {
            state.last_step = Some(Instant::now());
        }
        self.cores.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn turns_do_not_overlap_and_come_in_the_order_of_asking() {
        let (cores, order) = (Cores::default(), Mutex::new(Vec::new()));
        thread::scope(|scope| {
            let first = cores.other();
            for number in 0..4_u64 {
                let (cores, order) = (&cores, &order);
                scope.spawn(move || {
                    let _turn = if number % 2 == 0 { cores.step() } else { cores.other() };
                    let mut alone = order.try_lock().unwrap();
                    alone.push(number);
                    thread::sleep(Duration::from_millis(5));
                });
                while cores.lock().next < number + 2 {
                    thread::yield_now();
                }
            }
            assert!(order.lock().unwrap().is_empty());
            drop(first);
        });
        assert_eq!(order.into_inner().unwrap(), [0, 1, 2, 3]);
    }

    #[test]
    fn answers_run_while_steps_follow_each_other() {
        let cores = Cores::default();
        drop(cores.other());
        assert!(!cores.are_answers_running());
        drop(cores.step());
        assert!(cores.are_answers_running());
        thread::sleep(RECENT);
        assert!(!cores.are_answers_running());
    }
}
