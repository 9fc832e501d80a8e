//! An appliance that `redoubt init` made, with a configuration to break.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{executable_with, model};

/// Removed when dropped.
pub(super) struct Place {
    folder: TempDir,
}

impl Place {
    /// Set up, and stopped.
    pub(super) fn new() -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap() };
        place.configure("", "");
        let data = place.data();
        let output = executable_with([Path::new("init"), Path::new("--data"), &data])
            .args([Path::new("--config"), &place.config()])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        place
    }

    /// Writes the configuration: `models` are further lines of that section, `more` further sections. What the kernel
    /// of a test machine may lack is no failure here.
    pub(super) fn configure(&self, models: &str, more: &str) {
        self.configure_model(&model(), models, more);
    }

    pub(super) fn configure_model(&self, model: &Path, models: &str, more: &str) {
        let text = format!(
            "[listen]\naddress = \"127.0.0.1:0\"\n[data]\ndir = {:?}\n[keys]\nfile = {:?}\n\
             [models]\nfile = {model:?}\ncache_memory = \"64 MiB\"\n{models}\n[egress]\npolicy = \"report\"\n{more}\n",
            self.data(),
            self.key()
        );
        fs::write(self.config(), text).unwrap();
    }

    pub(super) fn config(&self) -> PathBuf {
        self.folder.path().join("redoubt.toml")
    }

    pub(super) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(super) fn key(&self) -> PathBuf {
        self.folder.path().join("keys/store.key")
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn check(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = executable_with(["check", "--config"]);
        command.arg(self.config()).args(arguments);
        command
    }

    /// What `--json` says, and the exit status.
    pub(super) fn findings(&self) -> Findings {
        let before = everything(self.folder.path());
        let output = self.check(&["--json"]);
        assert_eq!(everything(self.folder.path()), before, "a check changed something");
        Findings::of(&output)
    }
}

/// Every file below a folder with its bytes, rights, owner, inode and time of change; a folder without the bytes.
fn everything(folder: &Path) -> BTreeMap<PathBuf, (Vec<u8>, [i64; 5])> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let metadata = fs::metadata(&path).unwrap();
        let facts = [
            i64::from(metadata.mode()),
            i64::from(metadata.uid()),
            metadata.ino().cast_signed(),
            metadata.ctime(),
            metadata.ctime_nsec(),
        ];
        if metadata.is_dir() {
            all.extend(everything(&path));
            all.insert(path, (Vec::new(), facts));
        } else {
            all.insert(path.clone(), (fs::read(&path).unwrap(), facts));
        }
    }
    all
}

/// The line of `--json`.
pub(super) struct Findings {
    pub(super) line: Value,
    pub(super) code: Option<i32>,
    pub(super) said: String,
}

impl Findings {
    pub(super) fn of(output: &Output) -> Self {
        let text = String::from_utf8(output.stdout.clone()).unwrap();
        assert_eq!(text.lines().count(), 1, "{text}");
        let said = String::from_utf8(output.stderr.clone()).unwrap();
        Self { line: serde_json::from_str(&text).unwrap(), code: output.status.code(), said }
    }

    fn check(&self, subject: &str) -> &Value {
        let checks = self.line["checks"].as_array().unwrap();
        checks.iter().find(|check| check["subject"] == subject).unwrap_or_else(|| panic!("no {subject}"))
    }

    pub(super) fn status(&self, subject: &str) -> &str {
        self.check(subject)["status"].as_str().unwrap()
    }

    /// Asserts one subject's status and words of what was found; what is not well comes with advice.
    #[track_caller]
    pub(super) fn is(&self, subject: &str, status: &str, words: &[&str]) {
        let check = self.check(subject);
        let found = check["found"].as_str().unwrap();
        assert_eq!(check["status"], status, "{check}");
        assert!(words.iter().all(|word| found.contains(word)), "{words:?} in {check}");
        let advises = ["warning", "failed"].contains(&status);
        assert_eq!(check["advice"].is_string(), advises, "{check}");
    }
}
