//! The table of controls: each row is shown by a command, which is run as an auditor would, or by a test that there is.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::audit::served::Served;
use crate::stick::release::{checkout, honest, text};

const LEAST: usize = 40;

/// What shows that a control holds.
#[derive(Debug, PartialEq)]
enum Shown {
    Command { line: String, says: String },
    Test(String),
    StoreTest(String),
    BrowserTest(String),
}

struct Row {
    control: String,
    shown: Shown,
}

fn rows() -> Vec<Row> {
    let page = fs::read_to_string(checkout().join("installer/manual/controls.md")).unwrap();
    let lines = page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| control |"));
    lines.map(row).collect()
}

/// A row of the table, whose cells have no bars but escaped ones.
fn row(line: &str) -> Row {
    let line = line.replace("\\|", "\u{1}");
    let cells: Vec<_> =
        line.trim_matches('|').split('|').map(|cell| cell.trim().replace('\u{1}', "|")).collect();
    let [control, holds, shown] = &cells[..] else { panic!("{line}: three cells") };
    assert!(!holds.is_empty(), "{control}");
    let quoted: Vec<_> = shown.split('`').collect();
    let shown = match &quoted[..] {
        ["", line, " says ", says, ""] => {
            Shown::Command { line: (*line).to_owned(), says: (*says).to_owned() }
        }
        ["test ", name, ""] => Shown::Test((*name).to_owned()),
        ["store test ", name, ""] => Shown::StoreTest((*name).to_owned()),
        ["browser test ", name, ""] => Shown::BrowserTest((*name).to_owned()),
        other => panic!("{control}: {other:?} is neither a command nor a test"),
    };
    Row { control: control.clone(), shown }
}

#[test]
fn each_control_is_shown_by_a_test_that_there_is_or_by_a_command() {
    let rows = rows();
    assert!(rows.len() >= LEAST, "{} rows", rows.len());
    let controls: BTreeSet<_> = rows.iter().map(|row| &row.control).collect();
    assert_eq!(controls.len(), rows.len(), "no control is there twice");
    let listed = Command::new(std::env::current_exe().unwrap()).arg("--list").output().unwrap();
    let listed = text(&listed.stdout);
    let tests: BTreeSet<_> = listed.lines().filter_map(|line| line.strip_suffix(": test")).collect();
    let store = sources("appliance/store/src", "rs") + &sources("appliance/store/tests/it", "rs");
    let browser = sources("tests/browser", "mjs");
    for Row { control, shown } in &rows {
        let is_there = match shown {
            Shown::Command { .. } => true,
            Shown::Test(name) => tests.contains(name.as_str()),
            Shown::StoreTest(name) => store.contains(&format!("fn {name}()")),
            Shown::BrowserTest(name) => browser.contains(name),
        };
        assert!(is_there, "{control}: {shown:?} is no test");
    }
}

/// Every source of a folder, one after the other.
fn sources(folder: &str, extension: &str) -> String {
    let paths = fs::read_dir(checkout().join(folder)).unwrap().map(|entry| entry.unwrap().path());
    let sources = paths.filter(|path| path.extension().is_some_and(|found| found == extension));
    sources.map(|path| fs::read_to_string(path).unwrap()).collect()
}

#[test]
fn each_command_of_the_controls_says_what_the_page_promises() {
    let mut served = Served::new("");
    drop(served.start());
    let place = Place::new(&served);
    let mut broken = Vec::new();
    let mut run = 0;
    for Row { control, shown } in rows() {
        let Shown::Command { line, says } = shown else { continue };
        let said = place.says(&line);
        if !said.contains(&says) {
            broken.push(format!("{control}: {line}\n  does not say {says:?}, but:\n{said}"));
        }
        run += 1;
    }
    served.stop();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    assert!(run >= 15, "{run} commands");
}

/// A machine of a test in place of the one that the page speaks of.
struct Place<'s> {
    served: &'s Served,
    folder: tempfile::TempDir,
}

impl<'s> Place<'s> {
    fn new(served: &'s Served) -> Self {
        let place = Self { served, folder: tempfile::tempdir().unwrap() };
        // As installed, the command knows its configuration.
        let script = format!(
            "#!/bin/sh\ncase \"$*\" in *--config*) exec {0} \"$@\" ;; *) exec {0} \"$@\" --config {1} ;; esac\n",
            env!("CARGO_BIN_EXE_redoubt"),
            served.config().display()
        );
        let path = place.bin().join("redoubt");
        fs::create_dir(place.bin()).unwrap();
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        fs::create_dir(place.media()).unwrap();
        place
    }

    fn bin(&self) -> PathBuf {
        self.folder.path().join("bin")
    }

    fn media(&self) -> PathBuf {
        self.folder.path().join("media")
    }

    /// What a line of the page says here, on both outputs.
    fn says(&self, line: &str) -> String {
        let at = |path: &Path| path.display().to_string();
        let line = line
            .replace("/tmp", &at(&self.media()))
            .replace("/etc/redoubt/redoubt.toml", &at(&self.served.config()))
            .replace("/var/lib/redoubt", &at(&self.served.data()))
            .replace("/opt/redoubt/current", &at(&honest().folder))
            .replace("ADDRESS", &self.served.address());
        let path = format!("{}:{}", self.bin().display(), std::env::var("PATH").unwrap_or_default());
        let output = Command::new("sh").arg("-c").arg(&line).env("PATH", path).output().unwrap();
        text(&output.stdout) + &text(&output.stderr)
    }
}
