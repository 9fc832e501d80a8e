//! `redoubt bench`: the figures themselves are no test's business, that they are there and fit together is.

use serde_json::Value;

use super::{MODEL, line, redoubt, refusal};

const SMALL: &[&str] =
    &["bench", "--model", MODEL, "--prompt", "40", "--generate", "3", "--parallel", "1,4", "--repeat", "2"];

fn with<'a>(more: &[&'a str]) -> Vec<&'a str> {
    SMALL.iter().chain(more).copied().collect()
}

fn positive(value: &Value) -> f64 {
    let number = value.as_f64().unwrap_or_else(|| panic!("{value} is not a number"));
    assert!(number > 0.0, "{number}");
    number
}

#[test]
fn the_line_has_what_the_design_says() {
    let line = line(&with(&["--threads", "1", "--instructions", "portable", "--json"]));
    assert!(line["model"].as_str().unwrap().contains("135M"), "{line}");
    assert_eq!(line["threads"], 1);
    assert_eq!(line["prefill"]["tokens"], 40);
    positive(&line["prefill"]["tps"]);
    assert_eq!(line["prefill"]["runs"].as_array().unwrap().len(), 2);
    let decode = line["decode"].as_array().unwrap();
    assert_eq!(decode.iter().map(|entry| entry["parallel"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 4]);
    for entry in decode {
        positive(&entry["tps"]);
    }
    positive(&line["load_s"]);
    let (weights, cache) = (positive(&line["weights_bytes"]), positive(&line["cache_bytes"]));
    assert!(positive(&line["rss_bytes"]) > weights + cache);
    assert_eq!(line["instructions"], "portable");
    assert_eq!(line.get("bandwidth"), None);
}

#[test]
fn what_is_not_asked_for_is_left_out() {
    let line = line(&["bench", "--model", MODEL, "--prompt", "0", "--generate", "0", "--json"]);
    assert_eq!(line["prefill"]["tps"], Value::Null);
    assert_eq!(line["decode"], Value::Array(Vec::new()));
}

#[test]
fn the_bandwidth_comes_with_the_shares_of_it() {
    let line = line(&with(&["--bandwidth", "--json"]));
    let bandwidth = &line["bandwidth"];
    for speed in ["one_thread", "all_threads", "weights_sized"] {
        // Slower than any memory, faster than none: an error of a thousand is what this finds.
        let speed = positive(&bandwidth[speed]);
        assert!((1e8..1e13).contains(&speed), "{speed}");
    }
    let read = |entry: &Value| positive(&entry["bytes_per_step"]) * positive(&entry["tps"]);
    let expected = read(&line["decode"][1]) / 4.0 / positive(&bandwidth["weights_sized"]);
    assert!((positive(&bandwidth["decode_shares"][1]) / expected - 1.0).abs() < 1e-6);
}

#[test]
fn a_table_for_people_names_every_measurement() {
    let output = redoubt(&with(&["--depth", "70"]));
    let table = String::from_utf8(output.stdout).unwrap();
    for part in ["prefill, 40 tokens", "decode, 4 at once at depth 70", "tokens/s", "loaded in", "weights"] {
        assert!(table.contains(part), "{part} in {table}");
    }
    let progress = String::from_utf8(output.stderr).unwrap();
    assert!(progress.contains("decode of 3 tokens, 4 at once"), "{progress}");
}

#[test]
fn refusals_say_what_is_wrong_and_end_with_the_code_of_their_kind() {
    assert!(refusal(&["bench"], 2).contains("--model"));
    assert!(refusal(&["bench", "--model", MODEL, "--prompt", "many"], 2).contains("--prompt"));
    let said = refusal(&["bench", "--model", MODEL, "--prompt", "9000"], 2);
    assert!(said.contains("prompt: 9000 tokens are more than the 8192"), "{said}");
    let said = refusal(&["bench", "--model", MODEL, "--parallel", "0"], 2);
    assert!(said.contains("parallel: 0"), "{said}");
    let said = refusal(&["bench", "--model", "nowhere.gguf"], 1);
    assert!(said.contains("nowhere.gguf") && said.contains("No such file"), "{said}");
    let said = refusal(&["bench", "--model", "README.md"], 1);
    assert_eq!(said.matches("not a GGUF file").count(), 1, "{said}");
}
