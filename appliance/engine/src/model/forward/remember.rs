//! Keys and values of a step's rows on their way into the cache, shared among the team.

use super::Step;
use super::heads::Turn;
use crate::kernels::{Team, workers};
use crate::model::cache::{BLOCK, Page, Pages, Pool};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// Neighbouring rows of a step that go into one block.
struct Run {
    block: u32,
    /// Place of the first row in the block.
    slot: usize,
    rows: Range<usize>,
}

/// Where the rows of a step go: the same in every layer. No two runs have the same block, as a block that grows belongs
/// to one sequence.
#[derive(Default)]
pub(super) struct Runs {
    /// By the numbers of their blocks.
    runs: Vec<Run>,
}

/// What one layer remembers.
pub(super) struct Kept<'a> {
    pub(super) layer: usize,
    /// `[row][head]`, as the product left them.
    pub(super) keys: &'a [f32],
    pub(super) values: &'a [f32],
    pub(super) turn: Turn<'a>,
}

impl Runs {
    pub(super) fn prepare(&mut self, step: &Step<'_>) {
        self.runs.clear();
        for span in step.spans {
            let mut row = 0;
            while row < span.rows {
                let position = span.position + row;
                let (block, slot) = (span.table[position / BLOCK], position % BLOCK);
                let more = (BLOCK - slot).min(span.rows - row);
                self.runs.push(Run { block, slot, rows: span.first + row..span.first + row + more });
                row += more;
            }
        }
        self.runs.sort_unstable_by_key(|run| run.block);
    }

    /// Turns the keys and writes them and the values.
    pub(super) fn write(&self, kept: &Kept<'_>, pool: &mut Pool, team: &Team) {
        let rows = self.runs.iter().map(|run| run.rows.len()).sum();
        let rest = Mutex::new((self.runs.iter(), pool.pages()));
        team.run_parts(workers(team, rows), |_| {
            while let Some((run, mut page)) = take(&rest) {
                for (slot, row) in (run.slot..).zip(run.rows.clone()) {
                    kept.write(row, slot, &mut page);
                }
            }
        });
    }
}

/// The next run and its block.
fn take<'a, 'p>(rest: &Mutex<(impl Iterator<Item = &'a Run>, Pages<'p>)>) -> Option<(&'a Run, Page<'p>)> {
    let (runs, pages) = &mut *rest.lock().unwrap_or_else(PoisonError::into_inner);
    let run = runs.next()?;
    Some((run, pages.take(run.block)))
}

impl Kept<'_> {
    fn write(&self, row: usize, slot: usize, page: &mut Page<'_>) {
        let width = page.row();
        let columns = row * width..(row + 1) * width;
        page.write(self.layer, slot, &self.keys[columns.clone()], &self.values[columns], |key| {
            self.turn.apply(row, key);
        });
    }
}
