//! Every family of models: tiny ones made in code, their tokens and the probabilities that llama.cpp gives them.
//!
//! Their weights are f32, so the limits are those of `logprobs.rs` for exact weights. There are more tokens than the
//! windows of Gemma's layers have room for.

use crate::logprobs::{Distance, Sums, Window, compare};
use redoubt_engine::fixture;
use redoubt_engine::model::{Model, Options};
use serde::Deserialize;
use std::collections::HashMap;
use std::io::{Seek, Write};

#[derive(Deserialize)]
struct Expected {
    models: Vec<Known>,
}

#[derive(Deserialize)]
struct Known {
    name: String,
    noise_floor: HashMap<String, Distance>,
    /// Strings and their ids, where the vocabulary is one of SentencePiece's kind.
    strings: Vec<(String, Vec<u32>)>,
    #[serde(flatten)]
    window: Window,
}

/// The tiny models with what is known of them.
fn known() -> Vec<(Known, Model)> {
    let Expected { mut models } = crate::expected("families.json");
    let load = |(name, tiny): (&str, fixture::Tiny)| {
        let at = models
            .iter()
            .position(|known| known.name == name)
            .expect("a model that llama.cpp was asked about");
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&tiny.bytes().unwrap()).unwrap();
        file.rewind().unwrap();
        (models.swap_remove(at), Model::load(&file, &Options::default()).unwrap())
    };
    let known = fixture::known().into_iter().map(load).collect();
    assert!(models.is_empty(), "{} models are made no more", models.len());
    known
}

#[test]
fn each_family_gives_the_probabilities_of_llama_cpp() {
    for (Known { name, noise_floor, window, .. }, model) in known() {
        assert!(window.ids.len() >= 256, "{name}: only {} tokens", window.ids.len());
        let sums: Sums = compare(&model, &[window]);
        sums.report(&name);
        let floor = &noise_floor["flash_attention"];
        assert!(sums.mean_abs_difference() <= 2.0 * floor.mean_abs_difference, "{name}");
        assert!(sums.top1_agreement() >= 0.98, "{name}");
        assert!(sums.divergence_of_top() <= 2e-6, "{name}");
        assert!(sums.perplexity_change().abs() <= 0.000_3, "{name}");
    }
}

#[test]
fn texts_become_the_tokens_of_llama_cpp() {
    let mut strings_seen = 0;
    for (Known { name, strings, window, .. }, model) in known() {
        let tokenizer = model.tokenizer();
        let text = crate::text(&window.text);
        let mut ids: Vec<u32> = tokenizer.leading().into_iter().collect();
        ids.extend(tokenizer.encode(&text, false).unwrap());
        assert_eq!(ids[..window.ids.len()], window.ids, "{name}");
        for (text, ids) in &strings {
            assert_eq!(tokenizer.encode(text, false).unwrap(), *ids, "{name}: {text:?}");
            // Where spaces are put in front, one comes after each user-defined token, too, and stays.
            let undone = name == "gemma3" || !(text.contains("   ") || text.contains("\n\n"));
            // Such vocabularies have no other sign for a space than this, so it cannot be written itself.
            let text = text.replace('\u{2581}', " ");
            assert!(!undone || tokenizer.decode(ids) == text, "{name}: {text:?}");
        }
        strings_seen += strings.len();
    }
    assert!(strings_seen >= 500, "only {strings_seen} strings");
}
