//! One step of a model: the rows of several sequences together through every weight.

use super::Model;
use super::attention::{Attention, Lane, Plan};
use super::cache::{BLOCK, Pool};
use super::rope::Angles;
use super::simd;
use super::weights::{Layer, Linear};
use crate::Error;
use crate::kernels::{Matrix, Team};
use std::sync::{Mutex, PoisonError};

/// Most rows of one step.
pub(crate) const MOST_ROWS: usize = 256;
/// From this many rows on, elementwise work is worth waking the team.
const SHARED_ROWS: usize = 8;

/// Consecutive rows of a step that belong to one sequence.
pub(crate) struct Span<'a> {
    /// The first of them among the step's rows.
    pub(crate) first: usize,
    pub(crate) rows: usize,
    /// Position of the first row in its sequence.
    pub(crate) position: usize,
    /// Blocks of the sequence, enough for the last row.
    pub(crate) table: &'a [u32],
}

/// The rows of a step.
pub(crate) struct Step<'a> {
    pub(crate) tokens: &'a [u32],
    /// Cover all rows, in order.
    pub(crate) spans: &'a [Span<'a>],
    /// Rows whose logits are wanted.
    pub(crate) wanted: &'a [usize],
}

/// The work memory of steps. Grows to the largest step and stays.
#[derive(Default)]
pub(crate) struct Runner {
    stream: Vec<f32>,
    normed: Vec<f32>,
    queries: Vec<f32>,
    keys: Vec<f32>,
    values: Vec<f32>,
    attended: Vec<f32>,
    gate: Vec<f32>,
    up: Vec<f32>,
    /// The last rows, and what comes out of the head.
    last: Vec<f32>,
    logits: Vec<f32>,
    angles: Angles,
    plan: Plan,
    lanes: Vec<Mutex<Lane>>,
}

impl Runner {
    /// Computes a step and gives a row of logits for each wanted row. Keys and values of all rows are in the
    /// pool afterwards.
    ///
    /// # Errors
    /// [`Error::Memory`] before anything is computed.
    pub(crate) fn step(&mut self, model: &Model, pool: &mut Pool, step: &Step<'_>) -> Result<&[f32], Error> {
        let rows = step.tokens.len();
        self.make_room(model, rows, step.wanted.len())?;
        let width = model.shape.width;
        for (token, row) in step.tokens.iter().zip(self.stream.chunks_exact_mut(width)) {
            model.weights.embedding.row(*token as usize, row);
        }
        let positions = step.spans.iter().flat_map(|span| span.position..span.position + span.rows);
        model.rotation.angles(positions, &mut self.angles);
        self.plan.prepare(step.spans, &model.shape);
        for (index, layer) in model.weights.layers.iter().enumerate() {
            self.attention(model, pool, step, index, layer);
            self.inner(model, rows, layer);
        }
        Ok(self.head(model, step))
    }

    fn make_room(&mut self, model: &Model, rows: usize, wanted: usize) -> Result<(), Error> {
        let shape = &model.shape;
        let sizes = [
            (&mut self.stream, rows * shape.width),
            (&mut self.normed, rows * shape.width),
            (&mut self.queries, rows * shape.query_width()),
            (&mut self.keys, rows * shape.kv_width()),
            (&mut self.values, rows * shape.kv_width()),
            (&mut self.attended, rows * shape.query_width()),
            (&mut self.gate, rows * shape.inner),
            (&mut self.up, rows * shape.inner),
            (&mut self.last, wanted * shape.width),
            (&mut self.logits, wanted * model.weights.embedding.rows()),
        ];
        for (buffer, size) in sizes {
            let more = size.saturating_sub(buffer.len());
            buffer
                .try_reserve_exact(more)
                .map_err(|_| Error::Memory { bytes: more * size_of::<f32>(), purpose: "a step" })?;
            // Only ever shrinks or fills what is reserved: no allocation.
            buffer.resize(size, 0.0);
        }
        self.lanes.resize_with(model.team.threads(), Mutex::default);
        Ok(())
    }

    fn attention(&mut self, model: &Model, pool: &mut Pool, step: &Step<'_>, index: usize, layer: &Layer) {
        let (team, shape, rows) = (&model.team, &model.shape, step.tokens.len());
        let (query_width, kv_width, head) = (shape.query_width(), shape.kv_width(), shape.head);
        self.norm(&layer.attention_norm, model, rows);
        linear(&layer.query, &self.normed, rows, &mut self.queries, team);
        linear(&layer.key, &self.normed, rows, &mut self.keys, team);
        linear(&layer.value, &self.normed, rows, &mut self.values, team);
        let (rotation, angles) = (&model.rotation, &self.angles);
        by_rows(team, &mut self.queries, query_width, |row, query| rotation.turn(angles, row, query, head));
        by_rows(team, &mut self.keys, kv_width, |row, key| rotation.turn(angles, row, key, head));
        let keys = self.keys.chunks_exact(kv_width).zip(self.values.chunks_exact(kv_width));
        let places = step.spans.iter().flat_map(|span| {
            (span.position..span.position + span.rows).map(|at| (span.table[at / BLOCK], at % BLOCK))
        });
        for ((key, value), (block, slot)) in keys.zip(places) {
            pool.write(block, index, slot, key, value);
        }
        let attention = Attention { shape, pool, layer: index, spans: step.spans, queries: &self.queries };
        attention.run(&self.plan, &self.lanes, &mut self.attended, team);
        linear(&layer.output, &self.attended, rows, &mut self.normed, team);
        add(&mut self.stream, &self.normed);
    }

    fn inner(&mut self, model: &Model, rows: usize, layer: &Layer) {
        let (team, inner) = (&model.team, model.shape.inner);
        self.norm(&layer.inner_norm, model, rows);
        linear(&layer.gate, &self.normed, rows, &mut self.gate, team);
        linear(&layer.up, &self.normed, rows, &mut self.up, team);
        let up = &self.up;
        by_rows(team, &mut self.gate, inner, |row, gate| {
            simd::silu_multiply(gate, &up[row * inner..(row + 1) * inner]);
        });
        linear(&layer.down, &self.gate, rows, &mut self.normed, team);
        add(&mut self.stream, &self.normed);
    }

    fn norm(&mut self, weight: &[f32], model: &Model, rows: usize) {
        let (width, epsilon, stream) = (model.shape.width, model.shape.epsilon, &self.stream);
        by_rows(&model.team, &mut self.normed[..rows * width], width, |row, normed| {
            simd::rms_norm(&stream[row * width..(row + 1) * width], weight, epsilon, normed);
        });
    }

    /// Norm and head of the wanted rows only.
    fn head(&mut self, model: &Model, step: &Step<'_>) -> &[f32] {
        if step.wanted.is_empty() {
            return &[];
        }
        let (width, weights) = (model.shape.width, &model.weights);
        for (row, last) in step.wanted.iter().zip(self.last.chunks_exact_mut(width)) {
            let stream = &self.stream[row * width..(row + 1) * width];
            simd::rms_norm(stream, &weights.norm, model.shape.epsilon, last);
        }
        let head: &Matrix = weights.head.as_ref().unwrap_or(&weights.embedding);
        head.matmul(&self.last, step.wanted.len(), &mut self.logits, &model.team);
        &self.logits
    }
}

fn linear(linear: &Linear, x: &[f32], rows: usize, out: &mut [f32], team: &Team) {
    linear.matrix.matmul(x, rows, out, team);
    if let Some(bias) = &linear.bias {
        out.chunks_exact_mut(bias.len()).for_each(|row| add(row, bias));
    }
}

fn add(to: &mut [f32], more: &[f32]) {
    to.iter_mut().zip(more).for_each(|(to, more)| *to += more);
}

/// Does something to every row, on all threads where that is worth it.
fn by_rows(team: &Team, rows: &mut [f32], width: usize, work: impl Fn(usize, &mut [f32]) + Sync) {
    if rows.len() / width < SHARED_ROWS {
        rows.chunks_exact_mut(width).enumerate().for_each(|(index, row)| work(index, row));
        return;
    }
    let rest = Mutex::new(rows.chunks_mut(width * SHARED_ROWS / 2).enumerate());
    team.run(|_, _| {
        let take = || rest.lock().unwrap_or_else(PoisonError::into_inner).next();
        while let Some((part, rows)) = take() {
            for (index, row) in rows.chunks_exact_mut(width).enumerate() {
                work(part * (SHARED_ROWS / 2) + index, row);
            }
        }
    });
}
