//! What opens a store: slots that come and go, a start that waits for somebody, another data key.

mod rotation;
mod slots;
mod waiting;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use serde_json::Value;

use crate::audit::served::Served;
use crate::support::executable_with;

const WORDS: &str = "staple battery horse correct";

/// `redoubt key …` about an appliance, with these lines typed.
fn key(served: &Served, arguments: &[&str], typed: &[&str]) -> Output {
    let mut command = executable_with(["key"]);
    command.args(arguments).arg("--json").arg("--config").arg(served.config());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = command.spawn().unwrap();
    let mut input = process.stdin.take().unwrap();
    for line in typed {
        // One that refuses before it asks reads nothing.
        let _gone = writeln!(input, "{line}");
    }
    drop(input);
    process.wait_with_output().unwrap()
}

#[track_caller]
fn told(output: &Output) -> Value {
    assert!(output.status.success(), "{}", said(output));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Kind and id of every slot.
fn slots(served: &Served) -> Vec<(String, String)> {
    let list = told(&key(served, &["list"], &[]));
    let text = |slot: &Value, name: &str| slot[name].as_str().unwrap().to_owned();
    let items = list["items"].as_array().unwrap();
    items.iter().map(|slot| (text(slot, "kind"), text(slot, "id"))).collect()
}

fn id_of(served: &Served, kind: &str) -> String {
    slots(served).into_iter().find(|slot| slot.0 == kind).unwrap().1
}

/// Says in the configuration by what a start opens the store.
fn unlock_by(served: &Served, opening: &str) {
    let text = std::fs::read_to_string(served.config()).unwrap();
    std::fs::write(served.config(), text.replace("[keys]\n", &format!("[keys]\nunlock = {opening:?}\n")))
        .unwrap();
}

fn path_of(told: &Value, name: &str) -> PathBuf {
    Path::new(told[name].as_str().unwrap()).to_owned()
}
