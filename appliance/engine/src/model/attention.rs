//! Attention of a step's rows over their own sequences' blocks.
//!
//! **Invariant:** a row's result depends on its query and its sequence only: blocks are seen in order of their
//! absolute positions, whatever other rows are in the step and whichever thread computes it.

use super::cache::{BLOCK, Pool};
use super::forward::Span;
use super::shape::Shape;
use super::simd::{self, Softmax};
use crate::kernels::Team;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Rows of one sequence that share a block while it is in the nearest cache.
const ROWS: usize = 16;

/// Work memory of one thread.
#[derive(Default)]
pub(super) struct Lane {
    keys: Vec<f32>,
    values: Vec<f32>,
    query: Vec<f32>,
    states: Vec<Softmax>,
}

/// A part of the work: some rows of a sequence, and some of their key heads. Its results lie side by side.
#[derive(Clone)]
struct Unit {
    span: usize,
    /// Rows within the span.
    rows: std::ops::Range<usize>,
    heads: std::ops::Range<usize>,
}

/// What is to be computed in every layer of a step.
#[derive(Default)]
pub(super) struct Plan {
    units: Vec<Unit>,
}

impl Plan {
    /// Splits the rows of `spans` so that every unit writes to one piece of the output, in order.
    pub(super) fn prepare(&mut self, spans: &[Span<'_>], shape: &Shape) {
        self.units.clear();
        for (index, span) in spans.iter().enumerate() {
            if span.rows == 1 {
                self.units.extend((0..shape.kv_heads).map(|head| Unit {
                    span: index,
                    rows: 0..1,
                    heads: head..head + 1,
                }));
                continue;
            }
            for first in (0..span.rows).step_by(ROWS) {
                let rows = first..span.rows.min(first + ROWS);
                self.units.push(Unit { span: index, rows, heads: 0..shape.kv_heads });
            }
        }
    }
}

/// One layer's attention.
pub(super) struct Attention<'a> {
    pub(super) shape: &'a Shape,
    pub(super) pool: &'a Pool,
    pub(super) layer: usize,
    pub(super) spans: &'a [Span<'a>],
    /// Turned queries of all rows.
    pub(super) queries: &'a [f32],
}

/// What is still to be taken: the next unit and the output from there on.
struct Rest<'a> {
    next: usize,
    out: &'a mut [f32],
}

impl Attention<'_> {
    /// Writes one row of `query_width` numbers for each row of the step.
    pub(super) fn run(&self, plan: &Plan, lanes: &[Mutex<Lane>], out: &mut [f32], team: &Team) {
        let rest = Mutex::new(Rest { next: 0, out });
        team.run(|worker, _| {
            let mut lane = lock(&lanes[worker]);
            while let Some((unit, out)) = self.take(plan, &rest) {
                self.unit(unit, &mut lane, out);
            }
        });
    }

    fn take<'p, 'o>(&self, plan: &'p Plan, rest: &Mutex<Rest<'o>>) -> Option<(&'p Unit, &'o mut [f32])> {
        let mut rest = lock(rest);
        let unit = plan.units.get(rest.next)?;
        rest.next += 1;
        let length = unit.rows.len() * unit.heads.len() * self.shape.group() * self.shape.head;
        let (mine, others) = std::mem::take(&mut rest.out).split_at_mut(length);
        rest.out = others;
        Some((unit, mine))
    }

    fn unit(&self, unit: &Unit, lane: &mut Lane, out: &mut [f32]) {
        let Shape { head, .. } = *self.shape;
        let (span, group) = (&self.spans[unit.span], self.shape.group());
        lane.keys.resize(head * BLOCK, 0.0);
        lane.values.resize(head * BLOCK, 0.0);
        out.fill(0.0);
        let row_width = unit.heads.len() * group * head;
        for (index, kv_head) in unit.heads.clone().enumerate() {
            self.scale_queries(unit, kv_head, &mut lane.query);
            lane.states.clear();
            lane.states.resize(unit.rows.len() * group, Softmax::EMPTY);
            let last = span.position + unit.rows.end - 1;
            for (block, id) in span.table[..=last / BLOCK].iter().enumerate() {
                let (keys, values) = self.pool.tile(*id, self.layer, kv_head);
                simd::widen(keys, &mut lane.keys);
                simd::widen(values, &mut lane.values);
                for (row, of_span) in unit.rows.clone().enumerate() {
                    let seen = (span.position + of_span + 1).saturating_sub(block * BLOCK).min(BLOCK);
                    if seen == 0 {
                        continue;
                    }
                    let start = row * row_width + index * group * head;
                    let gathered = out[start..start + group * head].chunks_exact_mut(head);
                    let queries = lane.query[row * group * head..].chunks_exact(head);
                    let states = &mut lane.states[row * group..(row + 1) * group];
                    for ((gathered, query), state) in gathered.zip(queries).zip(states) {
                        simd::attend(query, &lane.keys, &lane.values, seen, state, gathered);
                    }
                }
            }
            for (row, states) in lane.states.chunks_exact(group).enumerate() {
                let start = row * row_width + index * group * head;
                for (gathered, state) in out[start..].chunks_exact_mut(head).zip(states) {
                    state.finish(gathered);
                }
            }
        }
    }

    /// The queries of one key head for all rows of a unit, divided by √head.
    fn scale_queries(&self, unit: &Unit, kv_head: usize, into: &mut Vec<f32>) {
        let width = self.shape.group() * self.shape.head;
        let scale = 1.0 / (self.shape.head as f32).sqrt();
        into.clear();
        for row in unit.rows.clone() {
            let start = (self.spans[unit.span].first + row) * self.shape.query_width() + kv_head * width;
            into.extend(self.queries[start..start + width].iter().map(|query| query * scale));
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
