//! Power that goes while an upgrade is at work: the machine starts as the old release or as the new one, with all that was in
//! its store, and another run ends what was begun.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use redoubt_store::users;
use rustix::process::{Pid, Signal, geteuid, kill_process_group};

use super::release::{Stick, executable_of, honest, text};
use super::tree::Tree;
use crate::support::long;

const NEWER: &str = "0.1.1";
/// What changes files, or begins a step. Each is held up for a moment after it was done, and may be the last one.
const STEPS: &str = "execve,rename,renameat,renameat2,unlink,unlinkat,rmdir,symlink,symlinkat,link,linkat,mkdir,mkdirat,\
                     chmod,fchmod,fchmodat,fchown,fchownat,lchown,fsync,syncfs,sync";
/// Microseconds for which a step is held up: the time that there is for a kill.
const HELD_UP: u32 = 3_000;

fn points() -> usize {
    if long() { 200 } else { 20 }
}

#[test]
fn an_upgrade_that_is_killed_leaves_the_old_release_or_the_new_one_and_the_next_run_ends_it() {
    if !possible() {
        return;
    }
    let newer = newer();
    let installed = Tree::new();
    let steps = count(&installed.copy(), &newer.path, &[]);
    assert!(steps > points(), "{steps} steps");
    eprintln!("killed at {} of {steps} steps", points());
    let mut seen = BTreeSet::new();
    for point in 0..points() {
        let tree = installed.copy();
        let at = 1 + point * steps / points();
        kill_at(&tree, &newer.path, &[], at);
        let version = tree.version();
        tree.starts();
        has_ada(&tree, &format!("killed at step {at} of {steps}"));
        seen.insert(version);
        ends(&tree, &newer.path, &[], NEWER);
        tree.starts();
        has_ada(&tree, &format!("ended after a kill at step {at}"));
        assert_eq!(tree.records("system.upgrade"), 1, "killed at step {at}");
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), [env!("CARGO_PKG_VERSION"), NEWER], "both were met");
}

#[test]
fn a_rollback_that_is_killed_leaves_the_old_release_or_the_new_one_and_the_next_run_ends_it() {
    if !possible() {
        return;
    }
    let newer = newer();
    let upgraded = Tree::new();
    ends(&upgraded, &newer.path, &[], NEWER);
    upgraded.starts();
    let current = upgraded.at("opt/redoubt/current");
    let steps = count(&upgraded.copy(), &current, &["--rollback"]);
    let points = points() / 2;
    for point in 0..points {
        let tree = upgraded.copy();
        let at = 1 + point * steps / points;
        let script = tree.at("opt/redoubt/current");
        kill_at(&tree, &script, &["--rollback"], at);
        tree.starts();
        has_ada(&tree, &format!("a rollback killed at step {at} of {steps}"));
        if tree.version() == NEWER {
            ends(&tree, &script, &["--rollback"], env!("CARGO_PKG_VERSION"));
            tree.starts();
            has_ada(&tree, &format!("a rollback ended after a kill at step {at}"));
        }
        assert_eq!(tree.records("system.rollback"), 1, "killed at step {at}");
    }
}

/// Only root upgrades.
fn possible() -> bool {
    let is_root = geteuid().is_root();
    if !is_root {
        eprintln!("not tried: only root upgrades");
    }
    is_root
}

fn newer() -> Stick {
    let stick = honest().copy().without_models();
    stick.become_release(NEWER, &executable_of(NEWER));
    stick
}

#[track_caller]
fn has_ada(tree: &Tree, when: &str) {
    let store = tree.store();
    let found = store.read_blocking(|reader| users::find_by_name(reader, "ada")).unwrap();
    store.close().unwrap();
    assert!(found.is_some(), "{when}");
}

/// A run to its end, after which nothing is left of those before.
#[track_caller]
fn ends(tree: &Tree, release: &Path, options: &[&str], version: &str) {
    let said = tree.script(release, "upgrade.sh").args(options).output().unwrap();
    assert!(said.status.success(), "{}", text(&said.stderr));
    assert_eq!(tree.version(), version, "{}", text(&said.stderr));
    let left =
        Command::new("find").arg(tree.at("")).args(["-name", "*.part", "-o", "-name", ".incoming"]).output();
    assert_eq!(text(&left.unwrap().stdout), "");
    assert!(!tree.at("opt/redoubt/upgrading").exists());
}

/// How many steps a run has that nobody kills; a few less, because a shell does not start its programs in the same order
/// each time, and what two of them do at once is told in more lines or in fewer.
fn count(tree: &Tree, release: &Path, options: &[&str]) -> usize {
    let trace = tree.at("trace");
    let said = traced(tree, release, options, &trace).output().unwrap();
    assert!(said.status.success(), "{}", text(&said.stderr));
    fs::read_to_string(trace).unwrap().lines().count() * 95 / 100
}

/// A run, all of which is killed at a step.
fn kill_at(tree: &Tree, release: &Path, options: &[&str], step: usize) {
    let trace = tree.at("trace");
    assert!(Command::new("mkfifo").arg(&trace).status().unwrap().success());
    let mut run = traced(tree, release, options, &trace).stderr(Stdio::null()).spawn().unwrap();
    let lines = BufReader::new(File::open(&trace).unwrap()).lines();
    let seen = lines.take(step).count();
    kill_process_group(Pid::from_raw(run.id().cast_signed()).unwrap(), Signal::KILL).unwrap();
    run.wait().unwrap();
    assert_eq!(seen, step, "the run had fewer steps");
    // The kernel takes a moment for the last of them.
    thread::sleep(std::time::Duration::from_millis(50));
    fs::remove_file(trace).unwrap();
}

/// The script in a process group of its own, each step held up and told to `trace`.
fn traced(tree: &Tree, release: &Path, options: &[&str], trace: &Path) -> Command {
    let script = tree.script(release, "upgrade.sh");
    let steps: PathBuf = format!("--trace={STEPS}").into();
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-o"]).arg(trace).arg(steps);
    strace.arg(format!("--inject={STEPS}:delay_exit={HELD_UP}"));
    strace.arg(script.get_program()).args(script.get_args()).args(options);
    strace.stdin(Stdio::null()).stdout(Stdio::null()).process_group(0);
    strace
}
