//! From a stick to a chat and back: installed, started by systemd as the unit says, used, uninstalled.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::machine::{Machine, possible};
use super::release::{Stick, fingerprint, honest, text};
use crate::support::{Client, await_some, long, totp};

const ANSWERS: &str =
    "listen=127.0.0.1:9443\nnames=chat.example.mil, 127.0.0.1\nmarking=TOP SECRET // TEST\n";
const INSTALL: &str =
    "printf '%s' \"$ANSWERS\" >/root/answers && sh /stick/install.sh --answers /root/answers ";
const MODEL: &str = "smollm2-135m-instruct-q4_1";

#[test]
fn a_release_is_installed_started_used_and_uninstalled() {
    if !possible() {
        return;
    }
    let machine = Machine::boot(&[(&honest().folder, "/stick")]);
    let installed = install(&machine, "");
    let shown =
        installed.split_once("first admin    admin, password ").expect("the first admin's password").1;
    let password = shown.split(';').next().unwrap();

    the_report_names_what_the_auditor_compares(&machine);
    the_service_is_as_its_unit_says(&machine);
    machine.told(&["redoubt", "model", "grant", MODEL, "everyone"]);
    let made: Value = serde_json::from_str(
        &machine.told(&["redoubt", "user", "add", "ada", "--role", "analyst", "--json"]),
    )
    .unwrap();
    machine.on_its_network(|| {
        let client = Client::new("https://127.0.0.1:9443", &machine.path("/var/lib/redoubt/tls/ca.pem"));
        sign_in(client.clone(), "admin", password);
        let analyst = sign_in(client, "ada", made["password"].as_str().unwrap());
        let answer = analyst.ask(&analyst.new_chat(), "What is the capital of France?");
        assert!(answer.text().contains("Paris"), "{answer:?}");
        let appliance = analyst.get("/api/v1/appliance").is(200).json();
        assert_eq!(appliance["marking"]["text"], "TOP SECRET // TEST");
    });
    machine.told(&["systemctl", "start", "redoubt-backup.service"]);
    assert_eq!(fs::read_dir(machine.path("/var/backups/redoubt")).unwrap().count(), 1, "backups");
    if long() {
        a_supervisor_that_hangs_is_replaced(&machine);
    }

    let again = machine.run(&["sh", "-c", &format!("{INSTALL} {}", demands())]);
    assert!(!again.status.success() && text(&again.stderr).contains("already"), "{}", text(&again.stderr));
    machine.told(&["sh", "/opt/redoubt/current/uninstall.sh", "--data", "keep"]);
    assert!(machine.path("/var/lib/redoubt/redoubt.db").exists());
    install(&machine, "");
    machine.on_its_network(|| {
        let mut client = Client::new("https://127.0.0.1:9443", &machine.path("/var/lib/redoubt/tls/ca.pem"));
        let next = client.offer_password("admin", password).is(200).json();
        assert_eq!(next["next"], "totp", "the store that was kept knows the admin's authenticator");
    });

    machine.told(&["sh", "/opt/redoubt/current/uninstall.sh", "--data", "shred"]);
    let left = machine.told(&["find", "/etc", "/opt", "/usr", "/var", "/root", "-iname", "*redoubt*"]);
    assert_eq!(left, "", "left behind");
}

#[test]
fn a_stick_that_changes_while_it_is_copied_is_refused_and_leaves_nothing() {
    if !possible() {
        return;
    }
    let stick = honest().copy();
    let machine = Machine::boot(&[(&honest().folder, "/stick"), (&stick.path, "/changing")]);
    let before = its_files(&machine);
    let incoming = machine.path("/opt/redoubt/releases/.incoming");
    let said = thread::scope(|scope| {
        let change = scope.spawn(|| {
            await_some("the copy", || incoming.exists().then_some(()));
            change_what_is_not_copied_yet(&stick, &incoming)
        });
        let said = machine.run(&["sh", "-c", &with_answers(&format!("--from /changing {}", demands()))]);
        assert!(change.join().unwrap() > 0, "nothing was left to change");
        said
    });
    let words = text(&said.stderr);
    assert_eq!(said.status.code(), Some(1), "{words}");
    assert!(words.contains("REFUSED") && words.contains("what was made is gone again"), "{words}");
    assert!(!machine.path("/opt/redoubt").exists() && !machine.path("/etc/redoubt").exists());
    assert_eq!(its_files(&machine), before);
}

/// What is where an installer writes, with its rights; systemd's own notes aside.
fn its_files(machine: &Machine) -> String {
    let places = ["/etc", "/opt", "/usr/local", "/var/lib", "/var/backups"];
    let rest = ["-not", "-path", "/var/lib/systemd/*", "-printf", "%p %y %m\n"];
    machine.told(&[&["find"][..], &places, &rest].concat())
}

/// Files of which the copy has nothing yet are written anew with a byte more; how many those were.
fn change_what_is_not_copied_yet(stick: &Stick, copy: &Path) -> usize {
    let names: Vec<_> = fs::read_to_string(stick.at("MANIFEST"))
        .unwrap()
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line[66..].to_owned())
        .collect();
    let left: Vec<_> = names.iter().filter(|name| !copy.join(name).exists()).collect();
    for name in &left {
        stick.edit(name, |bytes| bytes.push(b' '));
    }
    left.len()
}

pub(super) fn demands() -> String {
    honest().demands().join(" ")
}

/// A command line of sh that installs, with answers in a file.
fn with_answers(options: &str) -> String {
    format!("ANSWERS='{ANSWERS}'; {INSTALL} {options}")
}

/// What the installer printed.
pub(super) fn install(machine: &Machine, options: &str) -> String {
    machine.told(&["sh", "-c", &with_answers(&format!("{options} {} 2>&1", demands()))])
}

fn the_report_names_what_the_auditor_compares(machine: &Machine) {
    let report = fs::read_to_string(machine.path("/etc/redoubt/installation.txt")).unwrap();
    let prints = honest().keys.each_ref().map(|key| fingerprint(key));
    assert!(prints.iter().all(|print| report.contains(print)), "{report}");
    for words in ["executable   ", "authority    ", "model        ", "MANIFEST     ", "Auditor ____"] {
        assert!(report.contains(words), "{words} in {report}");
    }
    let signers = fs::read_to_string(machine.path("/etc/redoubt/release-signers")).unwrap();
    assert_eq!(signers, fs::read_to_string(honest().folder.join("signers")).unwrap());
}

/// One socket from systemd, no network, no right, the key from systemd alone.
fn the_service_is_as_its_unit_says(machine: &Machine) {
    machine.told(&["systemd-analyze", "security", "--threshold=5", "redoubt.service"]);
    let warned = machine.run(&[
        "systemd-analyze",
        "verify",
        "redoubt.service",
        "redoubt.socket",
        "redoubt-backup.timer",
    ]);
    assert!(warned.status.success() && warned.stderr.is_empty(), "{}", text(&warned.stderr));
    let property = |name: &str| {
        machine
            .told(&["systemctl", "show", "--value", "--property", name, "redoubt.service"])
            .trim()
            .to_owned()
    };
    assert_eq!((property("ActiveState"), property("Type")), ("active".to_owned(), "notify".to_owned()));
    let supervisor = property("MainPID");
    let children = machine.told(&["pgrep", "--parent", &supervisor]);
    let children: Vec<_> = children.lines().collect();
    assert_eq!(children.len(), 2, "front and engine");
    for pid in children.iter().chain([&supervisor.as_str()]) {
        let file = |name: &str| machine.told(&["cat", &format!("/proc/{pid}/{name}")]);
        let status = file("status");
        for line in
            ["NoNewPrivs:\t1", "Seccomp:\t2", "CapBnd:\t0000000000000000", "CapEff:\t0000000000000000"]
        {
            assert!(status.contains(line), "{line} in {status}");
        }
        let interfaces = file("net/dev");
        assert!(interfaces.lines().skip(2).all(|line| line.trim().starts_with("lo:")), "{interfaces}");
    }
    let check = machine.run(&["redoubt", "check", "--config", "/etc/redoubt/redoubt.toml"]);
    assert!(check.status.success(), "{}", text(&check.stdout));
    let user = machine.run(&["runuser", "-u", "redoubt", "--", "cat", "/etc/redoubt/store.key"]);
    assert!(!user.status.success(), "the service's user reads the key file");
}

/// A first sign-in, which enrols an authenticator.
pub(super) fn sign_in(mut client: Client, name: &str, password: &str) -> Client {
    let offer = client.offer_password(name, password).is(200).json();
    let secret = offer["secret"].as_str().unwrap_or_else(|| panic!("{offer}"));
    client.offer_code(&totp::code(secret, totp::present_step())).is(200);
    client
}

fn a_supervisor_that_hangs_is_replaced(machine: &Machine) {
    let pid = || machine.told(&["systemctl", "show", "--value", "--property", "MainPID", "redoubt.service"]);
    let first = pid();
    machine.told(&["kill", "-STOP", first.trim()]);
    await_some("another supervisor", || {
        thread::sleep(Duration::from_secs(1));
        (pid() != first && pid().trim() != "0").then_some(())
    });
    machine.told(&["systemctl", "start", "redoubt.service"]);
}
