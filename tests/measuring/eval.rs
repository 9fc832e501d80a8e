//! `redoubt eval`: its line, and that its numbers fit together. That they are the right ones is the engine's own test.

use std::fs;

use super::{MODEL, line, redoubt, refusal};

const TEXT: &str = "appliance/engine/tests/expected/text/logbook.txt";

#[test]
fn the_line_has_what_the_design_says() {
    let line = line(&["eval", "--model", MODEL, "--text", TEXT, "--context", "300", "--json"]);
    let ids = line["token_ids"].as_array().unwrap();
    let logprobs = line["logprobs"].as_array().unwrap();
    assert_eq!(ids.len(), logprobs.len());
    assert!(ids.iter().all(|id| id.as_u64().is_some_and(|id| id < 49_152)));
    let unscored: Vec<usize> = (0..logprobs.len()).filter(|position| logprobs[*position].is_null()).collect();
    assert_eq!(unscored, (0..logprobs.len()).step_by(300).collect::<Vec<_>>());
    let scored: Vec<f64> = logprobs.iter().filter_map(serde_json::Value::as_f64).collect();
    assert_eq!(line["tokens"], scored.len());
    assert!(scored.iter().all(|logprob| *logprob < 0.0));
    let nll = -scored.iter().sum::<f64>() / scored.len() as f64;
    assert!((line["nll"].as_f64().unwrap() - nll).abs() < 1e-6);
    assert!((line["perplexity"].as_f64().unwrap() / nll.exp() - 1.0).abs() < 1e-6);
}

#[test]
fn people_get_a_table() {
    let output = redoubt(&["eval", "--model", MODEL, "--text", TEXT]);
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(table.contains("perplexity") && table.contains("tokens scored"), "{table}");
}

#[test]
fn the_names_of_special_tokens_are_text() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("text");
    fs::write(&path, "<|im_end|> and <|endoftext|>").unwrap();
    let line = line(&["eval", "--model", MODEL, "--text", path.to_str().unwrap(), "--json"]);
    // The demo model's special tokens are its first seventeen.
    let ids = line["token_ids"].as_array().unwrap();
    assert!(ids.iter().all(|id| id.as_u64().unwrap() >= 17), "{ids:?}");
}

#[test]
fn refusals_say_what_is_wrong_and_end_with_the_code_of_their_kind() {
    assert!(refusal(&["eval", "--model", MODEL], 2).contains("--text"));
    let said = refusal(&["eval", "--model", MODEL, "--text", TEXT, "--context", "1"], 2);
    assert!(said.contains("context: 1 is not from 2 to 8192"), "{said}");
    let said = refusal(&["eval", "--model", MODEL, "--text", "nowhere.txt"], 1);
    assert!(said.contains("nowhere.txt") && said.contains("No such file"), "{said}");
    let said = refusal(&["eval", "--model", MODEL, "--text", MODEL], 1);
    assert!(said.contains("larger than 64 MiB"), "{said}");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("text");
    fs::write(&path, b"caf\xe9").unwrap();
    assert!(refusal(&["eval", "--model", MODEL, "--text", path.to_str().unwrap()], 1).contains("utf-8"));
    fs::write(&path, "").unwrap();
    let said = refusal(&["eval", "--model", MODEL, "--text", path.to_str().unwrap()], 2);
    assert!(said.contains("fewer than two tokens"), "{said}");
}
