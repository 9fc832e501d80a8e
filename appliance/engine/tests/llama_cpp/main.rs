//! The engine against llama.cpp on the same model file: tokens, chat template, probabilities, perplexity, greedy
//! answers.
//!
//! What llama.cpp says is in `../expected`; its README tells how it came there.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests fail as tests do, and a failure wants the numbers beside it"
)]

mod chat_template;
mod families;
mod greedy;
mod logprobs;
mod perplexity;
mod pretokenizers;
mod tokens;
mod vocabularies;

use candle_core::Device;
use candle_core::quantized::{GgmlDType, QTensor, gguf_file};
use redoubt_engine::Model;
use redoubt_engine::gguf::Gguf;
use redoubt_engine::model::Options;
use redoubt_engine::tokenizer::Tokenizer;
use serde::de::DeserializeOwned;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::LazyLock;

/// The file that all expectations were made with.
const MODEL: &str = "SmolLM2-135M-Instruct.Q4_1.gguf";

/// The demo model. Without it these tests fail: an answer that was not compared is not right.
fn model_file() -> File {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.cache/models").join(MODEL);
    File::open(&path).unwrap_or_else(|error| {
        panic!("{}: {error}; `scripts/run --prepare` fetches the model", path.display())
    })
}

/// The demo model with each weight as f32, in a file that has no name.
fn exact_model_file() -> File {
    static EXPANDED: LazyLock<File> = LazyLock::new(|| expand(model_file()));
    EXPANDED.try_clone().unwrap()
}

fn expand(mut source: File) -> File {
    let content = gguf_file::Content::read(&mut source).unwrap();
    let mut expand = |name: &String| {
        let weights =
            content.tensor(&mut source, name, &Device::Cpu).unwrap().dequantize(&Device::Cpu).unwrap();
        QTensor::quantize(&weights, GgmlDType::F32).unwrap()
    };
    let tensors: Vec<(&String, QTensor)> =
        content.tensor_infos.keys().map(|name| (name, expand(name))).collect();
    let tensors: Vec<(&str, &QTensor)> =
        tensors.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect();
    let metadata: Vec<(&str, &gguf_file::Value)> =
        content.metadata.iter().map(|(key, value)| (key.as_str(), value)).collect();
    let mut file = BufWriter::new(tempfile::tempfile().unwrap());
    gguf_file::write(&mut file, &metadata, &tensors).unwrap();
    file.flush().unwrap();
    file.into_inner().unwrap()
}

fn load(file: &File) -> Model {
    Model::load(file, &Options::default()).unwrap()
}

/// The tokenizer of a file that holds nothing else.
fn tokenizer_of(vocabulary: &[u8]) -> Tokenizer {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(vocabulary).unwrap();
    // A header may take twice the file's size in memory, for which a file without weights is too small.
    file.set_len(16 * vocabulary.len() as u64).unwrap();
    Tokenizer::from_metadata(Gguf::open(&file).unwrap().metadata()).unwrap()
}

/// A file of `../expected`.
fn expected<T: DeserializeOwned>(name: &str) -> T {
    serde_json::from_str(&read(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A text of `../expected/text`.
fn text(name: &str) -> String {
    read(&format!("text/{name}"))
}

fn read(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/expected").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
