//! How many rows of prompts a step may carry, so that running answers do not wait long for their next token.

use crate::model::forward::MOST_ROWS;
use std::time::Duration;

/// How long a step should take while answers are being written.
const TARGET: Duration = Duration::from_millis(80);
/// A prompt always gets on by at least this much.
const LEAST_ROWS: usize = 8;

/// Learns the speed of the machine from the steps it took.
pub(super) struct Pace {
    rows_per_second: f64,
}

impl Default for Pace {
    fn default() -> Pace {
        // Slow at first: the first step teaches better.
        Pace { rows_per_second: 200.0 }
    }
}

impl Pace {
    /// Rows for prompts in a step that also carries the next tokens of `writing` answers.
    pub(super) fn prompt_rows(&self, writing: usize) -> usize {
        let room = MOST_ROWS.saturating_sub(writing);
        if writing == 0 {
            return room;
        }
        let rows = (self.rows_per_second * TARGET.as_secs_f64()) as usize;
        rows.saturating_sub(writing).max(LEAST_ROWS).min(room)
    }

    /// A step of `rows` rows took `time`.
    pub(super) fn learn(&mut self, rows: usize, time: Duration) {
        // Small steps wait for memory and say nothing about larger ones.
        if rows >= LEAST_ROWS && !time.is_zero() {
            let speed = rows as f64 / time.as_secs_f64();
            self.rows_per_second += (speed - self.rows_per_second) * 0.3;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_takes_about_the_target_once_the_speed_is_known() {
        let mut pace = Pace::default();
        for _ in 0..50 {
            pace.learn(100, Duration::from_millis(100));
        }
        assert!((70..=80).contains(&pace.prompt_rows(1)), "{}", pace.prompt_rows(1));
        assert_eq!(pace.prompt_rows(0), MOST_ROWS);
    }

    #[test]
    fn a_slow_machine_still_gets_on_and_a_fast_one_stays_within_a_step() {
        let mut pace = Pace::default();
        (0..50).for_each(|_| pace.learn(10, Duration::from_secs(10)));
        assert_eq!(pace.prompt_rows(4), LEAST_ROWS);
        (0..50).for_each(|_| pace.learn(100, Duration::from_micros(10)));
        assert_eq!(pace.prompt_rows(4), MOST_ROWS - 4);
    }
}
