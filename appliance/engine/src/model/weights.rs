//! The tensors of a llama-family model, found by name, checked against the shape and repacked.

use super::shape::Shape;
use crate::Error;
use crate::gguf::{Gguf, Tensor, type_name};
use crate::kernels::{Isa, Matrix, Team};
use candle_core::quantized::GgmlDType;
use std::cell::RefCell;
use std::collections::HashSet;

/// A linear layer.
pub(crate) struct Linear {
    pub(crate) matrix: Matrix,
    pub(crate) bias: Option<Vec<f32>>,
}

/// One transformer layer.
pub(crate) struct Layer {
    pub(crate) attention_norm: Vec<f32>,
    pub(crate) query: Linear,
    pub(crate) key: Linear,
    pub(crate) value: Linear,
    pub(crate) output: Linear,
    pub(crate) inner_norm: Vec<f32>,
    pub(crate) gate: Linear,
    pub(crate) up: Linear,
    pub(crate) down: Linear,
}

/// All of a model's weights.
pub(crate) struct Weights {
    pub(crate) embedding: Matrix,
    pub(crate) layers: Vec<Layer>,
    pub(crate) norm: Vec<f32>,
    /// `None` where the embedding serves as the head, too.
    pub(crate) head: Option<Matrix>,
    /// `rope_freqs.weight`.
    pub(crate) rope_factors: Option<Vec<f32>>,
}

impl Weights {
    /// Reads every tensor, each on all threads of the team. A tensor that this forward pass would not use is an
    /// error: leaving one out would silently change the answers.
    pub(crate) fn load(
        gguf: &Gguf,
        shape: &Shape,
        vocabulary: usize,
        isa: Isa,
        team: &Team,
    ) -> Result<Weights, Error> {
        let tensors = Tensors { gguf, isa, team, used: RefCell::default() };
        let embedding = tensors.matrix("token_embd.weight", vocabulary, shape.width)?;
        let head = match tensors.has("output.weight") {
            true => Some(tensors.matrix("output.weight", vocabulary, shape.width)?),
            false => None,
        };
        let rope_factors = match tensors.has("rope_freqs.weight") {
            true => Some(tensors.rope_factors(shape)?),
            false => None,
        };
        let norm = tensors.vector("output_norm.weight", shape.width)?;
        let layers = (0..shape.layers).map(|index| tensors.layer(index, shape)).collect::<Result<_, _>>()?;
        tensors.refuse_unused()?;
        Ok(Weights { embedding, layers, norm, head, rope_factors })
    }

    /// Memory that the weights take, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let layers = self.layers.iter().flat_map(|layer| {
            let Layer { query, key, value, output, gate, up, down, .. } = layer;
            [query, key, value, output, gate, up, down].map(|linear| linear.matrix.bytes())
        });
        self.embedding.bytes() + self.head.as_ref().map_or(0, Matrix::bytes) + layers.sum::<usize>()
    }
}

struct Tensors<'a> {
    gguf: &'a Gguf,
    isa: Isa,
    team: &'a Team,
    used: RefCell<HashSet<String>>,
}

impl Tensors<'_> {
    fn layer(&self, index: usize, shape: &Shape) -> Result<Layer, Error> {
        let name = |part: &str| format!("blk.{index}.{part}");
        let linear = |part: &str, rows, cols| self.linear(&name(part), rows, cols);
        Ok(Layer {
            attention_norm: self.vector(&name("attn_norm.weight"), shape.width)?,
            query: linear("attn_q", shape.query_width(), shape.width)?,
            key: linear("attn_k", shape.kv_width(), shape.width)?,
            value: linear("attn_v", shape.kv_width(), shape.width)?,
            output: linear("attn_output", shape.width, shape.query_width())?,
            inner_norm: self.vector(&name("ffn_norm.weight"), shape.width)?,
            gate: linear("ffn_gate", shape.inner, shape.width)?,
            up: linear("ffn_up", shape.inner, shape.width)?,
            down: linear("ffn_down", shape.width, shape.inner)?,
        })
    }

    fn linear(&self, name: &str, rows: usize, cols: usize) -> Result<Linear, Error> {
        let bias = format!("{name}.bias");
        Ok(Linear {
            matrix: self.matrix(&format!("{name}.weight"), rows, cols)?,
            bias: if self.has(&bias) { Some(self.vector(&bias, rows)?) } else { None },
        })
    }

    fn has(&self, name: &str) -> bool {
        self.gguf.tensor(name).is_some()
    }

    fn matrix(&self, name: &str, rows: usize, cols: usize) -> Result<Matrix, Error> {
        let tensor = self.find(name, rows, cols)?;
        Matrix::from_gguf(tensor.dtype, rows, cols, tensor.bytes, self.isa, self.team)
            .map_err(|error| Error::Model(format!("tensor `{name}`: {error}")))
    }

    /// A vector that is kept as it is: a norm, a bias.
    fn vector(&self, name: &str, length: usize) -> Result<Vec<f32>, Error> {
        let tensor = self.find(name, 1, length)?;
        if tensor.dtype != GgmlDType::F32 {
            let kind = type_name(tensor.dtype);
            return Err(Error::Unsupported(format!("tensor `{name}` of type {kind}, not F32")));
        }
        let (numbers, _) = tensor.bytes.as_chunks::<4>();
        Ok(numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
    }

    fn rope_factors(&self, shape: &Shape) -> Result<Vec<f32>, Error> {
        let factors = self.vector("rope_freqs.weight", shape.rope.dimensions / 2)?;
        if factors.iter().all(|factor| factor.is_finite() && *factor > 0.0) {
            return Ok(factors);
        }
        Err(Error::Model("tensor `rope_freqs.weight` has factors that are not positive".to_owned()))
    }

    fn find(&self, name: &str, rows: usize, cols: usize) -> Result<Tensor<'_>, Error> {
        let tensor =
            self.gguf.tensor(name).ok_or_else(|| Error::Model(format!("tensor `{name}` is missing")))?;
        if (tensor.rows, tensor.cols) != (rows, cols) {
            let (has_rows, has_cols) = (tensor.rows, tensor.cols);
            let why = format!("tensor `{name}` is {has_rows} × {has_cols}, not {rows} × {cols}");
            return Err(Error::Model(why));
        }
        self.used.borrow_mut().insert(name.to_owned());
        Ok(tensor)
    }

    fn refuse_unused(self) -> Result<(), Error> {
        let used = self.used.into_inner();
        match self.gguf.tensor_names().filter(|name| !used.contains(*name)).min() {
            Some(name) => Err(Error::Unsupported(format!("tensor `{name}`"))),
            None => Ok(()),
        }
    }
}
