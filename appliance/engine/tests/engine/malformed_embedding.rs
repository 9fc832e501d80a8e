//! Files of an embedding model that lie: each is refused by a typed error that names the file, for little memory.

use crate::allocation;
use crate::support::file;
use crate::tiny_bert::{TinyBert, safetensors};
use redoubt_engine::Error;
use redoubt_engine::embedding::{Embedder, Files};
use redoubt_engine::worker::Settings;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

fn settings() -> Settings {
    Settings { threads: 1, ..Settings::default() }
}

/// Why files are refused; quickly, and for little more memory than they have bytes.
#[track_caller]
fn refused(files: &Files) -> String {
    let sizes = [&files.weights, &files.tokenizer, &files.config].map(|file| file.metadata().unwrap().len());
    let size = usize::try_from(sizes.iter().sum::<u64>()).unwrap();
    let started = Instant::now();
    let (result, peak) = allocation::peak(|| Embedder::load(files, &settings()));
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    assert!(peak <= 16 * size + (1 << 20), "{peak} bytes for files of {size}");
    match result {
        Err(error @ (Error::Model(_) | Error::Unsupported(_))) => error.to_string(),
        Err(other) => panic!("another error: {other}"),
        Ok(_) => panic!("accepted"),
    }
}

fn with(place: &str, value: Value) -> TinyBert {
    let mut tiny = TinyBert::default();
    let (root, place) = match place.strip_prefix("config") {
        Some(place) => (&mut tiny.config, place),
        None => (&mut tiny.tokenizer, place.strip_prefix("tokenizer").unwrap()),
    };
    *root.pointer_mut(place).unwrap() = value;
    tiny
}

#[test]
fn the_sound_files_are_accepted() {
    let embedder = Embedder::load(&TinyBert::default().files(), &settings()).unwrap();
    assert_eq!((embedder.info().dimensions, embedder.info().max_tokens), (16, 64));
    embedder.embed(&["abc".to_owned()]).unwrap();
}

#[test]
fn a_configuration_out_of_bounds_is_refused_by_name() {
    let cases = [
        ("config/num_attention_heads", json!(0), "num_attention_heads"),
        ("config/num_attention_heads", json!(3), "hidden_size"),
        ("config/hidden_size", json!(0), "hidden_size"),
        ("config/hidden_size", json!(1_u64 << 62), "hidden_size"),
        ("config/num_hidden_layers", json!(u64::MAX), "num_hidden_layers"),
        ("config/vocab_size", json!(-1), "config.json"),
        ("config/max_position_embeddings", json!(1_u64 << 40), "max_position_embeddings"),
        ("config/layer_norm_eps", json!(0.0), "layer_norm_eps"),
        ("config/hidden_act", json!("rm -rf"), "rm -rf"),
        ("config/model_type", json!("llama"), "llama"),
        // Within bounds, but not what the tensors are.
        ("config/hidden_size", json!(32), "model.safetensors"),
        ("config/num_hidden_layers", json!(3), "model.safetensors"),
        ("config/vocab_size", json!(1 << 20), "model.safetensors"),
    ];
    for (place, value, named) in cases {
        let why = refused(&with(place, value.clone()).files());
        assert!(why.contains(named), "{place} = {value}: {why}");
    }
    let nested = file(&vec![b'['; 60_000]);
    assert!(refused(&Files { config: nested, ..TinyBert::default().files() }).contains("config.json"));
    let long = file(&vec![b' '; 1 << 20]);
    assert!(refused(&Files { config: long, ..TinyBert::default().files() }).contains("config.json"));
}

#[test]
fn a_foreign_tokenizer_is_refused_before_it_runs() {
    let evil = json!({"type": "Replace", "pattern": {"Regex": "(x+x+)+y"}, "content": ""});
    let cases = [
        ("tokenizer/normalizer", evil),
        ("tokenizer/normalizer", json!({"type": "Precompiled", "precompiled_charsmap": "////"})),
        ("tokenizer/pre_tokenizer", Value::Null),
        ("tokenizer/model/type", json!("Unigram")),
        ("tokenizer/model/vocab", json!({})),
        ("tokenizer/model/vocab/a", json!(1_000_000)),
    ];
    for (place, value) in cases {
        assert!(refused(&with(place, value).files()).contains("tokenizer.json"), "{place}");
    }
}

#[test]
fn weights_that_lie_are_refused() {
    let tiny = TinyBert::default();
    let sound = tiny.weights();
    let tensor = |shape: Value, offsets: Value| {
        json!({"embeddings.word_embeddings.weight": {"dtype": "F32", "shape": shape, "data_offsets": offsets}})
            .to_string()
    };
    let lies = [
        Vec::new(),
        vec![1; 7],
        vec![0; 4096],
        vec![0xff; 4096],
        safetensors(&"{".repeat(100_000), &[]),
        safetensors("{}", &[]),
        safetensors(&tensor(json!([56, 16]), json!([0, 1_u64 << 40])), &[0; 64]),
        safetensors(&tensor(json!([1_u64 << 60, 16]), json!([0, 64])), &[0; 64]),
        safetensors(&tensor(json!([4, 4]), json!([64, 0])), &[0; 64]),
        safetensors(&tensor(json!([4, 4]), json!([0, 64])), &[0; 128]),
        sound[..sound.len() - 1].to_vec(),
        sound[..100].to_vec(),
        [&sound[..], &[0]].concat(),
    ];
    for lie in &lies {
        let why = refused(&tiny.files_with(lie));
        assert!(why.contains("model.safetensors"), "{why}");
    }
    let missing = TinyBert { tensors: tiny.tensors[1..].to_vec(), ..tiny.clone() };
    assert!(refused(&missing.files()).contains("word_embeddings"));
}

/// Numbers are only seen when they are used; then the request fails, and nothing that is no number gets out.
#[test]
fn weights_that_are_not_numbers_give_no_vector() {
    for first in [f32::NAN, f32::INFINITY] {
        let tiny = TinyBert { first: Some(first), ..TinyBert::default() };
        let embedder = Embedder::load(&tiny.files(), &settings()).unwrap();
        let refused = embedder.embed(&["abc".to_owned()]);
        assert!(matches!(&refused, Err(Error::Model(why)) if why.contains("not numbers")), "{refused:?}");
    }
}
