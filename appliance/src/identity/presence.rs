//! Whether the directory answers, since when not, and how long its answers take.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What is known of it. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Presence(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    last_answer_us: Option<i64>,
    silent_since_us: Option<i64>,
    /// The present absence is in the log.
    recorded: bool,
    /// How long the last sign-in waited for it, and how long the last check of a local password took.
    asking: Duration,
    hashing: Duration,
}

/// For admins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    pub last_answer_us: Option<i64>,
    pub silent_since_us: Option<i64>,
}

impl Presence {
    /// It answered. Whether that ends an absence that was recorded.
    pub(super) fn heard(&self, now_us: i64) -> bool {
        let mut state = self.state();
        (state.last_answer_us, state.silent_since_us) = (Some(now_us), None);
        std::mem::take(&mut state.recorded)
    }

    /// It did not answer.
    pub(super) fn silent(&self, now_us: i64) {
        self.state().silent_since_us.get_or_insert(now_us);
    }

    /// Since when it is away, if that is longer than `grace_us`; once an absence.
    pub(super) fn absent_longer_than(&self, grace_us: i64, now_us: i64) -> Option<i64> {
        let mut state = self.state();
        let since = state.silent_since_us.filter(|since| now_us >= since + grace_us)?;
        let first = !std::mem::replace(&mut state.recorded, true);
        first.then_some(since)
    }

    pub(super) fn asked_for(&self, time: Duration) {
        self.state().asking = time;
    }

    pub(super) fn hashed_for(&self, time: Duration) {
        self.state().hashing = time;
    }

    /// A refusal takes no less time than the slower of the two took last, so that names for which the directory is asked and
    /// names for which it is not are alike, be it that the directory is slow or that this machine is busy.
    pub(super) fn pace(&self) -> Duration {
        let state = self.state();
        state.asking.max(state.hashing)
    }

    pub(super) fn known(&self) -> Heard {
        let state = self.state();
        Heard { last_answer_us: state.last_answer_us, silent_since_us: state.silent_since_us }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absence_is_told_once_and_its_end_once() {
        let presence = Presence::default();
        assert!(!presence.heard(0));
        presence.silent(10);
        presence.silent(20);
        assert_eq!(presence.absent_longer_than(5, 14), None);
        assert_eq!(presence.absent_longer_than(5, 15), Some(10));
        assert_eq!(presence.absent_longer_than(5, 16), None);
        assert!(presence.heard(17));
        assert!(!presence.heard(18));
        presence.silent(30);
        assert_eq!(presence.absent_longer_than(5, 35), Some(30), "the next one is told again");
    }
}
