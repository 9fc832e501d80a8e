//! A tiny model made in code, for tests that need a model and no weights: a real GGUF file of a few hundred
//! kilobytes, llama family, byte vocabulary, ChatML template, random weights. Its answers are nonsense, the same
//! every time.

use crate::Error;
use candle_core::quantized::gguf_file::{self, Value};
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{DType, Device, Tensor};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use std::io::{Cursor, Write};

const TEMPLATE: &str = "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + \
                        message['content'] + '<|im_end|>' + '\n'}}{% endfor %}\
                        {% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

/// What the file is to hold.
#[derive(Clone, Debug)]
pub struct Tiny {
    /// Layers; more make it slower.
    pub layers: usize,
    /// Width of the residual stream: a multiple of 64.
    pub width: usize,
    /// Positions of one sequence.
    pub context: u32,
    /// How the matrices are stored.
    pub weights: GgmlDType,
    /// The chat template, or none.
    pub template: Option<String>,
    /// Metadata to add or to replace.
    pub metadata: Vec<(String, Value)>,
}

impl Default for Tiny {
    fn default() -> Tiny {
        Tiny {
            layers: 2,
            width: 64,
            context: 256,
            weights: GgmlDType::Q4_1,
            template: Some(TEMPLATE.to_owned()),
            metadata: Vec::new(),
        }
    }
}

impl Tiny {
    /// The file's bytes.
    pub fn bytes(&self) -> Result<Vec<u8>, Error> {
        let metadata = self.all_metadata();
        let tensors = self.tensors()?;
        let metadata: Vec<(&str, &Value)> =
            metadata.iter().map(|(key, value)| (key.as_str(), value)).collect();
        let tensors: Vec<(&str, &QTensor)> =
            tensors.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect();
        let mut bytes = Cursor::new(Vec::new());
        gguf_file::write(&mut bytes, &metadata, &tensors)?;
        Ok(bytes.into_inner())
    }

    /// Writes the file to `to`.
    pub fn write(&self, mut to: impl Write) -> Result<(), Error> {
        Ok(to.write_all(&self.bytes()?)?)
    }

    fn all_metadata(&self) -> Vec<(String, Value)> {
        let (tokens, kinds) = vocabulary();
        let number = |value: usize| Value::U32(u32::try_from(value).unwrap_or(u32::MAX));
        let text = |value: &str| Value::String(value.to_owned());
        let list = |values: &[&str]| Value::Array(values.iter().map(|value| text(value)).collect());
        let mut metadata: Vec<(String, Value)> = [
            ("general.architecture", text("llama")),
            ("general.name", text("Tiny")),
            ("general.license", text("apache-2.0")),
            ("llama.block_count", number(self.layers)),
            ("llama.context_length", Value::U32(self.context)),
            ("llama.embedding_length", number(self.width)),
            ("llama.feed_forward_length", number(self.width * 2)),
            ("llama.attention.head_count", Value::U32(4)),
            ("llama.attention.head_count_kv", Value::U32(2)),
            ("llama.attention.layer_norm_rms_epsilon", Value::F32(1e-5)),
            ("llama.rope.dimension_count", number(self.width / 4)),
            ("llama.rope.freq_base", Value::F32(10_000.0)),
            ("tokenizer.ggml.model", text("gpt2")),
            ("tokenizer.ggml.pre", text("smollm")),
            ("tokenizer.ggml.merges", list(&["h e", "l l", "he ll", "Ġ w"])),
            ("tokenizer.ggml.eos_token_id", number(tokens.len() - 1)),
            ("tokenizer.ggml.add_bos_token", Value::Bool(false)),
            ("tokenizer.ggml.tokens", Value::Array(tokens.into_iter().map(Value::String).collect())),
            ("tokenizer.ggml.token_type", Value::Array(kinds.into_iter().map(Value::I32).collect())),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .into();
        if let Some(template) = &self.template {
            metadata.push(("tokenizer.chat_template".to_owned(), text(template)));
        }
        for (key, value) in &self.metadata {
            metadata.retain(|(other, _)| other != key);
            metadata.push((key.clone(), value.clone()));
        }
        metadata
    }

    fn tensors(&self) -> Result<Vec<(String, QTensor)>, Error> {
        let (width, inner) = (self.width, self.width * 2);
        let mut random = SmallRng::seed_from_u64(1);
        let mut tensors = Vec::new();
        let mut add = |name: String, rows: usize, cols: usize| -> Result<(), Error> {
            let tensor = if rows == 1 {
                QTensor::quantize(&Tensor::ones(cols, DType::F32, &Device::Cpu)?, GgmlDType::F32)?
            } else {
                let numbers: Vec<f32> = (0..rows * cols).map(|_| random.random_range(-0.3..0.3)).collect();
                QTensor::quantize(&Tensor::from_vec(numbers, (rows, cols), &Device::Cpu)?, self.weights)?
            };
            tensors.push((name, tensor));
            Ok(())
        };
        add("token_embd.weight".to_owned(), vocabulary().0.len(), width)?;
        for layer in 0..self.layers {
            for norm in ["attn_norm", "ffn_norm"] {
                add(format!("blk.{layer}.{norm}.weight"), 1, width)?;
            }
            let linears = [
                ("attn_q", width, width),
                ("attn_k", width / 2, width),
                ("attn_v", width / 2, width),
                ("attn_output", width, width),
                ("ffn_gate", inner, width),
                ("ffn_up", inner, width),
                ("ffn_down", width, inner),
            ];
            for (name, rows, cols) in linears {
                add(format!("blk.{layer}.{name}.weight"), rows, cols)?;
            }
        }
        add("output_norm.weight".to_owned(), 1, width)?;
        Ok(tensors)
    }
}

/// All bytes, the results of the merges, and three control tokens: the last one ends a turn.
fn vocabulary() -> (Vec<String>, Vec<i32>) {
    let mut tokens: Vec<String> =
        (0..=255).map(|byte| crate::tokenizer::byte_character(byte).to_string()).collect();
    tokens.extend(["he", "ll", "hell", "Ġw"].map(str::to_owned));
    let mut kinds = vec![1; tokens.len()];
    tokens.extend(["<|endoftext|>", "<|im_start|>", "<|im_end|>"].map(str::to_owned));
    kinds.extend([3; 3]);
    (tokens, kinds)
}
