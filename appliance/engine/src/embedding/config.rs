//! `config.json` of a BERT encoder, within the bounds of what this engine computes.

use crate::Error;
use serde::Deserialize;

/// The fields that count, by Hugging Face's names.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Config {
    model_type: String,
    hidden_act: String,
    #[serde(default = "absolute")]
    position_embedding_type: String,
    pub(super) vocab_size: usize,
    pub(super) hidden_size: usize,
    pub(super) num_hidden_layers: usize,
    pub(super) num_attention_heads: usize,
    pub(super) intermediate_size: usize,
    pub(super) max_position_embeddings: usize,
    pub(super) type_vocab_size: usize,
    pub(super) layer_norm_eps: f64,
}

fn absolute() -> String {
    "absolute".to_owned()
}

impl Config {
    /// Reads and checks it. The tensors are compared with it later, so a file that lies about their sizes is refused
    /// there; here stands what would divide by zero, or let a short file compute for ever.
    pub(super) fn parse(json: &[u8]) -> Result<Config, Error> {
        let config: Config = serde_json::from_slice(json).map_err(|error| wrong(&error.to_string()))?;
        let known = [
            ("model_type", &config.model_type, "bert"),
            ("hidden_act", &config.hidden_act, "gelu"),
            ("position_embedding_type", &config.position_embedding_type, "absolute"),
        ];
        for (name, value, only) in known {
            if value != only {
                return Err(Error::Unsupported(format!("config.json: `{name}` is `{value}`, not `{only}`")));
            }
        }
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
}

fn wrong(why: &str) -> Error {
    Error::Model(format!("config.json: {why}"))
}
