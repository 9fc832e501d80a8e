//! The files: private, whole or absent, untouched by a wrong key, held by one process.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::Barrier;
use std::thread;

use redoubt_audit::{Actor, Draft, Outcome, catalogue};
use redoubt_store::{DataKey, Error, Options, Store, audit_log};
use ring::rand::SystemRandom;

use crate::support::{Place, TestClock, insert_user, open_at, origin};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// Every file of the folder by name, but the lock, empty ones, and the index of the log, which is rebuilt
/// at every opening and holds no data.
fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
        .filter(|(name, bytes)| name != "lock" && !name.ends_with("-shm") && !bytes.is_empty())
        .collect()
}

/// The database and its log as a kill would leave them now, in a folder of their own.
fn killed_now(place: &Place) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for name in ["redoubt.db", "redoubt.db-wal"] {
        fs::copy(place.file(name), copy.path().join(name)).unwrap();
    }
    copy
}

#[test]
fn the_folder_and_everything_in_it_is_private() {
    let place = Place::with_alice();
    assert_eq!(mode(&place.data_dir()), 0o700);
    for name in ["redoubt.db", "redoubt.db-wal", "redoubt.db-shm", "lock"] {
        assert_eq!(mode(&place.file(name)), 0o600, "{name}");
    }
}

#[test]
fn rights_that_others_were_given_are_taken_back() {
    let mut place = Place::with_alice();
    place.store.close().unwrap();
    fs::set_permissions(place.data_dir(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(place.file("redoubt.db"), fs::Permissions::from_mode(0o644)).unwrap();
    place.reopen();
    assert_eq!(mode(&place.data_dir()), 0o700);
    assert_eq!(mode(&place.file("redoubt.db")), 0o600);
}

#[test]
fn a_store_is_never_made_over_another() {
    let place = Place::with_alice();
    place.store.close().unwrap();
    let before = contents(&place.data_dir());
    let key = DataKey::generate(&SystemRandom::new()).unwrap();
    let outcome = Store::create(place.options(), key, place.clock.clone(), origin());
    assert!(matches!(outcome, Err(Error::Exists(_))));
    assert!(contents(&place.data_dir()) == before, "a refused creation changed a file");
}

/// Only a process's first connections can meet, so each round is a process of its own.
#[test]
fn a_process_may_make_its_first_connections_at_the_same_time() {
    const ROUND: &str = "REDOUBT_TEST_FIRST_CONNECTIONS";
    if std::env::var_os(ROUND).is_some() {
        let together = Barrier::new(8);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    together.wait();
                    Place::new();
                });
            }
        });
        return;
    }
    for _ in 0..20 {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "files::a_process_may_make_its_first_connections_at_the_same_time"])
            .env(ROUND, "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("1 passed"), "{said}");
    }
}

#[test]
fn opening_makes_no_store() {
    let folder = tempfile::tempdir().unwrap();
    let key = DataKey::generate(&SystemRandom::new()).unwrap();
    let outcome = open_at(&folder.path().join("redoubt.db"), &key);
    assert!(matches!(outcome, Err(Error::Missing(_))));
    assert!(contents(folder.path()).is_empty());
}

#[test]
fn what_an_interrupted_creation_left_is_not_in_the_way() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("redoubt.db");
    for name in ["redoubt.db.new", "redoubt.db.new-wal"] {
        fs::write(folder.path().join(name), b"half").unwrap();
    }
    let key = DataKey::generate(&SystemRandom::new()).unwrap();
    assert!(matches!(open_at(&path, &key), Err(Error::Missing(_))));
    Store::create(Options::at(&path), key, TestClock::new(), origin()).unwrap();
    assert!(!folder.path().join("redoubt.db.new").exists());
}

#[test]
fn a_second_instance_is_refused_and_told_by_whom() {
    let place = Place::with_alice();
    let outcome = place.open();
    assert!(matches!(outcome, Err(Error::InUse { pid: Some(pid) }) if pid == std::process::id()));
    place.assert_intact();
    place.store.close().unwrap();
    place.open().unwrap();
}

#[test]
fn a_wrong_key_is_said_so_and_changes_no_byte() {
    let place = Place::with_alice();
    let copy = killed_now(&place);
    place.store.close().unwrap();
    let wrong = DataKey::generate(&SystemRandom::new()).unwrap();
    // Both a store that was closed and one that was killed with a log to recover.
    for folder in [place.data_dir().as_path(), copy.path()] {
        let before = contents(folder);
        let outcome = open_at(&folder.join("redoubt.db"), &wrong);
        assert!(matches!(outcome, Err(Error::WrongKey(_))), "{:?}", outcome.err());
        assert!(contents(folder) == before, "a wrong key changed a file");
        open_at(&folder.join("redoubt.db"), &place.key).unwrap();
    }
}

#[test]
fn a_cut_off_file_is_said_so_and_changes_no_byte() {
    let place = Place::with_alice();
    place.store.close().unwrap();
    let path = place.file("redoubt.db");
    let whole = fs::read(&path).unwrap();
    for length in [0, 1, 15, 100, 4_095, 4_097, whole.len() - 1] {
        fs::write(&path, &whole[..length]).unwrap();
        let outcome = place.open();
        assert!(matches!(outcome, Err(Error::Damaged(_))), "{length}: {:?}", outcome.err());
        assert!(fs::read(&path).unwrap() == whole[..length], "{length}: opening changed the file");
    }
    fs::write(&path, &whole).unwrap();
    place.open().unwrap();
}

#[test]
fn a_file_that_never_was_a_store_is_refused() {
    let place = Place::with_alice();
    place.store.close().unwrap();
    let path = place.file("redoubt.db");
    for bytes in [vec![0; 8_192], b"SQLite format 3\0".iter().copied().cycle().take(4_096).collect()] {
        fs::write(&path, &bytes).unwrap();
        let outcome = place.open();
        assert!(matches!(outcome, Err(Error::WrongKey(_))), "{:?}", outcome.err());
        assert!(fs::read(&path).unwrap() == bytes, "opening changed the file");
    }
}

#[test]
fn the_store_of_another_installation_is_refused() {
    let place = Place::with_alice();
    place.store.close().unwrap();
    let mut other = origin();
    other.origin = "redoubt/other".to_owned();
    let outcome = Store::open(place.options(), place.key.clone(), place.clock.clone(), other);
    assert!(matches!(outcome, Err(Error::ForeignOrigin { .. })));
    place.open().unwrap();
}

#[test]
fn dropping_without_closing_loses_nothing() {
    let place = Place::with_alice();
    let Place { folder, key, store, .. } = place;
    drop(store);
    let store = open_at(&folder.path().join("data/redoubt.db"), &key).unwrap();
    assert_eq!(store.read_blocking(audit_log::size).unwrap(), 1);
    assert_eq!(store.check_integrity().unwrap(), Vec::<String>::new());
}

#[test]
fn whatever_was_acknowledged_survives_a_kill_at_that_moment() {
    let place = Place::new();
    for number in 0..25 {
        let name = format!("user {number}");
        place.store.write_blocking(move |tx| insert_user(tx, &name)).unwrap();
        let copy = killed_now(&place);
        let store = open_at(&copy.path().join("redoubt.db"), &place.key).unwrap();
        assert_eq!(store.read_blocking(audit_log::size).unwrap(), number + 1);
        assert_eq!(store.read_blocking(redoubt_store::users::list).unwrap().len() as u64, number + 1);
        assert_eq!(store.check_integrity().unwrap(), Vec::<String>::new());
    }
}

#[test]
fn a_log_cut_off_anywhere_gives_an_earlier_state_and_never_a_wrong_one() {
    let place = Place::new();
    for number in 0..10 {
        let name = format!("user {number}");
        place.store.write_blocking(move |tx| insert_user(tx, &name)).unwrap();
    }
    let copy = killed_now(&place);
    let log = fs::read(copy.path().join("redoubt.db-wal")).unwrap();
    let mut seen = 0;
    for step in 0..=40 {
        let length = log.len() * step / 40;
        fs::write(copy.path().join("redoubt.db-wal"), &log[..length]).unwrap();
        let _ = fs::remove_file(copy.path().join("redoubt.db-shm"));
        let store = open_at(&copy.path().join("redoubt.db"), &place.key).unwrap();
        let size = store.read_blocking(audit_log::size).unwrap();
        assert!(size >= seen, "a longer log gave an earlier state");
        seen = size;
        assert_eq!(store.check_integrity().unwrap(), Vec::<String>::new(), "cut at {length}");
        drop(store);
        fs::copy(place.file("redoubt.db"), copy.path().join("redoubt.db")).unwrap();
    }
    assert_eq!(seen, 10);
}

#[test]
fn the_log_goes_on_where_it_ended() {
    let mut place = Place::with_alice();
    for expected in 1..5 {
        let draft = Draft::new(catalogue::SYSTEM_BOOT, Outcome::Ok, Actor::system());
        assert_eq!(place.store.write_blocking(move |tx| tx.audit(draft)).unwrap(), expected);
        place.reopen();
        place.assert_intact();
    }
}
