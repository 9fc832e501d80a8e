//! Gate F: the perplexity of the texts in `../expected/text`, in windows of 512 tokens, is llama.cpp's.

use redoubt_engine::measure::likelihood;
use serde::Deserialize;
use std::fs;
use std::path::Path;

#[derive(Deserialize)]
struct Expected {
    context: usize,
    texts: Vec<Text>,
}

#[derive(Deserialize)]
struct Text {
    text: String,
    /// Tokens that are scored: all but the first of each window.
    tokens: usize,
    /// Mean negative logarithm of their probabilities.
    nll: f64,
}

#[test]
fn the_perplexity_of_fixed_texts_is_that_of_llama_cpp() {
    let Expected { context, texts } = crate::expected("perplexity.json");
    let model = crate::load(&crate::model_file());
    let (mut tokens, mut ours, mut theirs) = (0.0, 0.0, 0.0);
    for Text { text: name, tokens: expected, nll } in texts {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/expected/text").join(&name);
        let text = fs::read_to_string(path).unwrap();
        let found = likelihood(&model, &text, context, &mut |_, _| ()).unwrap();
        assert_eq!(found.tokens, expected, "{name}");
        let change = (found.nll - nll).exp() - 1.0;
        println!("{name}: perplexity {:.4} ({:+.4} %)", found.perplexity, 100.0 * change);
        tokens += expected as f64;
        ours += found.nll * expected as f64;
        theirs += nll * expected as f64;
    }
    let change = ((ours - theirs) / tokens).exp() - 1.0;
    println!("all: perplexity {:.4} ({:+.4} %)", (ours / tokens).exp(), 100.0 * change);
    assert!(tokens >= 2_048.0);
    assert!(change.abs() <= 0.003, "{change}");
}
