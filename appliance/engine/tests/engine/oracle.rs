//! The forward pass against candle's own model of the same weights, and against itself cut into other pieces.

use crate::support::file;
use candle_core::quantized::GgmlDType;
use candle_core::quantized::gguf_file::Content;
use candle_core::{Device, Tensor};
use candle_transformers::models::quantized_llama::ModelWeights;
use redoubt_engine::Model;
use redoubt_engine::fixture::Tiny;
use redoubt_engine::model::{Options, Session};
use std::fs::File;
use std::path::Path;

const TEXT: &str = "The capital of France is Paris. The capital of Italy is";

fn demo_model() -> File {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.cache/models/SmolLM2-135M-Instruct.Q4_1.gguf");
    File::open(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; `scripts/run --prepare` fetches it", path.display()))
}

/// Logits of the last position by candle.
fn candle_logits(mut file: File, ids: &[u32]) -> Vec<f32> {
    let content = Content::read(&mut file).unwrap();
    let mut model = ModelWeights::from_gguf(content, &mut file, &Device::Cpu).unwrap();
    let ids = Tensor::new(ids, &Device::Cpu).unwrap().unsqueeze(0).unwrap();
    model.forward(&ids, 0).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

/// Root mean square of the difference, relative to that of the logits' deviation from their mean.
fn distance(a: &[f32], b: &[f32]) -> f64 {
    let mean = b.iter().map(|x| f64::from(*x)).sum::<f64>() / b.len() as f64;
    let spread: f64 = b.iter().map(|x| (f64::from(*x) - mean).powi(2)).sum();
    let error: f64 = a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum();
    (error / spread).sqrt()
}

#[test]
fn with_exact_weights_logits_are_those_of_candle() {
    let bytes = Tiny { weights: GgmlDType::F32, layers: 4, ..Tiny::default() }.bytes().unwrap();
    let model = Model::load(&file(&bytes), &Options::default()).unwrap();
    let ids: Vec<u32> = (0..100).map(|n| n * 37 % 256).collect();
    let mut session = Session::new(&model);
    // What is left is the rounding of keys and values to 16 bits.
    let distance = distance(session.feed(&ids).unwrap(), &candle_logits(file(&bytes), &ids));
    assert!(distance < 2e-3, "{distance}");
}

#[test]
fn logits_of_the_demo_model_are_those_of_candle() {
    let model = Model::load(&demo_model(), &Options::default()).unwrap();
    let ids = model.tokenizer().encode(TEXT, false).unwrap();
    let mut session = Session::new(&model);
    let ours = session.feed(&ids).unwrap();
    let theirs = candle_logits(demo_model(), &ids);
    // Both round activations to 8 bits in every layer, in different orders of sums.
    let distance = distance(ours, &theirs);
    assert!(distance < 0.1, "{distance}");
    let best = |logits: &[f32]| {
        (0..).zip(logits).max_by(|a, b| a.1.total_cmp(b.1)).map(|(id, _): (u32, _)| id).unwrap()
    };
    assert_eq!(best(ours), best(&theirs));
    assert_eq!(model.tokenizer().decode(&[best(ours)]), " Rome");
}

#[test]
fn cutting_a_prompt_into_pieces_changes_no_bit_of_its_logits() {
    let model = Model::load(&file(&Tiny::default().bytes().unwrap()), &Options::default()).unwrap();
    let ids: Vec<u32> = (0..200).map(|n| n * 37 % 256).collect();
    let whole = Session::new(&model).feed(&ids).unwrap().to_vec();
    for piece in [1, 7, 33, 64] {
        let mut session = Session::new(&model);
        let mut last = Vec::new();
        for ids in ids.chunks(piece) {
            last = session.feed(ids).unwrap().to_vec();
        }
        assert!(last.iter().zip(&whole).all(|(a, b)| a.to_bits() == b.to_bits()), "pieces of {piece}");
    }
}

#[test]
fn scores_are_the_logarithms_of_probabilities() {
    let model = Model::load(&file(&Tiny::default().bytes().unwrap()), &Options::default()).unwrap();
    let ids = [1, 50, 100, 150, 200];
    let scores = model.score(&ids, usize::MAX).unwrap();
    assert_eq!(scores.len(), 4);
    for (score, next) in scores.iter().zip(&ids[1..]) {
        let sum: f64 = score.top.iter().map(|(_, logprob)| f64::from(*logprob).exp()).sum();
        assert!((sum - 1.0).abs() < 1e-4, "{sum}");
        assert!(score.top.is_sorted_by(|a, b| a.1 >= b.1));
        assert!(score.top.contains(&(*next, score.target_logprob)));
    }
}
