//! A tiny embedding model made in code: real files of some kilobytes, a vocabulary of letters, numbers of no meaning.

use crate::support::file;
use redoubt_engine::embedding::Files;
use serde_json::{Map, Value, json};

/// What the three files are to hold. Tests change it to make them lie.
#[derive(Clone)]
pub(crate) struct TinyBert {
    pub(crate) config: Value,
    pub(crate) tokenizer: Value,
    /// Tensors by name: shape and a value for each of its numbers.
    pub(crate) tensors: Vec<(String, Vec<usize>)>,
    /// What the numbers of the first tensor are.
    pub(crate) first: Option<f32>,
}

const WIDTH: usize = 16;
const INNER: usize = 32;
const LAYERS: usize = 2;
const POSITIONS: usize = 64;

impl Default for TinyBert {
    fn default() -> TinyBert {
        let mut vocab = Map::new();
        let special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"].map(str::to_owned).into_iter();
        let letters = ('a'..='z').flat_map(|letter| [letter.to_string(), format!("##{letter}")]);
        for (piece, id) in special.chain(letters).zip(0..) {
            vocab.insert(piece, json!(id));
        }
        let config = json!({
            "model_type": "bert", "vocab_size": vocab.len(), "hidden_size": WIDTH, "num_hidden_layers": LAYERS,
            "num_attention_heads": 2, "intermediate_size": INNER, "hidden_act": "gelu", "hidden_dropout_prob": 0.1,
            "max_position_embeddings": POSITIONS, "type_vocab_size": 2, "initializer_range": 0.02,
            "layer_norm_eps": 1e-12, "pad_token_id": 0, "something_else": [],
        });
        let tensors = tensors(vocab.len());
        let tokenizer = json!({
            "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
                           "strip_accents": null, "lowercase": true},
            "pre_tokenizer": {"type": "BertPreTokenizer"},
            "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                      "max_input_chars_per_word": 100, "vocab": vocab},
        });
        TinyBert { config, tokenizer, tensors, first: None }
    }
}

fn tensors(vocabulary: usize) -> Vec<(String, Vec<usize>)> {
    let mut tensors = vec![
        ("embeddings.word_embeddings.weight".to_owned(), vec![vocabulary, WIDTH]),
        ("embeddings.position_embeddings.weight".to_owned(), vec![POSITIONS, WIDTH]),
        ("embeddings.token_type_embeddings.weight".to_owned(), vec![2, WIDTH]),
    ];
    let mut pair = |name: String, weight: Vec<usize>, bias: usize| {
        tensors.push((format!("{name}.weight"), weight));
        tensors.push((format!("{name}.bias"), vec![bias]));
    };
    pair("embeddings.LayerNorm".to_owned(), vec![WIDTH], WIDTH);
    for layer in 0..LAYERS {
        let at = |part: &str| format!("encoder.layer.{layer}.{part}");
        for part in ["self.query", "self.key", "self.value", "output.dense"] {
            pair(at(&format!("attention.{part}")), vec![WIDTH, WIDTH], WIDTH);
        }
        pair(at("attention.output.LayerNorm"), vec![WIDTH], WIDTH);
        pair(at("intermediate.dense"), vec![INNER, WIDTH], INNER);
        pair(at("output.dense"), vec![WIDTH, INNER], WIDTH);
        pair(at("output.LayerNorm"), vec![WIDTH], WIDTH);
    }
    tensors
}

impl TinyBert {
    /// The bytes of the weights' file (safetensors: a length, a header in JSON, the numbers).
    pub(crate) fn weights(&self) -> Vec<u8> {
        let (mut header, mut data) = (Map::new(), Vec::<u8>::new());
        for (index, (name, shape)) in self.tensors.iter().enumerate() {
            let start = data.len();
            for number in 0..shape.iter().product::<usize>() {
                // Any numbers will do; they must differ, and stay small.
                let wave = ((number * 7 + index * 3) as f32 * 0.7).sin() * 0.3;
                let value = if index == 0 { self.first.unwrap_or(wave) } else { wave };
                data.extend(value.to_le_bytes());
            }
            header.insert(
                name.clone(),
                json!({"dtype": "F32", "shape": shape, "data_offsets": [start, data.len()]}),
            );
        }
        safetensors(&Value::Object(header).to_string(), &data)
    }

    pub(crate) fn files(&self) -> Files {
        self.files_with(&self.weights())
    }

    /// The same with other bytes for weights.
    pub(crate) fn files_with(&self, weights: &[u8]) -> Files {
        Files {
            weights: file(weights),
            tokenizer: file(self.tokenizer.to_string().as_bytes()),
            config: file(self.config.to_string().as_bytes()),
        }
    }
}

pub(crate) fn safetensors(header: &str, data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat()
}
