//! The install root and the keys that it certifies.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use super::workbench::Workbench;
use crate::support::executable_with;

fn run(arguments: &[&str], data: &Path, config: &Path) -> Output {
    executable_with(arguments).arg("--data").arg(data).arg("--config").arg(config).output().unwrap()
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// A folder with a configuration, whose keys lie in it.
fn place() -> (tempfile::TempDir, std::path::PathBuf, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let (data, config) = (folder.path().join("data"), folder.path().join("redoubt.toml"));
    let key = folder.path().join("store.key");
    fs::write(&config, format!("[data]\ndir = {data:?}\n[keys]\nfile = {key:?}\n")).unwrap();
    (folder, data, config)
}

#[test]
fn init_gives_the_root_away_and_certify_epochs_asks_for_it_again() {
    let (folder, data, config) = place();
    let root = folder.path().join("root.key");
    let init = run(&["init", "--root-key", root.to_str().unwrap()], &data, &config);
    let printed = said(&init);
    let trust = printed.lines().find(|line| line.contains("cert-authority")).unwrap().trim();
    assert_eq!(fs::metadata(&root).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!printed.contains("PRIVATE KEY"));
    // ssh-keygen knows the key, and the fingerprint is the one that was printed.
    let keygen = Command::new("ssh-keygen").arg("-lf").arg(&root).output().unwrap();
    let fingerprint = String::from_utf8(keygen.stdout).unwrap();
    let fingerprint = fingerprint.split_whitespace().nth(1).unwrap();
    assert!(fingerprint.starts_with("SHA256:") && printed.contains(fingerprint), "{printed}");
    let holds_root = fs::read_dir(&data)
        .unwrap()
        .any(|entry| entry.unwrap().file_name().to_string_lossy().contains("root"));
    assert!(!holds_root, "the root's private key stayed");

    let bench = Workbench::trusting(trust);
    let first = bench.export(&data, "first.tar", &["--config", config.to_str().unwrap()]);
    assert_eq!(bench.verdict(&first, "state", &[]), "UNANCHORED");
    let without = run(&["audit", "certify-epochs"], &data, &config);
    assert_eq!(without.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&without.stderr).contains("--root-key"));
    let certify = ["audit", "certify-epochs", "--root-key", root.to_str().unwrap()];
    assert!(said(&run(&certify, &data, &config)).contains("Epochs 400 to 799"));
    let second = bench.export(&data, "second.tar", &["--config", config.to_str().unwrap()]);
    assert_eq!(bench.verdict(&second, "state", &[]), "VERIFIED");

    let other = folder.path().join("other.key");
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&other).status();
    assert!(made.unwrap().success());
    let wrong = run(&["audit", "certify-epochs", "--root-key", other.to_str().unwrap()], &data, &config);
    assert_eq!(wrong.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("nothing was changed"));
}

#[test]
fn init_prints_the_root_once_or_keeps_it() {
    let (_folder, data, config) = place();
    assert!(said(&run(&["init"], &data, &config)).contains("BEGIN OPENSSH PRIVATE KEY"));
    let (_folder, data, config) = place();
    assert!(!said(&run(&["init", "--keep-root"], &data, &config)).contains("PRIVATE KEY---"));
    assert!(said(&run(&["audit", "certify-epochs"], &data, &config)).contains("Epochs 400 to 799"));
}
