//! Key slots: each way of opening the store, and each way in which that fails.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use redoubt_store::keys::{Error, FILE_NAME, KeyFile, KeySlots, Kind, RecoveryKey};
use redoubt_store::{DataKey, Store};
use ring::rand::SystemRandom;

use crate::support::{Place, origin};

const INSTALL: &str = "7f3a1c9e-52d0-4b86-9f0e-6a4d2b8c1e35";

struct Secrets {
    data_key: DataKey,
    key_file: KeyFile,
    recovery_key: RecoveryKey,
    slots: KeySlots,
}

fn secrets() -> Secrets {
    let random = SystemRandom::new();
    let data_key = DataKey::generate(&random).unwrap();
    let (key_file, recovery_key) =
        (KeyFile::generate(&random).unwrap(), RecoveryKey::generate(&random).unwrap());
    let mut slots = KeySlots::new(INSTALL);
    slots.add_key_file(&data_key, &key_file, &random).unwrap();
    slots.add_recovery_key(&data_key, &recovery_key, &random).unwrap();
    Secrets { data_key, key_file, recovery_key, slots }
}

/// Two keys are the same if what one sealed the other opens.
fn same(place: &Place, key: DataKey) -> bool {
    place.store.close().unwrap();
    Store::open(place.options(), key, place.clock.clone(), origin()).is_ok()
}

#[test]
fn every_slot_opens_the_store_that_it_was_made_for() {
    let mut place = Place::new();
    let random = SystemRandom::new();
    let (key_file, recovery_key) =
        (KeyFile::generate(&random).unwrap(), RecoveryKey::generate(&random).unwrap());
    let mut slots = KeySlots::new(INSTALL);
    slots.add_key_file(&place.key, &key_file, &random).unwrap();
    slots.add_recovery_key(&place.key, &recovery_key, &random).unwrap();
    slots.save(&place.data_dir()).unwrap();

    let path = place.file("usb.key");
    key_file.save(&path).unwrap();
    let slots = KeySlots::load(&place.data_dir()).unwrap();
    assert_eq!(slots.install_id(), INSTALL);
    assert_eq!(slots.kinds().collect::<Vec<_>>(), [Kind::KeyFile, Kind::RecoveryKey]);
    assert!(same(&place, slots.open_with_key_file(&KeyFile::load(&path).unwrap()).unwrap()));
    place.reopen();
    let typed = RecoveryKey::parse(&recovery_key.to_text().to_lowercase()).unwrap();
    assert!(same(&place, slots.open_with_recovery_key(&typed).unwrap()));
    place.reopen();
    assert!(!same(&place, DataKey::generate(&random).unwrap()));
}

#[test]
fn the_slot_file_is_private_and_holds_no_key() {
    let folder = tempfile::tempdir().unwrap();
    let Secrets { recovery_key, slots, .. } = secrets();
    slots.save(folder.path()).unwrap();
    let path = folder.path().join(FILE_NAME);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let text = fs::read_to_string(&path).unwrap();
    assert!(!text.contains(&recovery_key.to_text().replace('-', "")));
    slots.save(folder.path()).unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "saving leaves a file behind");
}

#[test]
fn no_slots_no_such_slot_wrong_key_and_damage_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(KeySlots::load(folder.path()), Err(Error::NoSlots(_))));

    let Secrets { data_key, key_file, recovery_key, slots } = secrets();
    let random = SystemRandom::new();
    let (other_file, other_recovery) =
        (KeyFile::generate(&random).unwrap(), RecoveryKey::generate(&random).unwrap());
    assert!(matches!(slots.open_with_key_file(&other_file), Err(Error::WrongKey(Kind::KeyFile))));
    assert!(matches!(slots.open_with_recovery_key(&other_recovery), Err(Error::WrongKey(Kind::RecoveryKey))));

    let mut only_file = KeySlots::new(INSTALL);
    only_file.add_key_file(&data_key, &key_file, &random).unwrap();
    assert!(matches!(only_file.open_with_recovery_key(&recovery_key), Err(Error::NoSlot(Kind::RecoveryKey))));
}

#[test]
fn a_slot_with_any_changed_character_is_damaged_and_the_other_still_opens() {
    let folder = tempfile::tempdir().unwrap();
    let Secrets { key_file, recovery_key, slots, .. } = secrets();
    slots.save(folder.path()).unwrap();
    let path = folder.path().join(FILE_NAME);
    let text = fs::read_to_string(&path).unwrap();
    let sealed = text.find("\"sealed\": \"").unwrap() + 11;
    for at in sealed..sealed + 80 {
        let mut changed = text.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        fs::write(&path, &changed).unwrap();
        let slots = KeySlots::load(folder.path()).unwrap();
        let outcome = slots.open_with_key_file(&key_file);
        assert!(matches!(outcome, Err(Error::DamagedSlot(Kind::KeyFile))), "at {at}: {outcome:?}");
        slots.open_with_recovery_key(&recovery_key).unwrap();
    }
}

#[test]
fn a_slot_file_that_is_none_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE_NAME);
    secrets().slots.save(folder.path()).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    let cases = [
        String::new(),
        text[..text.len() / 2].to_owned(),
        text.replacen("\"v\": 1", "\"v\": 2", 1),
        text.replacen("\"v\": 1", "\"v\": 1, \"x\": 1", 1),
        text.replacen("key-file", "passphrase", 1),
    ];
    for case in cases {
        fs::write(&path, &case).unwrap();
        let outcome = KeySlots::load(folder.path());
        assert!(matches!(outcome, Err(Error::DamagedSlots { .. })), "{case}: {outcome:?}");
        assert_eq!(fs::read_to_string(&path).unwrap(), case);
    }
}

#[test]
fn a_slot_moved_to_another_installation_does_not_open() {
    let folder = tempfile::tempdir().unwrap();
    let Secrets { key_file, slots, .. } = secrets();
    slots.save(folder.path()).unwrap();
    let path = folder.path().join(FILE_NAME);
    let moved = fs::read_to_string(&path).unwrap().replace(INSTALL, "another");
    fs::write(&path, moved).unwrap();
    let outcome = KeySlots::load(folder.path()).unwrap().open_with_key_file(&key_file);
    assert!(matches!(outcome, Err(Error::DamagedSlot(Kind::KeyFile))), "{outcome:?}");
}

#[test]
fn a_key_file_has_32_bytes_and_is_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("usb.key");
    assert!(matches!(KeyFile::load(&path), Err(Error::BadKeyFile { .. })));
    let key_file = KeyFile::generate(&SystemRandom::new()).unwrap();
    key_file.save(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(matches!(key_file.save(&path), Err(Error::Io { .. })));
    for length in [0, 31, 33, 64] {
        fs::write(&path, vec![1; length]).unwrap();
        assert!(matches!(KeyFile::load(&path), Err(Error::BadKeyFile { .. })), "{length} bytes");
    }
}
