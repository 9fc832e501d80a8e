//! The configuration file: does it parse, is every key known and every value usable, and who may change it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::{Code, Outcome};
use crate::config::{Config, Problems};

pub(super) fn check(path: &Path) -> (Outcome, Option<Config>) {
    match Config::load(path) {
        Ok(config) => {
            let mut outcome = Outcome::new();
            outcome.find(path.display().to_string());
            judge_rights(path, &mut outcome);
            (outcome, Some(config))
        }
        Err(Problems { path, problems }) => {
            let mut outcome = Outcome::new();
            let many = problems.len();
            for (index, problem) in problems.into_iter().enumerate() {
                let found = if index == 0 { format!("{}: {problem}", path.display()) } else { problem };
                if index + 1 < many {
                    outcome.find(found);
                } else {
                    let advice =
                        "`serve` refuses it, too: correct the file; installer/redoubt.toml has every key";
                    outcome.fail(Code::Configuration, found, advice);
                }
            }
            (outcome, None)
        }
    }
}

/// Whoever may write it decides which key opens the store and which model answers.
fn judge_rights(path: &Path, outcome: &mut Outcome) {
    let mode = fs::metadata(path).map_or(0, |metadata| metadata.permissions().mode());
    if mode & 0o022 != 0 {
        let found = format!("others than its owner may change it (mode {:04o})", mode & 0o7777);
        outcome.warn(found, format!("chmod go-w {}", path.display()));
    }
}
