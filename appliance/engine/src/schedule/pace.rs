//! How many rows of prompts a step may carry, so that running answers do not wait long for their next token.
//!
//! Learns from each step what the next one will take: a fixed time, a time for each row, and a time for each
//! position that a row attends to, which is what makes a long prompt's last pieces slower than its first. Rows of
//! answers and of prompts are counted apart: the first wait for memory, the second for the processor.

use crate::model::cache::BLOCK;
use crate::model::forward::MOST_ROWS;
use std::time::Duration;

/// How long a step should take while answers are being written.
const TARGET: f64 = 0.060;
/// How long it may take where nobody is writing: a cancel and a new request wait for its end.
const ALONE: f64 = 0.400;
/// A prompt always gets on by at least this much.
const LEAST_ROWS: usize = 8;
/// What is left of an observation's weight after the next one.
const MEMORY: f64 = 0.95;
/// Rows of prompts grow from step to step by at most this factor while somebody writes: the fit knows less of
/// what it has not seen lately.
const GROWTH: f64 = 2.0;
/// What is left of the most rows seen lately after each further step with prompts.
const LATELY: f64 = 0.9;
/// A step that takes so many times longer than expected was held up by something else.
const OUTLIER: f64 = 4.0;
/// Passes of the fit over its three numbers; it goes on from where it was with every step.
const PASSES: usize = 30;

/// Numbers in a load.
const KINDS: usize = 5;

/// What determines the time of a step: prompts' rows and their pairs (of a row and a position that it attends to),
/// answers' rows and their pairs, and that it is a step.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load([f64; KINDS]);

impl Load {
    pub(super) const NONE: Load = Load([0.0, 0.0, 0.0, 0.0, 1.0]);

    /// Adds a piece of a prompt that begins at `depth`.
    pub(super) fn read(&mut self, rows: usize, depth: usize) {
        self.0[0] += rows as f64;
        self.0[1] += rows as f64 * (depth as f64 + rows as f64 / 2.0);
    }

    /// Adds the next row of an answer, at `depth`.
    pub(super) fn write(&mut self, depth: usize) {
        self.0[2] += 1.0;
        self.0[3] += depth as f64;
    }

    /// Rows of answers.
    fn writing(&self) -> usize {
        self.0[2] as usize
    }
}

/// Learns the speed of the machine from the steps it took.
pub(super) struct Pace {
    /// Seconds for one of each. Never negative.
    cost: [f64; KINDS],
    /// Sums of a least squares fit, where newer steps and smaller ones count for more.
    products: [[f64; KINDS]; KINDS],
    times: [f64; KINDS],
    /// Most rows of prompts that a step had lately.
    most: f64,
}

impl Default for Pace {
    fn default() -> Pace {
        // Slow at first: the first step teaches better.
        Pace {
            cost: [0.005, 0.0, 0.0, 0.0, 0.0],
            products: [[0.0; KINDS]; KINDS],
            times: [0.0; KINDS],
            most: LEAST_ROWS as f64,
        }
    }
}

impl Pace {
    /// The time for prompts in a step that also carries the next tokens of those who write.
    pub(super) fn budget(&self, writing: &Load) -> Budget<'_> {
        let expected = self.expect(writing);
        let rows = MOST_ROWS.saturating_sub(writing.writing());
        if writing.writing() == 0 {
            return Budget { pace: self, seconds: ALONE, rows, first: true };
        }
        // Where the answers alone take too long, prompts still get a third of the time.
        let seconds = (TARGET - expected).max(expected / 2.0);
        Budget { pace: self, seconds, rows: rows.min((self.most * GROWTH) as usize), first: true }
    }

    fn expect(&self, load: &Load) -> f64 {
        load.0.iter().zip(&self.cost).map(|(load, cost)| load * cost).sum()
    }

    /// A step took `time`.
    pub(super) fn learn(&mut self, load: &Load, time: Duration) {
        let mut time = time.as_secs_f64().max(1e-6);
        if load.0[0] > 0.0 {
            self.most = load.0[0].max(self.most * LATELY);
        }
        let known = load.0.iter().enumerate().all(|(i, load)| *load == 0.0 || self.products[i][i] > 0.0);
        if known {
            time = time.min(self.expect(load).max(1e-6) * OUTLIER);
        }
        // A step of twice the load may be off by twice as much.
        let weight = self.expect(load).max(1e-6).powi(2).recip();
        for (i, row) in self.products.iter_mut().enumerate() {
            for (j, product) in row.iter_mut().enumerate() {
                *product = *product * MEMORY + load.0[i] * load.0[j] * weight;
            }
            self.times[i] = self.times[i] * MEMORY + load.0[i] * time * weight;
        }
        self.fit();
    }

    /// Improves one number after the other, the prompts' rows first: what cannot be told apart is taken for their
    /// cost, so that the next piece is rather too short. What the last steps say nothing about stays as it was.
    fn fit(&mut self) {
        for index in (0..PASSES).flat_map(|_| 0..KINDS) {
            let own = self.products[index][index];
            if own > 0.0 {
                let explained: f64 = self.products[index].iter().zip(&self.cost).map(|(p, c)| p * c).sum();
                let better = self.cost[index] + (self.times[index] - explained) / own;
                self.cost[index] = better.max(0.0);
            }
        }
    }
}

/// What is left of a step for prompts.
pub(super) struct Budget<'a> {
    pace: &'a Pace,
    seconds: f64,
    rows: usize,
    first: bool,
}

impl Budget<'_> {
    /// Rows for a prompt that has got to `depth` and has `left` tokens to go. A long piece ends with a block: only
    /// whole blocks are of use to others.
    pub(super) fn take(&mut self, depth: usize, left: usize) -> usize {
        let [row, pair, ..] = self.pace.cost;
        let fits = |middle: f64| self.seconds.max(0.0) / (row + pair * middle).max(1e-9);
        let rows = fits(depth as f64 + fits(depth as f64).min(left as f64) / 2.0) as usize;
        let least = if self.first { LEAST_ROWS } else { 0 };
        let mut rows = rows.max(least).min(self.rows).min(left);
        let end = (depth + rows) / BLOCK * BLOCK;
        if rows < left && rows >= 2 * BLOCK {
            rows = end - depth;
        }
        let mut load = Load([0.0; KINDS]);
        load.read(rows, depth);
        self.seconds -= self.pace.expect(&load);
        self.rows -= rows;
        self.first &= rows == 0;
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seconds: fixed, for each row, for each pair.
    type Machine = [f64; 3];

    const SMALL: Machine = [0.004, 0.0005, 2e-7];

    fn time(machine: Machine, load: &Load) -> Duration {
        let [rows, pairs, writing, seen, fixed] = load.0;
        // An answer's row waits for the same weights as all others and costs little itself.
        let costs = [fixed, rows + writing / 4.0, pairs + seen];
        Duration::from_secs_f64(costs.iter().zip(machine).map(|(load, cost)| load * cost).sum())
    }

    fn writing(answers: usize) -> Load {
        let mut load = Load::NONE;
        (0..answers).for_each(|_| load.write(500));
        load
    }

    /// Reads a prompt of `length` while `answers` at depth 500 go on; the time of each step.
    fn read(pace: &mut Pace, machine: Machine, length: usize, answers: usize) -> Vec<Duration> {
        let mut times = Vec::new();
        let mut depth = 0;
        while depth < length {
            let mut load = writing(answers);
            let rows = pace.budget(&load).take(depth, length - depth);
            assert!(rows > 0);
            load.read(rows, depth);
            depth += rows;
            times.push(time(machine, &load));
            pace.learn(&load, time(machine, &load));
        }
        times
    }

    /// Answers go on alone.
    fn write(pace: &mut Pace, machine: Machine, answers: usize, steps: usize) {
        (0..steps).for_each(|_| pace.learn(&writing(answers), time(machine, &writing(answers))));
    }

    #[test]
    fn a_step_takes_about_the_target_at_every_depth_once_the_speed_is_known() {
        let mut pace = Pace::default();
        read(&mut pace, SMALL, 8000, 3);
        write(&mut pace, SMALL, 3, 500);
        let times = read(&mut pace, SMALL, 8000, 3);
        assert!(times.iter().all(|time| time.as_secs_f64() <= 0.066), "{times:?}");
        for time in &times[3..times.len() - 1] {
            // A piece may be shorter to end with a block.
            assert!((0.040..=0.066).contains(&time.as_secs_f64()), "{times:?}");
        }
    }

    #[test]
    fn the_first_prompt_ever_holds_nobody_up_either() {
        for answered in [0, 1, 500] {
            let mut pace = Pace::default();
            write(&mut pace, SMALL, 1, answered);
            let longest = *read(&mut pace, SMALL, 8000, 1).iter().max().unwrap();
            assert!(longest.as_secs_f64() <= 0.080, "{longest:?}");
        }
    }

    #[test]
    fn a_slow_machine_still_gets_on_and_a_fast_one_stays_within_a_step() {
        let mut pace = Pace::default();
        let times = read(&mut pace, [1.0, 0.1, 1e-6], 600, 1);
        let steady = times[..times.len() - 1].iter().all(|time| (1.5..=2.3).contains(&time.as_secs_f64()));
        assert!(steady, "{times:?}");
        let mut pace = Pace::default();
        read(&mut pace, [1e-5, 1e-6, 1e-10], 4000, 4);
        assert_eq!(pace.budget(&writing(4)).take(0, 5000), (MOST_ROWS - 4) / BLOCK * BLOCK);
        assert_eq!(pace.budget(&Load::NONE).take(0, 5000), MOST_ROWS);
    }

    #[test]
    fn where_nobody_writes_a_step_is_longer_but_not_endless() {
        let mut pace = Pace::default();
        read(&mut pace, [0.1, 0.01, 1e-6], 2000, 0);
        let times = read(&mut pace, [0.1, 0.01, 1e-6], 2000, 0);
        let most = times[..times.len() - 1].iter().all(|time| (0.3..=0.6).contains(&time.as_secs_f64()));
        assert!(most, "{times:?}");
    }

    #[test]
    fn a_machine_that_becomes_slower_is_noticed_and_one_slow_step_is_not() {
        let mut pace = Pace::default();
        read(&mut pace, SMALL, 4000, 1);
        let before = pace.budget(&writing(1)).take(1024, 5000);
        let mut load = writing(1);
        load.read(64, 1024);
        pace.learn(&load, Duration::from_secs(60));
        read(&mut pace, SMALL, 4000, 1);
        let after = pace.budget(&writing(1)).take(1024, 5000);
        assert!(before.abs_diff(after) <= BLOCK, "{before} {after}");
        let slower = SMALL.map(|cost| cost * 3.0);
        read(&mut pace, slower, 4000, 1);
        let times = read(&mut pace, slower, 4000, 1);
        assert!(times.iter().all(|time| time.as_secs_f64() <= 0.08), "{times:?}");
    }

    #[test]
    fn what_is_left_is_shared_by_several_prompts() {
        let mut pace = Pace::default();
        read(&mut pace, SMALL, 4000, 1);
        let load = writing(1);
        let mut budget = pace.budget(&load);
        let rows: Vec<usize> = (0..8).map(|_| budget.take(0, 20)).collect();
        let sum: usize = rows.iter().sum();
        assert!((60..=115).contains(&sum) && rows[0] == 20 && rows[7] == 0, "{rows:?}");
    }
}
