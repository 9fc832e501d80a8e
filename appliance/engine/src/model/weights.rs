//! The weights of a model: its tensors, which [`super::tensors`] has checked, repacked.

use super::shape::Shape;
use super::tensors::{find, vector};
use crate::Error;
use crate::gguf::Gguf;
use crate::kernels::{Isa, Matrix, Team};

/// A linear layer.
pub(crate) struct Linear {
    pub(crate) matrix: Matrix,
    pub(crate) bias: Option<Vec<f32>>,
}

/// One transformer layer. What its family does not have is `None`.
pub(crate) struct Layer {
    pub(crate) attention_norm: Vec<f32>,
    pub(crate) query: Linear,
    pub(crate) key: Linear,
    pub(crate) value: Linear,
    /// Norm of each head of the queries, before they turn; as long as a head.
    pub(crate) query_norm: Option<Vec<f32>>,
    /// The same for keys.
    pub(crate) key_norm: Option<Vec<f32>>,
    pub(crate) output: Linear,
    /// Norm of what attention adds to the stream.
    pub(crate) post_attention_norm: Option<Vec<f32>>,
    pub(crate) inner_norm: Vec<f32>,
    pub(crate) gate: Linear,
    pub(crate) up: Linear,
    pub(crate) down: Linear,
    /// Norm of what the feed-forward layer adds to the stream.
    pub(crate) post_inner_norm: Option<Vec<f32>>,
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
    /// Reads every tensor, each on all threads of the team.
    ///
    /// # Errors
    /// As [`super::tensors::check`], and [`Error::Model`] for a matrix of a type that no kernel knows.
    pub(crate) fn load(
        gguf: &Gguf,
        shape: &Shape,
        vocabulary: usize,
        isa: Isa,
        team: &Team,
    ) -> Result<Weights, Error> {
        super::tensors::check(gguf, shape, vocabulary)?;
        let matrix = |name: &str| matrix(gguf, name, isa, team);
        let head = gguf.tensor("output.weight").map(|_| matrix("output.weight")).transpose()?;
        let layer = |index| layer(gguf, index, &matrix);
        Ok(Weights {
            embedding: matrix("token_embd.weight")?,
            layers: (0..shape.layers).map(layer).collect::<Result<_, _>>()?,
            norm: vector(gguf, "output_norm.weight")?,
            head,
            rope_factors: optional_vector(gguf, "rope_freqs.weight")?,
        })
    }

    /// Memory that the weights take, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let layers = self.layers.iter().flat_map(|layer| {
            let Layer { query, key, value, output, gate, up, down, .. } = layer;
            [query, key, value, output, gate, up, down].map(|linear| linear.matrix.bytes())
        });
        self.embedding.bytes() + self.head.as_ref().map_or(0, Matrix::bytes) + layers.sum::<usize>()
    }

    /// Memory that a step reads whatever its rows are, in bytes.
    pub(crate) fn bytes_per_step(&self) -> usize {
        self.bytes() - self.head.as_ref().map_or(0, |_| self.embedding.bytes())
    }
}

fn layer(gguf: &Gguf, index: usize, matrix: &impl Fn(&str) -> Result<Matrix, Error>) -> Result<Layer, Error> {
    let name = |part: &str| format!("blk.{index}.{part}");
    let linear = |part: &str| -> Result<Linear, Error> {
        Ok(Linear {
            matrix: matrix(&name(&format!("{part}.weight")))?,
            bias: optional_vector(gguf, &name(&format!("{part}.bias")))?,
        })
    };
    let norm = |part: &str| vector(gguf, &name(part));
    let optional_norm = |part: &str| optional_vector(gguf, &name(part));
    Ok(Layer {
        attention_norm: norm("attn_norm.weight")?,
        query: linear("attn_q")?,
        key: linear("attn_k")?,
        value: linear("attn_v")?,
        query_norm: optional_norm("attn_q_norm.weight")?,
        key_norm: optional_norm("attn_k_norm.weight")?,
        output: linear("attn_output")?,
        post_attention_norm: optional_norm("post_attention_norm.weight")?,
        inner_norm: norm("ffn_norm.weight")?,
        gate: linear("ffn_gate")?,
        up: linear("ffn_up")?,
        down: linear("ffn_down")?,
        post_inner_norm: optional_norm("post_ffw_norm.weight")?,
    })
}

fn matrix(gguf: &Gguf, name: &str, isa: Isa, team: &Team) -> Result<Matrix, Error> {
    let tensor = find(gguf, name)?;
    Matrix::from_gguf(tensor.dtype, tensor.rows, tensor.cols, tensor.bytes, isa, team)
        .map_err(|error| Error::Model(format!("tensor `{name}`: {error}")))
}

fn optional_vector(gguf: &Gguf, name: &str) -> Result<Option<Vec<f32>>, Error> {
    gguf.tensor(name).map(|_| vector(gguf, name)).transpose()
}
