//! `redoubt key list`, `add`, `remove`, `rotate`, `test`: while the appliance serves, and while nobody does.

use std::fs;
use std::process::Command;

use redoubt_audit::{Outcome, Value};

use super::{WORDS, id_of, key, said, slots, told};
use crate::audit::served::Served;

fn kinds(served: &Served) -> Vec<String> {
    slots(served).into_iter().map(|slot| slot.0).collect()
}

#[test]
fn ways_of_opening_come_and_go_while_the_appliance_serves() {
    let mut served = Served::new("");
    drop(served.start());
    assert_eq!(kinds(&served), ["key-file", "recovery-key"]);
    let stick = tempfile::tempdir().unwrap();
    let file = stick.path().join("second.key");
    let path = file.to_str().unwrap();
    let made = told(&key(&served, &["add", "key-file", "--to", path, "--label", "safe in room 12"], &[]));
    assert_eq!((made["kind"].as_str(), made["label"].as_str()), (Some("key-file"), Some("safe in room 12")));
    assert_eq!(fs::read(&file).unwrap().len(), 32);
    told(&key(&served, &["add", "passphrase"], &[WORDS]));
    let recovery =
        told(&key(&served, &["add", "recovery-key"], &[]))["recovery_key"].as_str().unwrap().to_owned();

    // Each opens the store, and a test of it says which slot.
    let tested = told(&key(&served, &["test", "key-file", "--file", path], &[]));
    assert_eq!(tested["id"], made["id"]);
    told(&key(&served, &["test", "passphrase"], &[WORDS]));
    told(&key(&served, &["test", "recovery-key"], &[&recovery.to_lowercase()]));
    let wrong = key(&served, &["test", "passphrase"], &["staple battery horse Correct"]);
    assert!(!wrong.status.success() && said(&wrong).contains("not one of this store"), "{}", said(&wrong));

    // Another secret in a slot's place voids the one before.
    told(&key(&served, &["rotate", &id_of(&served, "passphrase")], &["another battery horse correct"]));
    assert!(!key(&served, &["test", "passphrase"], &[WORDS]).status.success());
    told(&key(&served, &["test", "passphrase"], &["another battery horse correct"]));

    let id = made["id"].as_str().unwrap();
    told(&key(&served, &["remove", id], &[]));
    assert!(!key(&served, &["test", "key-file", "--file", path], &[]).status.success());
    // The next start needs the other one.
    let refused = key(&served, &["remove", &id_of(&served, "key-file")], &[]);
    assert!(said(&refused).contains("next start needs it"), "{}", said(&refused));
    assert_eq!(kinds(&served), ["key-file", "recovery-key", "recovery-key", "passphrase"]);
    served.stop();

    let recorded = |act: &str| {
        let kind = |record: &redoubt_audit::Record| match record.fields().d.get("kind") {
            Some(Value::Str(kind)) => kind.clone(),
            other => panic!("{other:?}"),
        };
        served.records(act).iter().map(|record| (kind(record), record.fields().outcome)).collect::<Vec<_>>()
    };
    let ok = |kind: &str| (kind.to_owned(), Outcome::Ok);
    let deny = |kind: &str| (kind.to_owned(), Outcome::Deny);
    assert_eq!(recorded("slot.add"), [ok("key-file"), ok("passphrase"), ok("recovery-key")]);
    assert_eq!(recorded("slot.replace"), [ok("passphrase")]);
    assert_eq!(recorded("slot.remove"), [ok("key-file")]);
    let tests = [
        ok("key-file"),
        ok("passphrase"),
        ok("recovery-key"),
        deny("passphrase"),
        deny("passphrase"),
        ok("passphrase"),
        deny("key-file"),
    ];
    assert_eq!(recorded("slot.test"), tests);
}

#[test]
fn slots_are_changed_where_nobody_serves_and_what_is_wrong_is_said() {
    let served = Served::new("");
    let stick = tempfile::tempdir().unwrap();
    let taken = stick.path().join("taken.key");
    fs::write(&taken, "mine").unwrap();
    let taken = taken.to_str().unwrap();
    for (arguments, typed, why) in [
        (vec!["add", "passphrase"], vec!["too short"], "20 characters"),
        (vec!["add", "key-file"], vec![], "--to says where"),
        (vec!["add", "key-file", "--to", taken], vec![], "exists"),
        (vec!["add", "passphrase", "--to", taken], vec![], "--to is for"),
        (vec!["add", "passphrase", "--label", "a\u{7}b"], vec![WORDS], "label"),
        (vec!["remove", "no-such-slot"], vec![], "no slot"),
        (vec!["rotate", "no-such-slot"], vec![], "no slot"),
        (vec!["test", "recovery-key"], vec!["AAAA-BBBB"], "not a recovery key"),
        (vec!["unlock"], vec![WORDS], "start the appliance"),
    ] {
        let output = key(&served, &arguments, &typed);
        assert!(!output.status.success() && said(&output).contains(why), "{arguments:?}: {}", said(&output));
    }
    assert_eq!(fs::read(taken).unwrap(), b"mine");
    assert_eq!(kinds(&served), ["key-file", "recovery-key"]);
    told(&key(&served, &["add", "passphrase"], &[WORDS]));
    assert_eq!(kinds(&served), ["key-file", "recovery-key", "passphrase"]);
}

/// By whatever this machine has: a TPM, or a key of its own.
#[test]
fn a_credential_is_sealed_by_systemd_and_opens_the_store_as_the_file_that_it_becomes() {
    let can_seal = Command::new("systemd-creds").args(["encrypt", "--name=x", "/dev/null", "-"]).output();
    if rustix::process::geteuid().as_raw() != 0 {
        // Only root may use the machine's key: so it is for operators, too.
        return;
    }
    assert!(can_seal.unwrap().status.success());
    let served = Served::new("");
    let folder = tempfile::tempdir().unwrap();
    let sealed = folder.path().join("store.cred");
    told(&key(&served, &["add", "credential", "--to", sealed.to_str().unwrap()], &[]));
    let opened = Command::new("systemd-creds")
        .args(["decrypt", "--name=store.key"])
        .arg(&sealed)
        .arg("-")
        .output()
        .unwrap();
    assert_eq!(opened.stdout.len(), 32, "{}", said(&opened));
    assert!(!fs::read(&sealed).unwrap().windows(32).any(|window| window == opened.stdout));
    // The service gets it as the key file of this name, and needs no other.
    told(&key(&served, &["remove", &id_of(&served, "key-file")], &[]));
    fs::write(served.key(), &opened.stdout).unwrap();
    served.store().close().unwrap();
}
