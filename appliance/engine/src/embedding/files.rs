//! The three files of an embedding model, read with bounds before anything believes them.

use crate::Error;
use candle_core::safetensors::SliceSafetensors;
use candle_core::{DType, Device};
use candle_nn::VarBuilder;
use candle_transformers::models::bert::{BertModel, Config};
use std::fs::File;
use std::os::unix::fs::FileExt;

/// Longest `config.json` and `tokenizer.json`, in bytes.
const MAX_CONFIG: u64 = 64 << 10;
const MAX_TOKENIZER: u64 = 16 << 20;
/// Longest header of a safetensors file: the names and shapes of thousands of tensors.
const MAX_HEADER: u64 = 1 << 20;

/// An embedding model as Hugging Face lays it out: open files, of which each was checked against its manifest.
#[derive(Debug)]
pub struct Files {
    /// `model.safetensors`.
    pub weights: File,
    /// `tokenizer.json`.
    pub tokenizer: File,
    /// `config.json`.
    pub config: File,
}

impl Files {
    /// What the model is, within the bounds of what this engine computes.
    pub(super) fn read_config(&self) -> Result<Config, Error> {
        let json = read(&self.config, "config.json", MAX_CONFIG)?;
        let config: Config = serde_json::from_slice(&json).map_err(|error| wrong(&error.to_string()))?;
        if config.model_type.as_deref() != Some("bert") {
            let other = config.model_type.as_deref().unwrap_or("none");
            return Err(Error::Unsupported(format!("config.json: a model of type `{other}`")));
        }
        // The tensors are compared with these, so a file that is no larger than these lies is refused there. Here
        // stands what would divide by zero, or make a short file compute for ever.
        let bounded = [
            ("vocab_size", config.vocab_size, 1 << 20),
            ("hidden_size", config.hidden_size, super::MAX_DIMENSIONS),
            ("num_hidden_layers", config.num_hidden_layers, 64),
            ("num_attention_heads", config.num_attention_heads, 64),
            ("intermediate_size", config.intermediate_size, 1 << 13),
            ("max_position_embeddings", config.max_position_embeddings, 1 << 16),
            ("type_vocab_size", config.type_vocab_size, 16),
        ];
        for (name, value, most) in bounded {
            if value == 0 || value > most {
                return Err(wrong(&format!("`{name}` is {value}, it may be 1 to {most}")));
            }
        }
        if !config.hidden_size.is_multiple_of(config.num_attention_heads) {
            return Err(wrong("`hidden_size` is no multiple of `num_attention_heads`"));
        }
        if !config.layer_norm_eps.is_finite() || config.layer_norm_eps <= 0.0 {
            return Err(wrong("`layer_norm_eps` is no positive number"));
        }
        Ok(config)
    }

    /// The bytes of `tokenizer.json`.
    pub(super) fn read_tokenizer(&self) -> Result<Vec<u8>, Error> {
        read(&self.tokenizer, "tokenizer.json", MAX_TOKENIZER)
    }

    /// The weights, copied out of the file as f32: once in memory.
    pub(super) fn load_weights(&self, config: &Config) -> Result<BertModel, Error> {
        let length = self.weights.metadata()?.len();
        let mut header = [0; 8];
        if length > header.len() as u64 {
            self.weights.read_exact_at(&mut header, 0)?;
        }
        let header = u64::from_le_bytes(header);
        if header == 0 || header > MAX_HEADER || header > length - 8 {
            let why = format!("model.safetensors: a header of {header} bytes in a file of {length}");
            return Err(Error::Model(why));
        }
        let map = crate::gguf::map(&self.weights)?;
        let damaged = |error: candle_core::Error| Error::Model(format!("model.safetensors: {error}"));
        // Refuses tensors that overlap, leave gaps or reach beyond the file.
        let tensors = SliceSafetensors::new(&map).map_err(damaged)?;
        let weights = VarBuilder::from_backend(Box::new(tensors), DType::F32, Device::Cpu);
        BertModel::load(weights, config).map_err(damaged)
    }
}

fn read(file: &File, name: &str, most: u64) -> Result<Vec<u8>, Error> {
    let length = file.metadata()?.len();
    if length > most {
        return Err(Error::Model(format!("{name}: {length} bytes, it may have {most}")));
    }
    let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}

fn wrong(why: &str) -> Error {
    Error::Model(format!("config.json: {why}"))
}
