//! The embedding model against sentence-transformers on the same files, and against itself in other company.
//!
//! What sentence-transformers says is in `expected/embeddings.json`; `expected/README.md` tells how it came there.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail as tests do")]

use redoubt_engine::embedding::{Embedder, Files};
use redoubt_engine::worker::Settings;
use serde::Deserialize;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// The same sums in another order; the expectations are rounded to six decimals.
const TOLERANCE: f32 = 1e-4;
/// Between two ways of computing one input here: alone, or padded among others.
const OWN_TOLERANCE: f32 = 1e-6;

#[derive(Deserialize)]
struct Expected {
    max_tokens: u32,
    answers: Vec<Answer>,
}

#[derive(Deserialize)]
struct Answer {
    input: Option<String>,
    file: Option<String>,
    tokens: usize,
    vector: Vec<f32>,
}

impl Answer {
    fn text(&self) -> String {
        match (&self.input, &self.file) {
            (Some(input), _) => input.clone(),
            (None, Some(file)) => fs::read_to_string(folder().join("text").join(file)).unwrap(),
            (None, None) => panic!("an answer to nothing"),
        }
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/expected")
}

fn expected() -> Expected {
    serde_json::from_str(&fs::read_to_string(folder().join("embeddings.json")).unwrap()).unwrap()
}

/// The model. Without it these tests fail: a vector that was not compared is not right.
fn embedder() -> &'static Embedder {
    static EMBEDDER: LazyLock<Embedder> = LazyLock::new(|| {
        let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.cache/models");
        let open = |end: &str| {
            let path = models.join(format!("all-MiniLM-L6-v2.{end}"));
            File::open(&path).unwrap_or_else(|error| {
                panic!("{}: {error}; `scripts/run --prepare` fetches the model", path.display())
            })
        };
        let files = Files {
            weights: open("safetensors"),
            tokenizer: open("tokenizer.json"),
            config: open("config.json"),
        };
        let settings = Settings { embedding_tokens: Some(expected().max_tokens), ..Settings::default() };
        Embedder::load(&files, &settings).unwrap()
    });
    &EMBEDDER
}

fn distance(one: &[f32], other: &[f32]) -> f32 {
    assert_eq!(one.len(), other.len());
    one.iter().zip(other).map(|(one, other)| (one - other).abs()).fold(0.0, f32::max)
}

#[test]
fn the_vectors_are_those_of_sentence_transformers() {
    let expected = expected();
    let texts: Vec<String> = expected.answers.iter().map(Answer::text).collect();
    let embedded = embedder().embed(&texts).unwrap();
    assert_eq!(embedded.rows().count(), texts.len());
    let mut worst = 0.0_f32;
    for ((answer, text), vector) in expected.answers.iter().zip(&texts).zip(embedded.rows()) {
        assert_eq!(embedder().tokens(text).unwrap().len(), answer.tokens, "{text:?}");
        let far = distance(vector, &answer.vector);
        assert!(far <= TOLERANCE, "{far} in {text:?}");
        worst = worst.max(far);
    }
    let tokens: usize = expected.answers.iter().map(|answer| answer.tokens).sum();
    assert_eq!(embedded.prompt_tokens as usize, tokens);
    assert!(worst > 0.0, "the expectations are rounded, so something compared a vector with itself");
}

#[test]
fn company_and_padding_do_not_change_a_vector() {
    let texts: Vec<String> = expected().answers.iter().map(Answer::text).collect();
    let together = embedder().embed(&texts).unwrap();
    let mut reversed = texts.clone();
    reversed.reverse();
    let reversed = embedder().embed(&reversed).unwrap();
    let mut reversed: Vec<&[f32]> = reversed.rows().collect();
    reversed.reverse();
    for ((text, vector), other) in texts.iter().zip(together.rows()).zip(reversed) {
        let alone = embedder().embed(std::slice::from_ref(text)).unwrap();
        for other in [alone.rows().next().unwrap(), other] {
            let far = distance(vector, other);
            assert!(far <= OWN_TOLERANCE, "{far} in {text:?}");
        }
        let length = vector.iter().map(|number| number * number).sum::<f32>().sqrt();
        assert!((length - 1.0).abs() < 1e-5, "{length}");
    }
}

#[test]
fn only_the_beginning_of_a_long_text_counts() {
    let start = "the sea falls back again ".repeat(60);
    let vectors = embedder().embed(&[format!("{start} one end"), format!("{start} another one")]).unwrap();
    let rows: Vec<&[f32]> = vectors.rows().collect();
    assert_eq!(rows[0], rows[1]);
    assert_eq!(vectors.prompt_tokens, 512);
}

#[test]
fn like_texts_are_near_each_other() {
    let texts = ["How deep is the harbour?", "What is the depth of the port?", "My invoice is wrong."];
    let vectors = embedder().embed(&texts.map(str::to_owned)).unwrap();
    let rows: Vec<&[f32]> = vectors.rows().collect();
    let cosine = |one: &[f32], other: &[f32]| one.iter().zip(other).map(|(a, b)| a * b).sum::<f32>();
    assert!(cosine(rows[0], rows[1]) > 0.5 && cosine(rows[0], rows[2]) < 0.3);
}
