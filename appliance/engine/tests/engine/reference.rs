//! The forward pass as one would write it down: any family, one sequence, plain loops, nothing shared with the engine but
//! the file. Slow, and meant to be read.

use candle_core::Device;
use candle_core::quantized::gguf_file::{Content, Value};
use std::collections::HashMap;
use std::io::Cursor;

/// A model read from a GGUF file.
pub(crate) struct Reference {
    architecture: String,
    metadata: HashMap<String, Value>,
    weights: HashMap<String, Vec<f32>>,
    heads: usize,
    kv_heads: usize,
    head: usize,
    width: usize,
}

type Rows = Vec<Vec<f32>>;

impl Reference {
    pub(crate) fn new(bytes: &[u8]) -> Reference {
        let mut file = Cursor::new(bytes);
        let content = Content::read(&mut file).unwrap();
        let weights = content.tensor_infos.keys().map(|name| {
            let tensor = content.tensor(&mut file, name, &Device::Cpu).unwrap();
            let numbers = tensor.dequantize(&Device::Cpu).unwrap().flatten_all().unwrap();
            (name.clone(), numbers.to_vec1().unwrap())
        });
        let mut reference = Reference {
            architecture: content.metadata["general.architecture"].to_string().unwrap().clone(),
            weights: weights.collect(),
            metadata: content.metadata.clone(),
            heads: 0,
            kv_heads: 0,
            head: 0,
            width: 0,
        };
        reference.heads = reference.size("attention.head_count").unwrap();
        reference.kv_heads = reference.size("attention.head_count_kv").unwrap();
        reference.head = reference.size("attention.key_length").unwrap();
        reference.width = reference.size("embedding_length").unwrap();
        reference
    }

    /// Logits after each token.
    pub(crate) fn logits(&self, ids: &[u32]) -> Rows {
        let gemma = self.architecture == "gemma3";
        let scale = if gemma { (self.width as f32).sqrt() } else { 1.0 };
        let embedding = &self.weights["token_embd.weight"];
        let embed = |id: &u32| {
            let row = &embedding[*id as usize * self.width..][..self.width];
            row.iter().map(|x| x * scale).collect()
        };
        let mut stream: Rows = ids.iter().map(embed).collect();
        for layer in 0..self.size("block_count").unwrap() {
            let name = |part: &str| format!("blk.{layer}.{part}");
            let normed = self.norm(&stream, &name("attn_norm"));
            let attended = self.attention(layer, &normed);
            add(&mut stream, &self.norm(&attended, &name("post_attention_norm")));
            let normed = self.norm(&stream, &name("ffn_norm"));
            let mut gate = self.linear(&normed, &name("ffn_gate"));
            let up = self.linear(&normed, &name("ffn_up"));
            for (gate, up) in gate.iter_mut().flatten().zip(up.iter().flatten()) {
                *gate = if gemma { gelu(*gate) } else { silu(*gate) } * up;
            }
            add(&mut stream, &self.norm(&self.linear(&gate, &name("ffn_down")), &name("post_ffw_norm")));
        }
        let head = if self.weights.contains_key("output.weight") { "output" } else { "token_embd" };
        let mut logits = self.linear(&self.norm(&stream, "output_norm"), head);
        if let Some(cap) = self.number("final_logit_softcapping") {
            logits.iter_mut().flatten().for_each(|logit| *logit = cap * (*logit / cap).tanh());
        }
        logits
    }

    fn attention(&self, layer: usize, normed: &Rows) -> Rows {
        let name = |part: &str| format!("blk.{layer}.{part}");
        let window = self.window(layer);
        let turned = |part: &str, norm: &str| {
            let mut rows = self.linear(normed, &name(part));
            for (position, row) in rows.iter_mut().enumerate() {
                for head in row.chunks_exact_mut(self.head) {
                    let one = self.norm(&vec![head.to_vec()], &name(norm));
                    head.copy_from_slice(&one[0]);
                    self.turn(head, position, window.is_some());
                }
            }
            rows
        };
        let (queries, keys) = (turned("attn_q", "attn_q_norm"), turned("attn_k", "attn_k_norm"));
        let values = self.linear(normed, &name("attn_v"));
        let scaled_by = match self.size("block_count") {
            Some(62) if self.architecture == "gemma3" => self.width / self.heads,
            _ => self.head,
        };
        let attend = |position: usize| {
            let first = (position + 1).saturating_sub(window.unwrap_or(usize::MAX));
            let mut row = Vec::new();
            for (index, query) in queries[position].chunks_exact(self.head).enumerate() {
                let kv = index / (self.heads / self.kv_heads) * self.head;
                let score = |at: usize| {
                    let score = dot(query, &keys[at][kv..kv + self.head]) / (scaled_by as f32).sqrt();
                    self.number("attn_logit_softcapping").map_or(score, |cap| cap * (score / cap).tanh())
                };
                let scores: Vec<f32> = (first..=position).map(score).collect();
                let highest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                let shares: Vec<f32> = scores.iter().map(|score| (score - highest).exp()).collect();
                let total: f32 = shares.iter().sum();
                row.extend((kv..kv + self.head).map(|dimension| {
                    let seen = values[first..=position].iter().zip(&shares);
                    seen.map(|(value, share)| value[dimension] * share).sum::<f32>() / total
                }));
            }
            row
        };
        let attended: Rows = (0..normed.len()).map(attend).collect();
        self.linear(&attended, &name("attn_output"))
    }

    /// How many positions a layer sees, if not all.
    fn window(&self, layer: usize) -> Option<usize> {
        let window = self.size("attention.sliding_window").filter(|window| *window > 0)?;
        let windowed = match self.metadata.get(&self.key("attention.sliding_window_pattern")) {
            Some(list @ Value::Array(_)) => list.to_vec().unwrap()[layer].to_bool().unwrap(),
            Some(period) => !(layer + 1).is_multiple_of(period.to_u32().unwrap() as usize),
            None => self.architecture != "gemma3" || !(layer + 1).is_multiple_of(6),
        };
        windowed.then_some(window)
    }

    fn turn(&self, head: &mut [f32], position: usize, windowed: bool) {
        let local = self.architecture == "gemma3" && windowed;
        let base = match local {
            true => self.number("rope.freq_base_swa").unwrap_or(10_000.0),
            false => self.number("rope.freq_base").unwrap_or(10_000.0),
        };
        let factor = if local { 1.0 } else { self.number("rope.scaling.factor").unwrap_or(1.0) };
        let turned = self.size("rope.dimension_count").unwrap();
        for pair in 0..turned / 2 {
            let slower = self.weights.get("rope_freqs.weight").map_or(1.0, |factors| factors[pair]);
            let speed = f64::from(base).powf(-2.0 * pair as f64 / turned as f64);
            let angle = position as f64 * speed / f64::from(factor * slower);
            let (sin, cos) = (angle.sin() as f32, angle.cos() as f32);
            let (a, b) = match self.architecture.as_str() {
                "llama" => (2 * pair, 2 * pair + 1),
                _ => (pair, pair + turned / 2),
            };
            (head[a], head[b]) = (head[a] * cos - head[b] * sin, head[a] * sin + head[b] * cos);
        }
    }

    /// Root mean square norm of each row, where the file has one of that name.
    fn norm(&self, rows: &Rows, name: &str) -> Rows {
        let Some(weight) = self.weights.get(&format!("{name}.weight")) else { return rows.clone() };
        let epsilon = self.number("attention.layer_norm_rms_epsilon").unwrap();
        let norm = |row: &Vec<f32>| {
            let root = (dot(row, row) / row.len() as f32 + epsilon).sqrt();
            row.iter().zip(weight).map(|(x, weight)| x / root * weight).collect()
        };
        rows.iter().map(norm).collect()
    }

    fn linear(&self, rows: &Rows, name: &str) -> Rows {
        let weight = &self.weights[&format!("{name}.weight")];
        let bias = self.weights.get(&format!("{name}.bias"));
        let product = |row: &Vec<f32>| {
            let mut out: Vec<f32> = weight.chunks_exact(row.len()).map(|weight| dot(weight, row)).collect();
            bias.iter().for_each(|bias| out.iter_mut().zip(*bias).for_each(|(out, bias)| *out += bias));
            out
        };
        rows.iter().map(product).collect()
    }

    fn key(&self, name: &str) -> String {
        format!("{}.{name}", self.architecture)
    }

    fn size(&self, name: &str) -> Option<usize> {
        Some(self.metadata.get(&self.key(name))?.to_u32().unwrap() as usize)
    }

    fn number(&self, name: &str) -> Option<f32> {
        Some(self.metadata.get(&self.key(name))?.to_f32().unwrap())
    }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>() as f32
}

fn add(to: &mut Rows, more: &Rows) {
    to.iter_mut().flatten().zip(more.iter().flatten()).for_each(|(to, more)| *to += more);
}

fn silu(x: f32) -> f32 {
    x / (1.0 + (-x).exp())
}

/// By its approximation with the hyperbolic tangent.
fn gelu(x: f32) -> f32 {
    0.5 * x * (1.0 + ((2.0 / std::f32::consts::PI).sqrt() * (x + 0.044_715 * x * x * x)).tanh())
}
