//! Upgrades on a machine that systemd boots: one that gets well, one that does not and is taken back by itself, and the ways
//! back that an operator takes.

use std::fs;
use std::process::Output;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::installation::{install, sign_in};
use super::machine::{Machine, possible};
use super::release::{executable_of, honest, text};
use crate::support::Client;

const OLD: &str = env!("CARGO_PKG_VERSION");
const NEW: &str = "0.1.1";
const SICK: &str = "0.1.2";
const MODEL: &str = "smollm2-135m-instruct-q4_1";

/// A release that looks well and opens the store as a newer version does, but never says that it serves.
const SICK_EXECUTABLE: &str = r#"#!/bin/sh
really=/run/really
[ "$1" != serve ] || really=/var/lib/redoubt/really
cp "${0%/*}/really" "$really" && chmod 755 "$really" || exit 1
[ "$1" = serve ] || exec "$really" "$@"
exec 3<&0
"$really" "$@" <&3 &
sleep 4
kill "$!"
exit 1
"#;

#[test]
fn a_release_is_upgraded_taken_back_by_itself_rolled_back_and_downgraded() {
    if !possible() {
        return;
    }
    let (newer, sick) = (honest().copy().without_models(), honest().copy().without_models());
    newer.become_release(NEW, &executable_of(NEW));
    sick.write("really", &executable_of(SICK));
    sick.become_release(SICK, SICK_EXECUTABLE.as_bytes());
    let folders = [
        (honest().folder.as_path(), "/stick"),
        (newer.path.as_path(), "/newer"),
        (sick.path.as_path(), "/sick"),
    ];
    let machine = Machine::boot(&folders);
    install(&machine, "");
    let people = People::of(&machine);
    let first = people.asks(&machine);

    let (said, took) = upgrade(&machine, "/sick", "--patience 20");
    assert!(!said.status.success() && text(&said.stderr).contains("taken back"), "{}", text(&said.stderr));
    assert_eq!(serving(&machine), OLD);
    eprintln!("taken back by itself after {took:?}");
    let left = &people.records(&machine, "system.rollback")[0];
    assert_eq!(left["from"], SICK);
    assert_ne!(left["lost"], left["present"], "it had written");

    gets_well(&machine, "/newer", "", NEW);
    assert_eq!(people.records(&machine, "system.upgrade")[0]["to"], NEW);
    let second = people.asks(&machine);
    let (said, _) = upgrade(&machine, "/stick", "");
    assert!(text(&said.stderr).contains("is older than 0.1.1"), "{}", text(&said.stderr));
    assert_eq!(serving(&machine), NEW);

    let (said, took) = upgrade(&machine, "/opt/redoubt/current", "--rollback");
    assert!(said.status.success(), "{}", text(&said.stderr));
    assert!(took < Duration::from_secs(60), "the way back took {took:?}");
    assert_eq!(serving(&machine), OLD);
    assert!(people.has(&machine, &first) && !people.has(&machine, &second), "the data of before");
    let before = machine.told(&["sh", "-c", "ls -d /var/lib/redoubt.before-*"]);
    assert_eq!(before.lines().count(), 2, "both times what was left is kept: {before}");

    gets_well(&machine, "/newer", "", NEW);
    let third = people.asks(&machine);
    gets_well(&machine, "/opt/redoubt/current", "--rollback --keep-data", OLD);
    assert!(people.has(&machine, &third), "the data as they were");
    assert_eq!(people.records(&machine, "system.downgrade").len(), 1);

    gets_well(&machine, "/newer", "", NEW);
    gets_well(&machine, "/stick", "--force", OLD);
    assert!(people.has(&machine, &third));
    assert_eq!(people.records(&machine, "system.downgrade").len(), 2);
    let said = machine.told(&["sh", "/opt/redoubt/current/upgrade.sh", "--discard", "--yes"]);
    assert_eq!(said, "");
    assert_eq!(machine.told(&["ls", "/opt/redoubt/releases"]).trim(), OLD);

    a_backup_is_restored(&machine, &people, &third);
}

/// A backup to a medium, a drill, and the state of then.
fn a_backup_is_restored(machine: &Machine, people: &People, chat: &str) {
    machine.told(&["systemctl", "start", "redoubt-backup.service"]);
    let backup = machine.told(&["sh", "-c", "ls -d /var/backups/redoubt/*"]).trim().to_owned();
    let later = people.asks(machine);
    assert!(machine.told(&["redoubt", "restore", "--drill", &backup]).contains("Nothing was changed"));
    machine.told(&["systemctl", "stop", "redoubt.socket", "redoubt.service"]);
    machine.told(&["redoubt", "restore", &backup]);
    machine.told(&["systemctl", "start", "redoubt.socket", "redoubt.service"]);
    let store = machine.told(&["redoubt", "user", "list", "--json"]);
    assert!(store.contains("ada") && !later.is_empty() && !chat.is_empty(), "{store}");
    machine.on_its_network(|| {
        // Everybody was signed out.
        people.analyst.get("/api/v1/chats").is(401);
    });
}

/// An upgrade, or what else the script does, and how long it took.
fn upgrade(machine: &Machine, release: &str, options: &str) -> (Output, Duration) {
    let start = Instant::now();
    let said = machine.run(&["sh", "-c", &format!("sh {release}/upgrade.sh --yes {options}")]);
    (said, start.elapsed())
}

#[track_caller]
fn gets_well(machine: &Machine, release: &str, options: &str, version: &str) {
    let (said, took) = upgrade(machine, release, options);
    assert!(said.status.success(), "{}", text(&said.stderr));
    assert_eq!(serving(machine), version);
    eprintln!("{release} {options}: {took:?}");
}

/// The version that serves.
fn serving(machine: &Machine) -> String {
    let pid = machine.told(&["systemctl", "show", "--value", "--property", "MainPID", "redoubt.service"]);
    let path = fs::read_link(machine.path(&format!("/proc/{}/exe", pid.trim()))).unwrap();
    path.parent().unwrap().file_name().unwrap().to_str().unwrap().to_owned()
}

/// Who uses the machine all the while.
struct People {
    analyst: Client,
    auditor: Client,
}

impl People {
    fn of(machine: &Machine) -> Self {
        machine.told(&["redoubt", "model", "grant", MODEL, "everyone"]);
        let [analyst, auditor] = [("ada", "analyst"), ("eve", "auditor")].map(|(name, role)| {
            let made = machine.told(&["redoubt", "user", "add", name, "--role", role, "--json"]);
            let made: Value = serde_json::from_str(&made).unwrap();
            machine.on_its_network(|| {
                let ca = machine.path("/var/lib/redoubt/tls/ca.pem");
                let client = Client::new("https://127.0.0.1:9443", &ca);
                sign_in(client, name, made["password"].as_str().unwrap())
            })
        });
        Self { analyst, auditor }
    }

    /// A chat with an answer.
    fn asks(&self, machine: &Machine) -> String {
        machine.on_its_network(|| {
            let chat = self.analyst.new_chat();
            let answer = self.analyst.ask(&chat, "What is the capital of France?");
            assert!(answer.text().contains("Paris"), "{answer:?}");
            chat
        })
    }

    fn has(&self, machine: &Machine, chat: &str) -> bool {
        machine.on_its_network(|| self.analyst.get(&format!("/api/v1/chats/{chat}")).status == 200)
    }

    /// What the records of an event hold, the newest first.
    fn records(&self, machine: &Machine, act: &str) -> Vec<Value> {
        let page = machine
            .on_its_network(|| self.auditor.get(&format!("/api/v1/audit/records?act={act}")).is(200).json());
        page["items"].as_array().unwrap().iter().map(|item| item["record"]["d"].clone()).collect()
    }
}
