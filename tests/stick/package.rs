//! The Debian package: what is in it, that it is the same whoever makes it, and a life on a fresh Debian.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::installation::sign_in;
use super::machine::{Machine, possible};
use super::release::{checkout, executable_of, honest, package_of, text};
use crate::support::Client;

const OLD: &str = env!("CARGO_PKG_VERSION");
const NEW: &str = "0.1.1";
const MODEL: &str = "smollm2-135m-instruct-q4_1";
const EPOCH: &str = "1700000000";

/// The package of a release's folder, as scripts/release makes it.
fn build(release: &Path, version: &str, out: &Path) {
    let script = checkout().join("scripts/release.d/package");
    let made = Command::new(script).arg(release).args([version, EPOCH]).arg(out).output().unwrap();
    assert!(made.status.success(), "{}", text(&made.stderr));
}

fn said(command: &str, arguments: &[&str], file: &Path) -> String {
    let output = Command::new(command).args(arguments).arg(file).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

#[test]
fn the_package_has_the_release_where_debian_keeps_such_things_and_is_the_same_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let [one, other] = ["one.deb", "other.deb"].map(|name| folder.path().join(name));
    build(&honest().folder, OLD, &one);
    build(&honest().folder, OLD, &other);
    assert!(fs::read(&one).unwrap() == fs::read(&other).unwrap(), "two packages of one release differ");

    let fields = said("dpkg-deb", &["--info"], &one);
    for field in ["Package: redoubt", "Architecture: amd64", &format!("Version: {OLD}"), "conffiles"] {
        assert!(fields.contains(field), "{field}: {fields}");
    }
    let tree = folder.path().join("tree");
    let unpacked = Command::new("dpkg-deb").arg("--extract").args([&one, &tree]).status().unwrap();
    assert!(unpacked.success());
    let read = |path: &str| fs::read(tree.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    assert!(read("usr/bin/redoubt") == fs::read(honest().folder.join("redoubt")).unwrap());
    for unit in ["redoubt.service", "redoubt-backup.service"] {
        let unit = text(&read(&format!("usr/lib/systemd/system/{unit}")));
        assert!(unit.contains("ExecStart=/usr/bin/redoubt ") && !unit.contains("/opt/"), "{unit}");
    }
    assert!(text(&read("etc/redoubt/redoubt.toml")).contains("/var/lib/redoubt-models/"));
    for path in
        ["copyright", "changelog.gz", "manual/README.md", "sbom/redoubt.cdx.json", "licences/rust.txt"]
    {
        read(&format!("usr/share/doc/redoubt/{path}"));
    }
}

#[test]
fn the_package_is_installed_set_up_used_upgraded_removed_and_purged() {
    if !possible() {
        return;
    }
    let newer = honest().copy();
    newer.write("redoubt", &executable_of(NEW));
    let packages = tempfile::tempdir().unwrap();
    build(&newer.path, NEW, &packages.path().join(package_of(NEW)));
    let machine = Machine::boot(&[(&honest().folder, "/stick"), (packages.path(), "/newer")]);
    let install = |path: String| machine.told(&["dpkg", "--install", &path]);
    let next = install(format!("/stick/{}", package_of(OLD)));
    assert!(next.contains("redoubt init --data /var/lib/redoubt"), "{next}");

    let analyst = set_up(&machine);

    install(format!("/newer/{}", package_of(NEW)));
    let chats = machine.on_its_network(|| analyst.get("/api/v1/chats").is(200).json());
    assert_eq!(chats["items"].as_array().unwrap().len(), 1, "it goes on, and people stay signed in");
    let stick = machine.run(&["sh", "-c", "sh /stick/install.sh --signers /stick/signers </dev/null"]);
    assert!(
        text(&stick.stderr).contains("the Debian package redoubt is installed"),
        "{}",
        text(&stick.stderr)
    );

    machine.told(&["dpkg", "--remove", "redoubt"]);
    let active = machine.run(&["systemctl", "is-active", "redoubt.service"]);
    assert!(!active.status.success(), "it was stopped");
    machine.told(&["dpkg", "--purge", "redoubt"]);
    for (path, stays) in [
        ("/usr/bin/redoubt", false),
        ("/etc/redoubt/redoubt.toml", false),
        ("/etc/redoubt/store.key", true),
        ("/var/lib/redoubt/redoubt.db", true),
    ] {
        assert_eq!(machine.path(path).exists(), stays, "{path}");
    }
}

/// What the package says to type; then somebody asks, and stays signed in.
fn set_up(machine: &Machine) -> Client {
    machine.told(&[
        "sed",
        "-i",
        "-e",
        "s/^address = .*/address = \"127.0.0.1:8443\"/",
        "/etc/redoubt/redoubt.toml",
    ]);
    machine.told(&[
        "redoubt",
        "init",
        "--data",
        "/var/lib/redoubt",
        "--config",
        "/etc/redoubt/redoubt.toml",
        "--root-key",
        "/root/root.key",
    ]);
    machine.told(&["redoubt", "model", "import", "/stick/models/SmolLM2-135M-Instruct.Q4_1.gguf"]);
    machine.told(&["systemctl", "enable", "--now", "redoubt.socket", "redoubt.service"]);
    machine.told(&["redoubt", "model", "grant", MODEL, "everyone"]);
    let made: Value = serde_json::from_str(
        &machine.told(&["redoubt", "user", "add", "ada", "--role", "analyst", "--json"]),
    )
    .unwrap();
    machine.on_its_network(|| {
        let client = Client::new("https://127.0.0.1:8443", &machine.path("/var/lib/redoubt/tls/ca.pem"));
        let analyst = sign_in(client, "ada", made["password"].as_str().unwrap());
        let answer = analyst.ask(&analyst.new_chat(), "What is the capital of France?");
        assert!(answer.text().contains("Paris"), "{answer:?}");
        analyst
    })
}
