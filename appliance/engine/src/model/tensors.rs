//! The tensors of a family: their names, sizes and types. What a family needs and a file lacks, and what a file has and
//! a family does not use, is refused by name, from the header alone: leaving a tensor out would silently change answers.

use super::shape::{Family, Shape};
use crate::Error;
use crate::gguf::{Gguf, Tensor, type_name};
use candle_core::quantized::GgmlDType;
use std::collections::HashSet;

/// Checks every tensor of a file against the shape.
///
/// # Errors
/// [`Error::Model`] for tensors that are missing or of another size, [`Error::Unsupported`] for those that nobody
/// would use.
pub(super) fn check(gguf: &Gguf, shape: &Shape, vocabulary: usize) -> Result<(), Error> {
    let mut check = Check { gguf, used: HashSet::new() };
    check.matrix("token_embd.weight", vocabulary, shape.width)?;
    check.vector("output_norm.weight", shape.width)?;
    if gguf.tensor("output.weight").is_some() {
        check.matrix("output.weight", vocabulary, shape.width)?;
    }
    if shape.family == Family::Llama && gguf.tensor("rope_freqs.weight").is_some() {
        check.vector("rope_freqs.weight", shape.rope.dimensions / 2)?;
        let factors = vector(gguf, "rope_freqs.weight")?;
        if !factors.iter().all(|factor| factor.is_finite() && *factor > 0.0) {
            let why = "tensor `rope_freqs.weight` has factors that are not positive";
            return Err(Error::Model(why.to_owned()));
        }
    }
    for layer in 0..shape.layers {
        check.layer(layer, shape)?;
    }
    check.refuse_unused()
}

/// The numbers of a vector that [`check`] has seen: a norm, a bias.
pub(super) fn vector(gguf: &Gguf, name: &str) -> Result<Vec<f32>, Error> {
    let (numbers, _) = find(gguf, name)?.bytes.as_chunks::<4>();
    Ok(numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
}

pub(super) fn find<'a>(gguf: &'a Gguf, name: &str) -> Result<Tensor<'a>, Error> {
    gguf.tensor(name).ok_or_else(|| Error::Model(format!("tensor `{name}` is missing")))
}

struct Check<'a> {
    gguf: &'a Gguf,
    used: HashSet<String>,
}

impl Check<'_> {
    fn layer(&mut self, index: usize, shape: &Shape) -> Result<(), Error> {
        let (width, inner) = (shape.width, shape.inner);
        let (query, kv) = (shape.query_width(), shape.kv_width());
        let name = |part: &str| format!("blk.{index}.{part}");
        for (part, rows, cols) in [
            ("attn_q", query, width),
            ("attn_k", kv, width),
            ("attn_v", kv, width),
            ("attn_output", width, query),
            ("ffn_gate", inner, width),
            ("ffn_up", inner, width),
            ("ffn_down", width, inner),
        ] {
            self.matrix(&name(&format!("{part}.weight")), rows, cols)?;
            let bias = name(&format!("{part}.bias"));
            let needed = shape.family == Family::Qwen2 && ["attn_q", "attn_k", "attn_v"].contains(&part);
            if needed || self.gguf.tensor(&bias).is_some() {
                self.vector(&bias, rows)?;
            }
        }
        let all: &[_] = &[("attn_norm.weight", width), ("ffn_norm.weight", width)];
        let of_heads: &[_] = &[("attn_q_norm.weight", shape.head), ("attn_k_norm.weight", shape.head)];
        let after: &[_] = &[("post_attention_norm.weight", width), ("post_ffw_norm.weight", width)];
        let norms: &[&[_]] = match shape.family {
            Family::Llama | Family::Qwen2 => &[all],
            Family::Qwen3 => &[all, of_heads],
            Family::Gemma3 => &[all, of_heads, after],
        };
        norms.iter().copied().flatten().try_for_each(|(part, length)| self.vector(&name(part), *length))
    }

    fn matrix(&mut self, name: &str, rows: usize, cols: usize) -> Result<(), Error> {
        self.sized(name, rows, cols).map(|_| ())
    }

    fn vector(&mut self, name: &str, length: usize) -> Result<(), Error> {
        match self.sized(name, 1, length)?.dtype {
            GgmlDType::F32 => Ok(()),
            other => {
                let kind = type_name(other);
                Err(Error::Unsupported(format!("tensor `{name}` of type {kind}, not F32")))
            }
        }
    }

    fn sized(&mut self, name: &str, rows: usize, cols: usize) -> Result<Tensor<'_>, Error> {
        let tensor = find(self.gguf, name)?;
        if (tensor.rows, tensor.cols) != (rows, cols) {
            let (has_rows, has_cols) = (tensor.rows, tensor.cols);
            let why = format!("tensor `{name}` is {has_rows} × {has_cols}, not {rows} × {cols}");
            return Err(Error::Model(why));
        }
        self.used.insert(name.to_owned());
        Ok(tensor)
    }

    fn refuse_unused(self) -> Result<(), Error> {
        match self.gguf.tensor_names().filter(|name| !self.used.contains(*name)).min() {
            Some(name) => Err(Error::Unsupported(format!("tensor `{name}`"))),
            None => Ok(()),
        }
    }
}
