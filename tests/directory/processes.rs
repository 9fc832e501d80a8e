//! The directory's process and its dialler: how they are locked in, and what their deaths do to a question.

use std::fs;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use redoubt::directory::Refusal;
use rustix::process::{Pid, Signal, kill_process};

use super::asking::{Asking, Scripted, assert_unavailable};
use crate::support::hostile_ldap::{Operation, World};
use crate::support::slapd::{self, PASSWORD};

fn kill(pid: u32) {
    kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), Signal::KILL).unwrap();
}

fn status(pid: u32, key: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    line.unwrap_or_default().trim().to_owned()
}

#[tokio::test]
async fn both_are_caged_and_only_the_dialler_is_in_our_network() {
    let slapd = slapd::shared();
    let asking = Asking::slapd(slapd, |_| {});
    assert!(asking.verify("alice", PASSWORD).await.is_ok());
    let (directory, dialler) = asking.pids();
    for pid in [directory, dialler] {
        assert_eq!(status(pid, "Seccomp"), "2");
        assert_eq!(status(pid, "NoNewPrivs"), "1");
        for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
            assert_eq!(status(pid, set), "0000000000000000", "{set}");
        }
    }
    let limits = fs::read_to_string(format!("/proc/{directory}/limits")).unwrap();
    let data = limits.lines().find(|line| line.starts_with("Max data size")).unwrap();
    assert_eq!(data.split_whitespace().nth(3), Some("67108864"), "{data}");
    if !rustix::process::geteuid().is_root() {
        // They show no more of themselves, not even to whoever started them.
        assert!(fs::read_dir(format!("/proc/{directory}/fd")).is_err());
        return;
    }
    let sees_slapd = |pid: u32| {
        let port = format!(":{:04X} ", slapd.ldaps);
        fs::read_to_string(format!("/proc/{pid}/net/tcp")).unwrap().contains(&port)
    };
    assert!(!sees_slapd(directory) && sees_slapd(dialler));
    // Nothing of ours that was opened for them stays open: only pipes, sockets and what tokio waits with.
    for pid in [directory, dialler] {
        for entry in fs::read_dir(format!("/proc/{pid}/fd")).unwrap() {
            let target = fs::read_link(entry.unwrap().path()).unwrap();
            let target = target.to_string_lossy();
            let fits = ["pipe:", "socket:", "anon_inode:"].iter().any(|kind| target.starts_with(kind));
            assert!(fits, "{target}");
        }
    }
}

#[tokio::test]
async fn a_question_in_which_the_process_dies_is_asked_again_once() {
    let slapd = slapd::shared();
    let asking = Arc::new(Asking::slapd(slapd, |config| config.connect_seconds = 3));
    kill(asking.pids().0);
    let waiting = Arc::clone(&asking);
    let question = tokio::spawn(async move { waiting.verify("alice", PASSWORD).await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    asking.restart();
    assert_eq!(question.await.unwrap().unwrap().name, "alice");
}

#[tokio::test]
async fn a_process_that_stays_away_is_an_answer_in_time() {
    let asking = Asking::slapd(slapd::shared(), |_| {});
    let (directory, dialler) = asking.pids();
    kill(dialler);
    let began = Instant::now();
    assert!(asking.verify("alice", PASSWORD).await.is_err());
    kill(directory);
    assert_unavailable(asking.verify("alice", PASSWORD).await, "not running");
    assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
    asking.restart();
    assert!(asking.verify("alice", PASSWORD).await.is_ok());
}

#[tokio::test]
async fn killed_in_the_middle_of_a_question_over_and_over_it_never_hangs_and_lets_nobody_in() {
    let scripted = Arc::new(Scripted::configured(
        World::with_alice(PASSWORD),
        |request| matches!(request.operation, Operation::Extended { .. }).then(Vec::new),
        |config| (config.connect_seconds, config.answer_seconds) = (1, 2),
    ));
    for _ in 0..5 {
        let waiting = Arc::clone(&scripted);
        let began = Instant::now();
        let question = tokio::spawn(async move { waiting.verify("alice", PASSWORD).await });
        tokio::time::sleep(Duration::from_millis(100)).await;
        kill(scripted.asking.pids().0);
        let answer = question.await.unwrap();
        assert!(answer.as_ref().is_err_and(Refusal::is_silence), "{answer:?}");
        assert!(began.elapsed() < Duration::from_millis(2500));
        scripted.asking.restart();
    }
}

#[test]
fn check_asks_the_directory_only_when_it_is_told_to() {
    let slapd = slapd::shared();
    let asking = Asking::slapd(slapd, |_| {});
    let config = asking.config();
    let path = asking.folder().join("redoubt.toml");
    let write = |password: &std::path::Path| {
        let text = format!(
            "[data]\ndir = {:?}\n[egress]\npolicy = \"report\"\n[directory]\nservers = {:?}\nca = {:?}\nbind_dn = {:?}\n\
             bind_password_file = {password:?}\nbase = {:?}\n",
            asking.folder().join("data"),
            config.servers,
            config.ca.as_ref().unwrap(),
            config.bind_dn,
            config.base
        );
        fs::write(&path, text).unwrap();
    };
    let check = |bind: bool, subject: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_redoubt"));
        command.args(["check", "--json", "--config"]).arg(&path).args(bind.then_some("--bind"));
        let output = command.output().unwrap();
        let line: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let checks = line["checks"].as_array().unwrap();
        checks.iter().find(|check| check["subject"] == subject).unwrap().clone()
    };
    let password = config.bind_password_file.clone().unwrap();
    let mode =
        |mode| fs::set_permissions(&password, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    write(&password);
    mode(0o600);
    let caged = check(false, "lockdown");
    let said = caged["found"].as_str().unwrap();
    assert!(said.contains("directory: 15 of 15 channels blocked"), "{caged}");
    // Where the kernel does not tell ports apart, the dialler may use TCP, and does not try it.
    let dialler = ["15 of 15", "13 of 13"].map(|count| format!("dialler: {count} channels blocked"));
    assert!(dialler.iter().any(|words| said.contains(words)), "{caged}");
    let found = check(false, "directory");
    assert_eq!(found["status"], "ok", "{found}");
    assert!(found["found"].as_str().unwrap().contains("not asked"), "{found}");
    let found = check(true, "directory");
    assert_eq!(found["status"], "ok", "{found}");
    assert!(found["found"].as_str().unwrap().contains("takes the service account"), "{found}");
    mode(0o644);
    assert_eq!(check(false, "directory")["status"], "failed");
    let wrong = asking.folder().join("wrong-password");
    fs::write(&wrong, "wrong\n").unwrap();
    fs::set_permissions(&wrong, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    write(&wrong);
    let found = check(true, "directory");
    assert!(
        found["status"] == "failed" && found["found"].as_str().unwrap().contains("is refused"),
        "{found}"
    );
}
