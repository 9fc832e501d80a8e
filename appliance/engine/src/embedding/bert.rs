//! A BERT encoder (Devlin et al., arXiv:1810.04805), computed one layer at a time.
//!
//! `candle_transformers::models::bert` computes the same from the same weights, but whole at a time and half of it on
//! one thread: 0.2 s for a text of 256 tokens on two cores, for which a running answer would have to wait. Here the
//! caller has the turn back after each layer, and everything that takes long is spread over the threads.

use super::config::Config;
use super::files::Tensors;
use crate::Error;
use candle_core::{CpuStorage, D, Device, InplaceOp1, Layout, Module, Tensor};
use candle_nn::{LayerNorm, Linear, ops};
use rayon::prelude::*;

/// Added to the scores of what is only padding: their softmax is 0 then.
const NOT_THERE: f32 = f32::MIN;
/// Numbers that one thread takes at a time.
const CHUNK: usize = 4096;

/// The weights.
pub(super) struct Encoder {
    words: Tensor,
    positions: Tensor,
    norm: LayerNorm,
    layers: Vec<Layer>,
    heads: usize,
}

struct Layer {
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    output_norm: LayerNorm,
    up: Linear,
    down: Linear,
    norm: LayerNorm,
}

/// Inputs on their way through the layers.
pub(super) struct Pass {
    /// `[inputs, tokens, width]`.
    hidden: Tensor,
    /// `[inputs, tokens]`: 1 for a token, 0 for padding.
    mask: Tensor,
    /// What is added to the scores, `[inputs, 1, 1, tokens]`; nothing where there is no padding.
    bias: Option<Tensor>,
    layer: usize,
}

impl Encoder {
    /// Takes the tensors that the configuration speaks of, each of exactly its shape.
    pub(super) fn load(tensors: &Tensors<'_>, config: &Config) -> Result<Encoder, Error> {
        let table = |name: &str, rows: usize| {
            tensors.get(&format!("embeddings.{name}_embeddings.weight"), &[rows, config.hidden_size])
        };
        // Every input is one text of the first type, so its vector belongs to each position.
        let first_type = table("token_type", config.type_vocab_size)?.narrow(0, 0, 1)?;
        let positions = table("position", config.max_position_embeddings)?;
        Ok(Encoder {
            words: table("word", config.vocab_size)?,
            positions: positions.broadcast_add(&first_type)?,
            norm: norm(tensors, "embeddings.LayerNorm", config)?,
            layers: (0..config.num_hidden_layers)
                .map(|index| Layer::load(tensors, &format!("encoder.layer.{index}"), config))
                .collect::<Result<_, Error>>()?,
            heads: config.num_attention_heads,
        })
    }

    /// Begins with inputs of token ids that the vocabulary has, none longer than there are positions.
    pub(super) fn begin(&self, inputs: &[&[u32]]) -> candle_core::Result<Pass> {
        let tokens = inputs.iter().map(|input| input.len()).max().unwrap_or_default();
        let is_padded = inputs.iter().any(|input| input.len() < tokens);
        let (mut ids, mut mask) = (Vec::new(), Vec::new());
        for input in inputs {
            let padding = tokens - input.len();
            ids.extend(input.iter().copied().chain(std::iter::repeat_n(0, padding)));
            mask.extend(std::iter::repeat_n(1_f32, input.len()).chain(std::iter::repeat_n(0.0, padding)));
        }
        let ids = Tensor::from_vec(ids, inputs.len() * tokens, &Device::Cpu)?;
        let words = self.words.index_select(&ids, 0)?.reshape((inputs.len(), tokens, ()))?;
        let hidden = self.norm.forward(&words.broadcast_add(&self.positions.narrow(0, 0, tokens)?)?)?;
        let mask = Tensor::from_vec(mask, (inputs.len(), tokens), &Device::Cpu)?;
        let bias = if is_padded {
            let missing = mask.affine(f64::from(-NOT_THERE), f64::from(NOT_THERE))?;
            Some(missing.reshape((inputs.len(), 1, 1, tokens))?)
        } else {
            None
        };
        Ok(Pass { hidden, mask, bias, layer: 0 })
    }

    /// Computes the next layer; whether it was the last.
    pub(super) fn advance(&self, pass: &mut Pass) -> candle_core::Result<bool> {
        if let Some(layer) = self.layers.get(pass.layer) {
            pass.hidden = layer.forward(&pass.hidden, pass.bias.as_ref(), self.heads)?;
            pass.layer += 1;
        }
        Ok(pass.layer >= self.layers.len())
    }

    /// The mean over each input's tokens, `[inputs, width]`.
    pub(super) fn means(&self, pass: &Pass) -> candle_core::Result<Tensor> {
        let mask = pass.mask.unsqueeze(D::Minus1)?;
        pass.hidden.broadcast_mul(&mask)?.sum(1)?.broadcast_div(&mask.sum(1)?)
    }
}

impl Layer {
    fn load(tensors: &Tensors<'_>, at: &str, config: &Config) -> Result<Layer, Error> {
        let (width, inner) = (config.hidden_size, config.intermediate_size);
        let linear = |name: &str, from: usize, to: usize| -> Result<Linear, Error> {
            let weight = tensors.get(&format!("{at}.{name}.weight"), &[to, from])?;
            Ok(Linear::new(weight, Some(tensors.get(&format!("{at}.{name}.bias"), &[to])?)))
        };
        let query = linear("attention.self.query", width, width)?;
        // The scores' factor 1/√(width of a head), once for all.
        let factor = ((width / config.num_attention_heads) as f64).sqrt().recip();
        let bias = query.bias().map(|bias| bias * factor).transpose()?;
        Ok(Layer {
            query: Linear::new((query.weight() * factor)?, bias),
            key: linear("attention.self.key", width, width)?,
            value: linear("attention.self.value", width, width)?,
            output: linear("attention.output.dense", width, width)?,
            output_norm: norm(tensors, &format!("{at}.attention.output.LayerNorm"), config)?,
            up: linear("intermediate.dense", width, inner)?,
            down: linear("output.dense", inner, width)?,
            norm: norm(tensors, &format!("{at}.output.LayerNorm"), config)?,
        })
    }

    fn forward(&self, hidden: &Tensor, bias: Option<&Tensor>, heads: usize) -> candle_core::Result<Tensor> {
        let (inputs, tokens, width) = hidden.dims3()?;
        let by_head = |linear: &Linear| {
            let shape = (inputs, tokens, heads, width / heads);
            linear.forward(hidden)?.reshape(shape)?.transpose(1, 2)?.contiguous()
        };
        let scores = by_head(&self.query)?.matmul(&by_head(&self.key)?.t()?)?;
        let scores = match bias {
            Some(bias) => scores.broadcast_add(bias)?,
            None => scores,
        };
        let mixed = ops::softmax_last_dim(&scores)?.matmul(&by_head(&self.value)?)?;
        let mixed = mixed.transpose(1, 2)?.reshape((inputs, tokens, width))?;
        let hidden = self.output_norm.forward(&(self.output.forward(&mixed)? + hidden)?)?;
        let inner = self.up.forward(&hidden)?;
        inner.inplace_op1(&Gelu)?;
        self.norm.forward(&(self.down.forward(&inner)? + hidden)?)
    }
}

fn norm(tensors: &Tensors<'_>, at: &str, config: &Config) -> Result<LayerNorm, Error> {
    let shape = [config.hidden_size];
    let weight = tensors.get(&format!("{at}.weight"), &shape)?;
    Ok(LayerNorm::new(weight, tensors.get(&format!("{at}.bias"), &shape)?, config.layer_norm_eps))
}

/// x·Φ(x) by the error function, as BERT was trained with; in place, on all threads of the pool.
struct Gelu;

impl InplaceOp1 for Gelu {
    fn name(&self) -> &'static str {
        "gelu"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> candle_core::Result<()> {
        let CpuStorage::F32(numbers) = storage else { candle_core::bail!("gelu of other numbers than f32") };
        let Some((start, end)) = layout.contiguous_offsets() else { candle_core::bail!("gelu of a view") };
        let Some(numbers) = numbers.get_mut(start..end) else { candle_core::bail!("gelu beyond the end") };
        numbers.par_chunks_mut(CHUNK).for_each(|chunk| {
            for number in chunk {
                let erf = candle_core::cpu::erf::erf_f32(*number * std::f32::consts::FRAC_1_SQRT_2);
                *number *= 0.5 * (1.0 + erf);
            }
        });
        Ok(())
    }
}
