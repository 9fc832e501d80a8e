//! The commands that measure, as scripts call them: what they print, and how they end.

// Marked as tests, so that the rules for tests hold for their helpers as well.
#[cfg(test)]
mod bench;
#[cfg(test)]
mod eval;

use std::process::{Command, Output};

use serde_json::Value;

/// Runs `redoubt` with these arguments, from the folder of the checkout.
#[cfg(test)]
fn redoubt(arguments: &[&str]) -> Output {
    let checkout = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let mut command = Command::new(env!("CARGO_BIN_EXE_redoubt"));
    command.args(arguments).current_dir(checkout).output().unwrap()
}

/// The one line of JSON of a run that went well.
#[cfg(test)]
fn line(arguments: &[&str]) -> Value {
    let output = redoubt(arguments);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    serde_json::from_str(&text).unwrap()
}

/// What a run that went wrong said, if it ended with this code and printed nothing else.
#[cfg(test)]
#[track_caller]
fn refusal(arguments: &[&str], code: i32) -> String {
    let output = redoubt(arguments);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert_eq!(output.stdout, b"");
    said
}

/// The demo's model, seen from the checkout.
#[cfg(test)]
const MODEL: &str = ".cache/models/SmolLM2-135M-Instruct.Q4_1.gguf";
