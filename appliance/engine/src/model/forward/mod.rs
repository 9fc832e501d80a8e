//! One step of a model: the rows of several sequences together through every weight.
//!
//! The team meets five times in a layer of a step with few rows: queries, keys and values; attention; its output; gate
//! and up, which leave the input of down; down. What lies between is done by the caller for a few rows and shared
//! among the team, row by row, for many.

mod heads;
mod remember;

use super::Model;
use super::attention::{Attention, Gathered, Lane, Plan};
use super::cache::Pool;
use super::elementwise;
use super::rope::{Angles, Rotation};
use super::shape::Activation;
use super::weights::{Layer, Linear};
use crate::Error;
use crate::kernels::{Factor, Input, Mode, Product, for_rows, gated, multiply};
use heads::{Turn, Turned};
use remember::{Kept, Runs};
use std::sync::Mutex;

/// Most rows of one step.
pub(crate) const MOST_ROWS: usize = 256;

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
pub(crate) struct Runner {
    /// The residual stream: `[row][width]`.
    stream: Vec<f32>,
    /// What a part of a layer adds to the stream, where that has a norm of its own.
    branch: Vec<f32>,
    normed: Input,
    queries: Vec<f32>,
    keys: Vec<f32>,
    values: Vec<f32>,
    attended: Input,
    up: Vec<f32>,
    hidden: Input,
    /// The wanted rows, and what comes out of the head.
    last: Input,
    logits: Vec<f32>,
    global: Reach,
    local: Reach,
    gathered: Gathered,
    lanes: Vec<Mutex<Lane>>,
    runs: Runs,
    /// Span of each row.
    places: Vec<usize>,
}

/// What layers with the same window share in a step.
#[derive(Default)]
struct Reach {
    angles: Angles,
    plan: Plan,
}

impl Reach {
    fn prepare(&mut self, model: &Model, step: &Step<'_>, rotation: &Rotation, window: Option<usize>) {
        let positions = step.spans.iter().flat_map(|span| span.position..span.position + span.rows);
        rotation.angles(positions, &mut self.angles);
        self.plan.prepare(step.spans, &model.shape, window);
    }
}

impl Runner {
    /// For steps of models that are packed for the same instructions as this one.
    pub(crate) fn new(model: &Model) -> Runner {
        let input = || Input::new(model.path);
        Runner {
            stream: Vec::new(),
            branch: Vec::new(),
            normed: input(),
            queries: Vec::new(),
            keys: Vec::new(),
            values: Vec::new(),
            attended: input(),
            up: Vec::new(),
            hidden: input(),
            last: input(),
            logits: Vec::new(),
            global: Reach::default(),
            local: Reach::default(),
            gathered: Gathered::default(),
            lanes: Vec::new(),
            runs: Runs::default(),
            places: Vec::new(),
        }
    }

    /// Computes a step and gives a row of logits for each wanted row. Keys and values of all rows are in the
    /// pool afterwards.
    ///
    /// # Errors
    /// [`Error::Memory`] before anything is computed.
    pub(crate) fn step(&mut self, model: &Model, pool: &mut Pool, step: &Step<'_>) -> Result<&[f32], Error> {
        self.make_room(model, step.tokens.len(), step.wanted.len())?;
        self.embed(model, step);
        self.global.prepare(model, step, &model.rotation, None);
        if let Some(window) = model.shape.windows.iter().flatten().next() {
            let rotation = model.local_rotation.as_ref().unwrap_or(&model.rotation);
            self.local.prepare(model, step, rotation, Some(*window));
        }
        self.runs.prepare(step);
        self.places.clear();
        self.places.extend(
            step.spans.iter().enumerate().flat_map(|(index, span)| std::iter::repeat_n(index, span.rows)),
        );
        for (index, layer) in model.weights.layers.iter().enumerate() {
            self.attention(model, pool, step, index, layer);
            self.inner(model, layer);
        }
        Ok(self.head(model, step))
    }

    fn make_room(&mut self, model: &Model, rows: usize, wanted: usize) -> Result<(), Error> {
        let shape = &model.shape;
        let sizes = [
            (&mut self.stream, rows * shape.width),
            (&mut self.branch, rows * shape.width),
            (&mut self.queries, rows * shape.query_width()),
            (&mut self.keys, rows * shape.kv_width()),
            (&mut self.values, rows * shape.kv_width()),
            (&mut self.up, rows * shape.inner),
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
        let inputs = [
            (&mut self.normed, rows, shape.width),
            (&mut self.attended, rows, shape.query_width()),
            (&mut self.hidden, rows, shape.inner),
            (&mut self.last, wanted, shape.width),
        ];
        for (input, rows, cols) in inputs {
            input
                .reserve(rows, cols)
                .map_err(|_| Error::Memory { bytes: rows * cols * size_of::<f32>(), purpose: "a step" })?;
        }
        self.lanes.resize_with(model.team.threads(), Mutex::default);
        Ok(())
    }

    fn embed(&mut self, model: &Model, step: &Step<'_>) {
        let scale = model.shape.embedding_scale;
        for (token, row) in step.tokens.iter().zip(self.stream.chunks_exact_mut(model.shape.width)) {
            model.weights.embedding.row(*token as usize, row);
            if scale != 1.0 {
                row.iter_mut().for_each(|number| *number *= scale);
            }
        }
    }

    fn attention(&mut self, model: &Model, pool: &mut Pool, step: &Step<'_>, index: usize, layer: &Layer) {
        let (team, shape, path) = (&model.team, &model.shape, model.path);
        let window = shape.windows[index];
        let rotation = model.local_rotation.as_ref().filter(|_| window.is_some()).unwrap_or(&model.rotation);
        let Reach { angles, plan } = if window.is_some() { &self.local } else { &self.global };
        norm(&mut self.normed, &mut self.stream, &layer.attention_norm, model);
        let products = [
            product(&layer.query, &mut self.queries, Mode::Set),
            product(&layer.key, &mut self.keys, Mode::Set),
            product(&layer.value, &mut self.values, Mode::Set),
        ];
        multiply(&self.normed, products, team);
        let turn = Turn::new(model, layer.key_norm.as_deref(), rotation, angles);
        let kept = Kept { layer: index, keys: &self.keys, values: &self.values, turn };
        self.runs.write(&kept, pool, team);
        let turn = Turn::new(model, layer.query_norm.as_deref(), rotation, angles);
        let queries = Turned { queries: &self.queries, width: shape.query_width(), turn };
        let spans = step.spans;
        let attention = Attention { path, shape, pool, layer: index, window, spans, plan, queries: &queries };
        self.gathered.resize(plan, pool);
        attention.run(&self.lanes, &mut self.gathered, team);
        let (gathered, places) = (&self.gathered, &self.places);
        self.attended.fill(&mut [], team, |row, _, out| {
            let span = places[row];
            gathered.row(&attention, span, row - spans[span].first, out);
        });
        let post_norm = layer.post_attention_norm.as_deref();
        join(&self.attended, &layer.output, post_norm, &mut self.branch, &mut self.stream, model);
    }

    fn inner(&mut self, model: &Model, layer: &Layer) {
        let path = model.path;
        norm(&mut self.normed, &mut self.stream, &layer.inner_norm, model);
        let activation = match model.shape.activation {
            Activation::Silu => elementwise::silu_multiply,
            Activation::GeluTanh => elementwise::gelu_multiply,
        };
        gated(
            &self.normed,
            [factor(&layer.gate), factor(&layer.up)],
            &mut self.hidden,
            &mut self.up,
            &model.team,
            |gate, up| activation(path, gate, up),
        );
        let post_norm = layer.post_inner_norm.as_deref();
        join(&self.hidden, &layer.down, post_norm, &mut self.branch, &mut self.stream, model);
    }

    /// Norm and head of the wanted rows only.
    fn head(&mut self, model: &Model, step: &Step<'_>) -> &[f32] {
        if step.wanted.is_empty() {
            return &[];
        }
        let (weights, stream, path) = (&model.weights, &self.stream, model.path);
        let (width, epsilon) = (model.shape.width, model.shape.epsilon);
        self.last.fill(&mut [], &model.team, |row, _, out| {
            let row = &stream[step.wanted[row] * width..][..width];
            elementwise::rms_norm(path, row, &weights.norm, epsilon, out);
        });
        let matrix = weights.head.as_ref().unwrap_or(&weights.embedding);
        let factor = Factor { matrix, bias: None };
        multiply(&self.last, [Product { factor, out: &mut self.logits, mode: Mode::Set }], &model.team);
        if let Some(cap) = model.shape.logit_cap {
            for_rows(&model.team, &mut self.logits, matrix.rows(), |_, row| {
                elementwise::soft_cap(path, row, cap)
            });
        }
        &self.logits
    }
}

/// Makes the norm of the stream the input of the next products.
fn norm(normed: &mut Input, stream: &mut [f32], weight: &[f32], model: &Model) {
    let (path, epsilon) = (model.path, model.shape.epsilon);
    normed.fill(stream, &model.team, |_, row, out| {
        elementwise::rms_norm(path, row, weight, epsilon, out);
    });
}

/// Adds the product of a layer's last matrix to the stream.
fn join(
    input: &Input,
    last: &Linear,
    post_norm: Option<&[f32]>,
    branch: &mut [f32],
    stream: &mut [f32],
    model: &Model,
) {
    let Some(weight) = post_norm else {
        return multiply(input, [product(last, stream, Mode::Add)], &model.team);
    };
    multiply(input, [product(last, branch, Mode::Set)], &model.team);
    for_rows(&model.team, branch, weight.len(), |_, row| {
        elementwise::rms_norm_in_place(model.path, row, weight, model.shape.epsilon);
    });
    elementwise::add(stream, branch);
}

fn factor(linear: &Linear) -> Factor<'_> {
    Factor { matrix: &linear.matrix, bias: linear.bias.as_deref() }
}

fn product<'a>(linear: &'a Linear, out: &'a mut [f32], mode: Mode) -> Product<'a> {
    Product { factor: factor(linear), out, mode }
}
