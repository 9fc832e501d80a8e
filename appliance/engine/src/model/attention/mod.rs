//! Attention of a step's rows over their own sequences' blocks.
//!
//! Positions are cut into chunks at fixed, absolute places. Within a chunk a query's softmax is one; then chunks are
//! joined in order.
//!
//! **Invariant:** a row's result depends on its query and its sequence only, whatever other rows are in the step,
//! whichever thread computes it, and however the work was cut.

mod plan;
mod softmax;
mod tile;

pub(crate) use plan::Plan;

use super::cache::{BLOCK, Pool, WIDEST};
use super::elementwise;
use super::forward::Span;
use super::shape::Shape;
use crate::kernels::{Path, Team};
use half::f16;
use plan::Unit;
use softmax::Softmax;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tile::PASS;

/// Positions of a chunk: enough that joining costs little, few enough that one long sequence keeps all threads busy.
const CHUNK: usize = 256;
const CHUNK_BLOCKS: usize = CHUNK / BLOCK;

/// More queries than this meet a tile that was widened once.
const WIDENED: usize = 2 * PASS;

/// Work memory of one thread.
#[derive(Default)]
pub(crate) struct Lane {
    /// `[pass][dimension][PASS]`.
    queries: Vec<f32>,
    /// The queries of one row, on their way there.
    query: Vec<f32>,
    /// `[query][CHUNK]`: scores, then weights.
    scores: Vec<f32>,
    /// One tile, widened.
    tile: Vec<f32>,
    /// What one chunk gathers: `[query][value width]`.
    gathered: Vec<f32>,
    states: Vec<Softmax>,
}

/// What the units of a layer have gathered: weighted sums of values and their softmax, for every query.
#[derive(Default)]
pub(crate) struct Gathered {
    sums: Vec<f32>,
    states: Vec<Softmax>,
}

/// Where a query comes from.
pub(crate) trait Queries: Sync {
    /// Writes the queries of one key head for one row of the step: turned, normed, not yet scaled.
    fn write(&self, row: usize, kv_head: usize, out: &mut [f32]);
}

/// One layer's attention.
pub(crate) struct Attention<'a, Q> {
    pub(crate) path: Path,
    pub(crate) shape: &'a Shape,
    pub(crate) pool: &'a Pool,
    pub(crate) layer: usize,
    pub(crate) window: Option<usize>,
    pub(crate) spans: &'a [Span<'a>],
    pub(crate) plan: &'a Plan,
    pub(crate) queries: &'a Q,
}

/// What is still to be taken: the next unit and the results from there on.
struct Rest<'a> {
    next: usize,
    sums: &'a mut [f32],
    states: &'a mut [Softmax],
}

impl Gathered {
    /// Makes room for all units of a plan.
    pub(crate) fn resize(&mut self, plan: &Plan, pool: &Pool) {
        self.sums.resize(plan.queries() * pool.value_width(), 0.0);
        self.states.resize(plan.queries(), Softmax::EMPTY);
    }

    /// Joins what one row of a span has gathered: the outputs of all its heads side by side.
    pub(crate) fn row<Q>(&self, of: &Attention<'_, Q>, span: usize, row: usize, out: &mut [f32]) {
        let (group, head, width) = (of.shape.group(), of.shape.head, of.pool.value_width());
        let mut sums = [0.0; WIDEST];
        let sums = &mut sums[..width];
        for (kv_head, out) in out.chunks_exact_mut(group * head).enumerate() {
            for (query, out) in out.chunks_exact_mut(head).enumerate() {
                let mut state = Softmax::EMPTY;
                for first in of.plan.results(span, row, kv_head, group) {
                    let result = first + query;
                    let more = &self.sums[result * width..(result + 1) * width];
                    softmax::join(of.path, &mut state, sums, self.states[result], more);
                }
                softmax::finish(of.path, state, sums);
                out.copy_from_slice(&sums[..head]);
            }
        }
    }
}

impl<Q: Queries> Attention<'_, Q> {
    /// Computes all units.
    pub(crate) fn run(&self, lanes: &[Mutex<Lane>], into: &mut Gathered, team: &Team) {
        let rest = Mutex::new(Rest { next: 0, sums: &mut into.sums, states: &mut into.states });
        team.run(|worker, _| {
            let mut lane = lock(&lanes[worker]);
            while let Some((unit, sums, states)) = self.take(&rest) {
                self.unit(unit, &mut lane, sums, states);
            }
        });
    }

    fn take<'o>(&self, rest: &Mutex<Rest<'o>>) -> Option<(&Unit, &'o mut [f32], &'o mut [Softmax])> {
        let mut rest = lock(rest);
        let unit = self.plan.units().get(rest.next)?;
        rest.next += 1;
        let queries = unit.rows.len() * self.shape.group();
        let (sums, others) = std::mem::take(&mut rest.sums).split_at_mut(queries * self.pool.value_width());
        rest.sums = others;
        let (states, others) = std::mem::take(&mut rest.states).split_at_mut(queries);
        rest.states = others;
        Some((unit, sums, states))
    }

    fn unit(&self, unit: &Unit, lane: &mut Lane, sums: &mut [f32], states: &mut [Softmax]) {
        self.arrange_queries(unit, lane);
        let queries = states.len();
        lane.scores.resize(queries * CHUNK, 0.0);
        lane.states.resize(queries, Softmax::EMPTY);
        lane.gathered.resize(sums.len(), 0.0);
        states.fill(Softmax::EMPTY);
        let width = self.pool.value_width();
        for chunk in unit.chunks.clone() {
            let blocks = self.blocks(unit, chunk);
            self.score(unit, chunk, blocks.clone(), queries, lane);
            self.weigh(unit, chunk, blocks.clone(), lane);
            self.gather(unit, chunk, blocks, queries, lane);
            let mine = states.iter_mut().zip(sums.chunks_exact_mut(width));
            let more = lane.states.iter().zip(lane.gathered.chunks_exact(width));
            for ((state, sums), (later, more)) in mine.zip(more) {
                softmax::join(self.path, state, sums, *later, more);
            }
        }
    }

    /// The unit's queries, scaled, in the order that a tile meets them.
    fn arrange_queries(&self, unit: &Unit, lane: &mut Lane) {
        let (head, group) = (self.shape.head, self.shape.group());
        lane.query.resize(group * head, 0.0);
        lane.queries.resize((unit.rows.len() * group).div_ceil(PASS) * head * PASS, 0.0);
        for (row, of_span) in unit.rows.clone().enumerate() {
            self.queries.write(self.spans[unit.span].first + of_span, unit.kv_head, &mut lane.query);
            for (query, numbers) in lane.query.chunks_exact(head).enumerate() {
                let (pass, slot) = ((row * group + query) / PASS, (row * group + query) % PASS);
                let places = lane.queries[pass * head * PASS..].chunks_exact_mut(PASS);
                for (place, number) in places.zip(numbers) {
                    place[slot] = number * self.shape.attention_scale;
                }
            }
        }
    }

    /// The blocks of a chunk that a row of the unit sees.
    fn blocks(&self, unit: &Unit, chunk: usize) -> Range<usize> {
        let first = self.seen(unit, unit.rows.start).start / BLOCK;
        let end = self.seen(unit, unit.rows.end - 1).end.div_ceil(BLOCK);
        first.max(chunk * CHUNK_BLOCKS)..end.min((chunk + 1) * CHUNK_BLOCKS)
    }

    /// The positions that a row of the unit's span sees.
    fn seen(&self, unit: &Unit, row: usize) -> Range<usize> {
        let end = self.spans[unit.span].position + row + 1;
        self.window.map_or(0, |window| end.saturating_sub(window))..end
    }

    /// How many positions of a block the last row sees: beyond them nothing may have been written yet.
    fn seen_of(&self, unit: &Unit, block: usize) -> usize {
        (self.seen(unit, unit.rows.end - 1).end - block * BLOCK).min(BLOCK)
    }

    /// The values of these positions.
    fn seen_values(&self, unit: &Unit, block: usize) -> &[f16] {
        let (_, values) = self.pool.tile(self.spans[unit.span].table[block], self.layer, unit.kv_head);
        &values[..self.seen_of(unit, block) * self.pool.value_width()]
    }

    fn score(&self, unit: &Unit, chunk: usize, blocks: Range<usize>, queries: usize, lane: &mut Lane) {
        let table = self.spans[unit.span].table;
        let tile = |block: usize| self.pool.tile(table[block], self.layer, unit.kv_head).0;
        for block in blocks.clone() {
            let keys = tile(block);
            // After the last keys come the first values.
            tile::expect(if block + 1 < blocks.end {
                tile(block + 1)
            } else {
                self.seen_values(unit, blocks.start)
            });
            let scores = &mut lane.scores[(block - chunk * CHUNK_BLOCKS) * BLOCK..];
            if queries > WIDENED {
                lane.tile.resize(keys.len(), 0.0);
                tile::widen(self.path, keys, &mut lane.tile);
                tile::scores_wide(self.path, &lane.queries, queries, &lane.tile, scores, CHUNK);
            } else {
                tile::scores(self.path, &lane.queries, queries, keys, scores, CHUNK);
            }
        }
    }

    /// Turns the scores of a chunk into weights.
    fn weigh(&self, unit: &Unit, chunk: usize, blocks: Range<usize>, lane: &mut Lane) {
        let (group, base) = (self.shape.group(), chunk * CHUNK);
        let region = blocks.start * BLOCK - base..blocks.end * BLOCK - base;
        let queries = lane.scores.chunks_exact_mut(CHUNK).zip(&mut lane.states);
        for (query, (scores, state)) in queries.enumerate() {
            let seen = self.seen(unit, unit.rows.start + query / group);
            let from = seen.start.saturating_sub(base).max(region.start);
            let to = seen.end.saturating_sub(base).min(region.end);
            let scores = &mut scores[region.clone()];
            if from >= to {
                *state = Softmax::EMPTY;
                scores.fill(0.0);
                continue;
            }
            if let Some(cap) = self.shape.attention_cap {
                elementwise::soft_cap(self.path, scores, cap);
            }
            *state = softmax::weigh(self.path, scores, from - region.start, to - region.start);
        }
    }

    /// The weighted sums of a chunk's values.
    fn gather(&self, unit: &Unit, chunk: usize, blocks: Range<usize>, queries: usize, lane: &mut Lane) {
        let table = self.spans[unit.span].table;
        lane.gathered.fill(0.0);
        for block in blocks.clone() {
            let (_, values) = self.pool.tile(table[block], self.layer, unit.kv_head);
            if block + 1 < blocks.end {
                tile::expect(self.seen_values(unit, block + 1));
            }
            let weights = &lane.scores[(block - chunk * CHUNK_BLOCKS) * BLOCK..];
            let seen = self.seen_of(unit, block);
            if queries > WIDENED {
                lane.tile.resize(values.len(), 0.0);
                tile::widen(self.path, values, &mut lane.tile);
                tile::gather_wide(self.path, weights, CHUNK, queries, &lane.tile, seen, &mut lane.gathered);
            } else {
                tile::gather(self.path, weights, CHUNK, queries, values, seen, &mut lane.gathered);
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::Isa;
    use std::f64::consts::E;

    /// Keys, values and queries that are easy to compute anywhere.
    fn number(place: usize, dimension: usize, salt: usize) -> f32 {
        ((place * 7 + dimension * 3 + salt * 5) % 23) as f32 / 11.0 - 1.0
    }

    struct Given {
        head: usize,
        group: usize,
    }

    impl Queries for Given {
        fn write(&self, row: usize, kv_head: usize, out: &mut [f32]) {
            for (query, out) in out.chunks_exact_mut(self.head).enumerate() {
                let query = kv_head * self.group + query;
                out.iter_mut().enumerate().for_each(|(at, out)| *out = number(row, at, query));
            }
        }
    }

    /// Attention of a query by the formula.
    fn exact(shape: &Shape, row: usize, query: usize, position: usize, window: Option<usize>) -> Vec<f64> {
        let kv_head = query / shape.group();
        let first = window.map_or(0, |window| (position + 1).saturating_sub(window));
        let weight = |at: usize| {
            let dot = |d| f64::from(number(row, d, query)) * f64::from(f16_of(number(at, d, kv_head)));
            let score = (0..shape.head).map(dot).sum::<f64>() * f64::from(shape.attention_scale);
            E.powf(shape.attention_cap.map_or(score, |cap| f64::from(cap) * (score / f64::from(cap)).tanh()))
        };
        let total: f64 = (first..=position).map(weight).sum();
        let value = |d| {
            (first..=position)
                .map(|at| weight(at) * f64::from(f16_of(number(at, d, kv_head + 9))))
                .sum::<f64>()
        };
        (0..shape.head).map(|d| value(d) / total).collect()
    }

    fn f16_of(number: f32) -> f32 {
        f16::from_f32(number).to_f32()
    }

    /// A pool with one sequence of `positions`.
    fn filled(shape: &Shape, positions: usize) -> (Pool, Vec<u32>) {
        let mut pool = Pool::new(shape, positions as u32, 0);
        let table: Vec<u32> = (0..positions.div_ceil(BLOCK)).map(|_| pool.take().unwrap().unwrap()).collect();
        for position in 0..positions {
            let row = |salt: usize| -> Vec<f32> {
                let heads = (0..shape.kv_heads).flat_map(|head| (0..shape.head).map(move |d| (head, d)));
                heads.map(|(head, d)| number(position, d, head + salt)).collect()
            };
            let mut page = pool.pages().take(table[position / BLOCK]);
            page.write(0, position % BLOCK, &row(0), &row(9), |_| ());
        }
        (pool, table)
    }

    /// Rows of the last positions of a sequence, cut into spans as `cuts` say.
    fn attend(
        path: Path,
        shape: &Shape,
        positions: usize,
        cuts: &[usize],
        window: Option<usize>,
    ) -> Vec<f32> {
        let (pool, table) = filled(shape, positions);
        let rows: usize = cuts.iter().sum();
        let (mut spans, mut first) = (Vec::new(), 0);
        for cut in cuts {
            spans.push(Span { first, rows: *cut, position: positions - rows + first, table: &table });
            first += cut;
        }
        let (mut plan, mut gathered) = (Plan::default(), Gathered::default());
        plan.prepare(&spans, shape, window);
        gathered.resize(&plan, &pool);
        let queries = Given { head: shape.head, group: shape.group() };
        let attention = Attention {
            path,
            shape,
            pool: &pool,
            layer: 0,
            window,
            spans: &spans,
            plan: &plan,
            queries: &queries,
        };
        let team = Team::new(2);
        attention.run(&[Mutex::default(), Mutex::default()], &mut gathered, &team);
        let mut out = vec![0.0; rows * shape.query_width()];
        for (row, out) in out.chunks_exact_mut(shape.query_width()).enumerate() {
            let span = spans.partition_point(|span| span.first <= row) - 1;
            gathered.row(&attention, span, row - spans[span].first, out);
        }
        out
    }

    #[test]
    fn attention_is_a_softmax_over_the_positions_that_are_seen() {
        let shapes = [
            Shape { heads: 6, kv_heads: 2, head: 40, ..Shape::for_tests() },
            Shape { heads: 10, kv_heads: 1, attention_cap: Some(2.0), ..Shape::for_tests() },
        ];
        for shape in shapes {
            for (positions, rows, window) in
                [(45, 45, None), (CHUNK + 70, 3, None), (3 * CHUNK, 40, Some(300))]
            {
                for path in Isa::available().into_iter().filter_map(Path::of) {
                    let out = attend(path, &shape, positions, &[rows], window);
                    for (query, out) in out.chunks_exact(shape.head).enumerate() {
                        let (row, query) = (query / shape.heads, query % shape.heads);
                        let exact = exact(&shape, row, query, positions - rows + row, window);
                        for (out, exact) in out.iter().zip(exact) {
                            assert!(
                                (f64::from(*out) - exact).abs() < 2e-5,
                                "{path:?} {positions} {window:?}"
                            );
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn how_rows_are_cut_into_spans_changes_no_bit() {
        let shape = Shape { heads: 6, kv_heads: 2, ..Shape::for_tests() };
        let bits = |out: Vec<f32>| out.into_iter().map(f32::to_bits).collect::<Vec<_>>();
        for path in Isa::available().into_iter().filter_map(Path::of) {
            for window in [None, Some(50), Some(400)] {
                let alone = bits(attend(path, &shape, 2 * CHUNK + 21, &[1; 30], window));
                for cuts in [&[30][..], &[1, 29], &[7, 7, 7, 7, 2], &[13, 1, 16]] {
                    let together = bits(attend(path, &shape, 2 * CHUNK + 21, cuts, window));
                    assert_eq!(together, alone, "{path:?} {window:?} {cuts:?}");
                }
            }
        }
    }
}
