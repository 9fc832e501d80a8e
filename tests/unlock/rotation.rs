//! `redoubt key rotate-data`: all of it under another key, and the old keys open nothing.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::{WORDS, key, path_of, said, slots, told};
use crate::audit::served::Served;
use crate::backup::snapshot;

#[test]
fn everything_goes_on_under_another_data_key() {
    let mut served = Served::new("");
    told(&key(&served, &["add", "passphrase"], &[WORDS]));
    drop(served.start());
    served.fail_to_sign_in();
    let refused = key(&served, &["rotate-data"], &[]);
    assert!(said(&refused).contains("stop the appliance first"), "{}", said(&refused));
    served.stop();
    let old = content(&served.data());
    let old_slots = fs::read(served.data().join("keyslots")).unwrap();
    let old_recovery = served.told("recovery key");

    let rotated = told(&key(&served, &["rotate-data"], &[WORDS]));
    assert_eq!((rotated["slots"].as_u64(), rotated["dropped"].as_array().map(Vec::len)), (Some(3), Some(0)));
    let new_recovery = rotated["recovery_key"].as_str().unwrap();
    let before = path_of(&rotated, "before");
    assert_eq!(content(&before), old, "what was there before is as it was");
    assert_ne!(
        fs::metadata(before.join("redoubt.db")).unwrap().ino(),
        fs::metadata(served.data().join("redoubt.db")).unwrap().ino()
    );

    // It serves, with the same certificate, and goes on with its log.
    drop(served.start());
    served.fail_to_sign_in();
    told(&key(&served, &["test", "recovery-key"], &[new_recovery]));
    told(&key(&served, &["test", "passphrase"], &[WORDS]));
    assert!(!key(&served, &["test", "recovery-key"], &[&old_recovery]).status.success());
    served.stop();
    assert_eq!(served.records("data_key.rotate").len(), 1);
    assert_eq!(served.records("login.password").len(), 2);
    assert_eq!(served.check("store")["status"], "ok");

    // With the slots of before, which somebody may have copied, the old keys open nothing any more.
    fs::write(served.data().join("keyslots"), old_slots).unwrap();
    let (code, why) = served.refused();
    assert_eq!(code, Some(4), "{why}");
}

#[test]
fn what_nobody_gives_is_dropped_and_the_old_is_deleted_only_when_asked() {
    let served = Served::new("");
    let stick = tempfile::tempdir().unwrap();
    let [kept, lost] = ["kept.key", "lost.key"].map(|name| stick.path().join(name));
    for file in [&kept, &lost] {
        told(&key(&served, &["add", "key-file", "--to", file.to_str().unwrap()], &[]));
    }
    told(&key(&served, &["add", "passphrase"], &[WORDS]));
    let recovery = served.told("recovery key");
    let arguments = ["rotate-data", "--discard-old", "--recovery-key", "--keep", kept.to_str().unwrap()];
    // An empty line in place of the passphrase.
    let rotated = told(&key(&served, &arguments, &[&recovery, ""]));
    assert!(rotated["before"].is_null());
    assert_eq!(rotated["dropped"].as_array().unwrap().len(), 2, "{rotated}");
    assert_eq!(
        fs::read_dir(served.folder())
            .unwrap()
            .filter(|entry| { entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("data") })
            .count(),
        1
    );
    let kinds: Vec<_> = slots(&served).into_iter().map(|slot| slot.0).collect();
    assert_eq!(kinds, ["key-file", "key-file", "recovery-key"]);
    let opens = |file: &Path| {
        key(&served, &["test", "key-file", "--file", file.to_str().unwrap()], &[]).status.success()
    };
    assert!(opens(&kept) && !opens(&lost));
}

#[test]
fn a_rotation_that_cannot_be_finished_changes_nothing() {
    let served = Served::new("");
    told(&key(&served, &["add", "passphrase"], &[WORDS]));
    let before = names(served.folder());
    for (arguments, typed, why) in [
        (vec!["rotate-data", "--key-file", "/dev/null"], vec![], "not a key file"),
        (vec!["rotate-data", "--recovery-key"], vec!["AAAA"], "not a recovery key"),
        (vec!["rotate-data"], vec!["not the words of this store"], "not one of this store"),
        (vec!["rotate-data", "--keep", "/dev/null"], vec![WORDS], "not a key file"),
    ] {
        let output = key(&served, &arguments, &typed);
        assert!(!output.status.success() && said(&output).contains(why), "{arguments:?}: {}", said(&output));
        assert_eq!(names(served.folder()), before, "{arguments:?}");
    }
}

/// Every file below a folder but those that whoever opens a store writes: who has it, and the log's index.
fn content(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = snapshot(folder).into_iter();
    let below = files.map(|(path, sum)| (path.strip_prefix(folder).unwrap().to_owned(), sum));
    below.filter(|(path, _)| !path.ends_with("lock") && !path.ends_with("redoubt.db-shm")).collect()
}

/// An opened store may move its log about, but no file comes or goes.
fn names(folder: &Path) -> Vec<PathBuf> {
    let files = snapshot(folder).into_keys();
    files.filter(|path| !path.to_string_lossy().contains("redoubt.db-")).collect()
}
