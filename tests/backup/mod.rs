//! Backups are made while people write, hold all that they had been told is kept, and restore only if they are whole.

mod damage;
mod restoring;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use ring::digest::{SHA256, digest};
use serde_json::Value;

use crate::support::executable_with;

/// A command about an appliance.
fn command(verb: &str, config: &Path) -> Command {
    executable_with([Path::new(verb), Path::new("--json"), Path::new("--config"), config])
}

#[track_caller]
fn json(output: &Output) -> Value {
    let (said, why) = (&output.stdout, String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{why}");
    serde_json::from_slice(said).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(said)))
}

/// A backup on this stick.
fn back_up(config: &Path, stick: &Path) -> PathBuf {
    let told = json(&command("backup", config).arg("--to").arg(stick).output().unwrap());
    PathBuf::from(told["backup"].as_str().unwrap())
}

/// Every file below a folder with the hash of its content.
pub(crate) fn snapshot(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else if entry.file_type().unwrap().is_file() {
                let content = fs::read(entry.path()).unwrap();
                files.insert(entry.path(), digest(&SHA256, &content).as_ref().to_vec());
            }
        }
    }
    files
}
