//! How long somebody has to wait, from how long answers took so far.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Weight of the newest answer in the mean.
const NEWEST: f64 = 0.2;
/// The longest time that anybody is told.
const MOST: Duration = Duration::from_secs(3600);

/// The time between two places that become free, read by the thread that refuses requests.
#[derive(Clone, Debug, Default)]
pub(crate) struct Turns {
    milliseconds: Arc<AtomicU64>,
}

impl Turns {
    /// Whole seconds, at least one, until the `position`-th place is free.
    pub(crate) fn wait_s(&self, position: usize) -> u32 {
        let turn = Duration::from_millis(self.milliseconds.load(Ordering::Relaxed));
        let wait = turn.saturating_mul(position.try_into().unwrap_or(u32::MAX)).min(MOST);
        u32::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u32::MAX).max(1)
    }
}

/// Learns how long answers take.
pub(super) struct Forecast {
    turns: Turns,
    /// Mean seconds from the start to the end of an answer, once one has ended.
    mean: Option<f64>,
}

impl Forecast {
    pub(super) fn new(turns: Turns) -> Forecast {
        Forecast { turns, mean: None }
    }

    /// An answer has ended after `time`.
    pub(super) fn learn(&mut self, time: Duration) {
        let time = time.as_secs_f64();
        self.mean = Some(self.mean.map_or(time, |mean| mean + (time - mean) * NEWEST));
    }

    /// Looks at those who hold the places: how long they have run tells of answers that are longer than usual.
    pub(super) fn update(&self, places: usize, ages: impl ExactSizeIterator<Item = Duration>) {
        let count = ages.len().max(1) as f64;
        let age = ages.map(|age| age.as_secs_f64()).sum::<f64>() / count;
        // Of answers of one length, those that run are half done.
        let service = self.mean.map_or(2.0 * age, |mean| mean.max(age));
        let turn = (service / places.max(1) as f64 * 1000.0).min(MOST.as_millis() as f64);
        self.turns.milliseconds.store(turn as u64, Ordering::Relaxed);
    }

    pub(super) fn wait_s(&self, position: usize) -> u32 {
        self.turns.wait_s(position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_wait_grows_with_the_position_and_shrinks_with_the_places() {
        let mut forecast = Forecast::new(Turns::default());
        assert_eq!(forecast.wait_s(5), 1, "nothing is known");
        forecast.learn(seconds(12));
        forecast.update(4, [seconds(1); 4].into_iter());
        assert_eq!((forecast.wait_s(1), forecast.wait_s(5)), (3, 15));
        forecast.update(1, [seconds(1)].into_iter());
        assert_eq!(forecast.wait_s(1), 12);
        assert_eq!(forecast.wait_s(usize::MAX), 3600);
    }

    #[test]
    fn without_an_end_so_far_those_who_run_are_half_done() {
        let forecast = Forecast::new(Turns::default());
        forecast.update(2, [seconds(10), seconds(20)].into_iter());
        assert_eq!(forecast.wait_s(1), 15);
    }

    #[test]
    fn answers_that_take_longer_than_usual_are_noticed_before_they_end() {
        let mut forecast = Forecast::new(Turns::default());
        forecast.learn(seconds(1));
        forecast.update(1, [seconds(60)].into_iter());
        assert_eq!(forecast.wait_s(1), 60);
    }
}
