//! How long to wait before a process that died is started again.

use std::time::Duration;

const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// Counts how often one process died in a row without having been of use.
#[derive(Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// How long to wait after a death: not at all where the process had done its work before (`useful`),
    /// else twice as long each time.
    pub(super) fn after_death(&mut self, useful: bool) -> Duration {
        if useful {
            self.failures = 0;
            return Duration::ZERO;
        }
        let wait = FIRST_WAIT.saturating_mul(2_u32.saturating_pow(self.failures)).min(LONGEST_WAIT);
        self.failures = self.failures.saturating_add(1);
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crash_loop_costs_ever_longer_waits() {
        let mut backoff = Backoff::default();
        let waits: Vec<_> = (0..8).map(|_| backoff.after_death(false).as_millis()).collect();
        assert_eq!(waits, [250, 500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
        for _ in 0..100 {
            assert_eq!(backoff.after_death(false), LONGEST_WAIT);
        }
    }

    #[test]
    fn a_useful_life_is_followed_by_the_next_at_once() {
        let mut backoff = Backoff::default();
        backoff.after_death(false);
        assert_eq!(backoff.after_death(true), Duration::ZERO);
        assert_eq!(backoff.after_death(false), FIRST_WAIT);
    }
}
