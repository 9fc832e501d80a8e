//! Looking into a store changes nothing, and sees what the store itself would.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use redoubt_store::{DataKey, Error, Inspection, audit_log, check_free};
use ring::rand::SystemRandom;

use crate::support::{Place, insert_user};

/// Name, bytes, rights, owner, inode and time of the last write of every file.
fn everything(folder: &Path) -> BTreeMap<String, (Vec<u8>, u32, u32, u64, i64)> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    entries
        .map(|entry| {
            let metadata = entry.metadata().unwrap();
            let bytes = fs::read(entry.path()).unwrap();
            let written = metadata.mtime() * 1_000_000_000 + metadata.mtime_nsec();
            (
                entry.file_name().into_string().unwrap(),
                (bytes, metadata.mode(), metadata.uid(), metadata.ino(), written),
            )
        })
        .collect()
}

fn copied(place: &Place, names: &[&str]) -> tempfile::TempDir {
    // A name that means something in a URI.
    let copy = tempfile::Builder::new().prefix("50%? #").tempdir().unwrap();
    for name in names {
        fs::copy(place.file(name), copy.path().join(name)).unwrap();
    }
    copy
}

#[test]
fn a_closed_store_is_read_and_left_as_it_is() {
    let place = Place::with_alice();
    place.store.close().unwrap();
    let records = {
        let before = everything(&place.data_dir());
        let path = place.file("redoubt.db");
        let inspection = Inspection::open(&path, &place.key).unwrap();
        let records = audit_log::size(inspection.reader()).unwrap();
        assert_eq!(inspection.check_integrity().unwrap(), Vec::<String>::new());
        assert_eq!(everything(&place.data_dir()), before);
        records
    };
    assert!(records > 0);
    // Without the log's files, too: they are not made.
    let alone = copied(&place, &["redoubt.db"]);
    let path = alone.path().join("redoubt.db");
    let inspection = Inspection::open(&path, &place.key).unwrap();
    assert_eq!(audit_log::size(inspection.reader()).unwrap(), records);
    assert_eq!(inspection.check_integrity().unwrap(), Vec::<String>::new());
    assert_eq!(fs::read_dir(alone.path()).unwrap().count(), 1);
}

#[test]
fn what_a_kill_left_in_the_log_is_seen_and_left_there() {
    let place = Place::with_alice();
    place.store.write_blocking(|tx| insert_user(tx, "bob")).unwrap();
    let records = place.store.read_blocking(audit_log::size).unwrap();
    let killed = copied(&place, &["redoubt.db", "redoubt.db-wal", "redoubt.db-shm"]);
    assert!(fs::metadata(killed.path().join("redoubt.db-wal")).unwrap().len() > 0);
    let before = everything(killed.path());
    let path = killed.path().join("redoubt.db");
    let inspection = Inspection::open(&path, &place.key).unwrap();
    assert_eq!(audit_log::size(inspection.reader()).unwrap(), records);
    assert_eq!(inspection.check_integrity().unwrap(), Vec::<String>::new());
    assert_eq!(everything(killed.path()), before);

    fs::remove_file(killed.path().join("redoubt.db-shm")).unwrap();
    assert!(matches!(Inspection::open(&path, &place.key), Err(Error::Unavailable(_))));
    assert!(!killed.path().join("redoubt.db-shm").exists());
}

#[test]
fn a_store_in_use_a_wrong_key_and_a_changed_page_are_told_apart() {
    let place = Place::with_alice();
    let path = place.file("redoubt.db");
    let pid = Some(std::process::id());
    assert!(matches!(check_free(&place.data_dir()), Err(Error::InUse { pid: found }) if found == pid));
    assert!(matches!(Inspection::open(&path, &place.key), Err(Error::InUse { .. })));
    place.store.close().unwrap();
    check_free(&place.data_dir()).unwrap();
    let other = DataKey::generate(&SystemRandom::new()).unwrap();
    assert!(matches!(Inspection::open(&path, &other), Err(Error::WrongKey(named)) if named == path));
    assert!(matches!(Inspection::open(&place.file("nothing.db"), &place.key), Err(Error::Missing(_))));

    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, bytes).unwrap();
    let found = Inspection::open(&path, &place.key).and_then(Inspection::check_integrity);
    assert!(!matches!(&found, Ok(problems) if problems.is_empty()), "{found:?}");
}
