//! A store knows the version that wrote it last: an older one does not go on with it by itself.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::release::{executable_of, text};
use crate::audit::served::Served;

/// Of a version, kept in a folder.
fn executable(folder: &Path, version: &str) -> PathBuf {
    let path = folder.join(version);
    fs::write(&path, executable_of(version)).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

fn run(executable: &Path, served: &Served, arguments: &[&str]) -> Output {
    Command::new(executable).args(arguments).arg("--config").arg(served.config()).output().unwrap()
}

#[test]
fn a_newer_version_is_recorded_and_an_older_one_goes_on_only_when_told_to() {
    let (mut served, folder) = (Served::new(""), tempfile::tempdir().unwrap());
    let newer = executable(folder.path(), "0.1.7");
    let adds = run(&newer, &served, &["user", "add", "ada", "--role", "analyst"]);
    assert!(adds.status.success(), "{}", text(&adds.stderr));

    let (code, said) = served.refused();
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("0.1.7") && said.contains("--acknowledge-downgrade"), "{said}");
    let ours = Path::new(env!("CARGO_BIN_EXE_redoubt"));
    let acknowledged = run(ours, &served, &["restore", "--acknowledge-downgrade"]);
    assert!(acknowledged.status.success(), "{}", text(&acknowledged.stderr));
    drop(served.start());
    served.stop();
    let again = run(ours, &served, &["restore", "--acknowledge-downgrade"]);
    assert!(text(&again.stderr).contains("nothing to acknowledge"), "{}", text(&again.stderr));

    let changes = |act| {
        let records = served.records(act);
        let texts = records.iter().map(|record| {
            let d = &record.fields().d;
            ["from", "to"].map(|name| format!("{:?}", d.get(name)))
        });
        texts.collect::<Vec<_>>()
    };
    let [old, new] = [env!("CARGO_PKG_VERSION"), "0.1.7"].map(|version| format!("Some(Str({version:?}))"));
    assert_eq!(changes("system.upgrade"), [[old.clone(), new.clone()]]);
    assert_eq!(changes("system.downgrade"), [[new, old]]);
}

#[test]
fn a_copy_of_the_data_takes_their_place_and_the_next_start_records_what_was_left() {
    let mut served = Served::new("");
    let copy = served.folder().join("copy");
    assert!(Command::new("cp").arg("-a").arg(served.data()).arg(&copy).status().unwrap().success());
    drop(served.start());
    served.fail_to_sign_in();
    served.stop();
    let lost = fs::read_to_string(served.data().join("anchors")).unwrap();
    let ours = Path::new(env!("CARGO_BIN_EXE_redoubt"));
    let restore = |folder: &Path| {
        run(ours, &served, &["restore", "--snapshot", folder.to_str().unwrap(), "--leaving", "0.1.7"])
    };
    let foreign = Served::new("");
    let refused = restore(&foreign.data());
    assert!(text(&refused.stderr).contains("another installation"), "{}", text(&refused.stderr));
    let restored = restore(&copy);
    assert!(restored.status.success(), "{}", text(&restored.stderr));
    assert!(!copy.exists(), "it took the place");
    drop(served.start());
    served.stop();
    drop(served.start());
    served.stop();
    let records = served.records("system.rollback");
    assert_eq!(records.len(), 1, "recorded once");
    let d = format!("{:?}", records[0].fields().d);
    assert!(d.contains("0.1.7") && d.contains(lost.lines().nth(2).unwrap()), "{d}");
    assert_eq!(served.records("login.password").len(), 0, "what came after the copy is set aside");
}
