//! Key slots: each way of opening the store, and each way in which that fails.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use redoubt_store::keys::{
    Description, Error, FILE_NAME, KeyFile, KeySlots, Kind, Passphrase, RecoveryKey, Secret,
};
use redoubt_store::{DataKey, Store};
use ring::rand::SystemRandom;

use crate::support::{Place, origin};

const INSTALL: &str = "7f3a1c9e-52d0-4b86-9f0e-6a4d2b8c1e35";

struct Secrets {
    data_key: DataKey,
    key_file: Secret,
    recovery_key: Secret,
    slots: KeySlots,
}

fn key_file() -> Secret {
    Secret::KeyFile(KeyFile::generate(&SystemRandom::new()).unwrap())
}

fn recovery_key() -> Secret {
    Secret::RecoveryKey(RecoveryKey::generate(&SystemRandom::new()).unwrap())
}

fn passphrase(typed: &str) -> Secret {
    Secret::Passphrase(Passphrase::parse(typed).unwrap())
}

fn add(slots: &mut KeySlots, data_key: &DataKey, secret: &Secret) {
    slots.add(data_key, secret, Description::default(), &SystemRandom::new()).unwrap();
}

fn secrets() -> Secrets {
    let data_key = DataKey::generate(&SystemRandom::new()).unwrap();
    let (key_file, recovery_key) = (key_file(), recovery_key());
    let mut slots = KeySlots::new(INSTALL);
    add(&mut slots, &data_key, &key_file);
    add(&mut slots, &data_key, &recovery_key);
    Secrets { data_key, key_file, recovery_key, slots }
}

/// Two keys are the same if what one sealed the other opens.
fn same(place: &mut Place, key: DataKey) -> bool {
    place.store.close().unwrap();
    let opens = Store::open(place.options(), key, place.clock.clone(), origin()).is_ok();
    place.reopen();
    opens
}

#[test]
fn every_slot_opens_the_store_that_it_was_made_for() {
    let mut place = Place::new();
    let random = SystemRandom::new();
    let file = KeyFile::generate(&random).unwrap();
    let (path, data_key) = (place.file("usb.key"), place.key.clone());
    file.save(&path).unwrap();
    let credential = Secret::Credential(KeyFile::generate(&random).unwrap());
    let recovery = RecoveryKey::generate(&random).unwrap();
    let printed = recovery.to_text();
    let words = "staple battery horse correct";
    let mut slots = KeySlots::new(INSTALL);
    for secret in [&Secret::KeyFile(file), &credential, &passphrase(words), &Secret::RecoveryKey(recovery)] {
        add(&mut slots, &data_key, secret);
    }
    slots.save(&place.data_dir()).unwrap();
    let slots = KeySlots::load(&place.data_dir()).unwrap();
    assert_eq!(slots.install_id(), INSTALL);
    let typed = RecoveryKey::parse(&printed.to_lowercase()).unwrap();
    let loaded = Secret::KeyFile(KeyFile::load(&path).unwrap());
    // The service manager hands a credential over as a file.
    let Secret::Credential(handed) = credential else { unreachable!() };
    let tried = [
        (Kind::KeyFile, loaded),
        (Kind::Credential, Secret::KeyFile(handed)),
        (Kind::Passphrase, passphrase(words)),
        (Kind::RecoveryKey, Secret::RecoveryKey(typed)),
    ];
    for ((kind, secret), slot) in tried.iter().zip(slots.slots()) {
        let (key, opened) = slots.open(secret).unwrap();
        assert_eq!((opened.kind(), opened.id()), (*kind, slot.id()));
        assert!(same(&mut place, key), "{kind}");
    }
    assert!(!same(&mut place, DataKey::generate(&random).unwrap()));
}

#[test]
fn the_slot_file_is_private_and_holds_no_key() {
    let folder = tempfile::tempdir().unwrap();
    let Secrets { recovery_key: Secret::RecoveryKey(recovery_key), slots, .. } = secrets() else {
        unreachable!()
    };
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
    assert!(matches!(slots.open(&self::key_file()), Err(Error::WrongKey(Kind::KeyFile))));
    assert!(matches!(slots.open(&self::recovery_key()), Err(Error::WrongKey(Kind::RecoveryKey))));

    let mut only_file = KeySlots::new(INSTALL);
    add(&mut only_file, &data_key, &key_file);
    assert!(matches!(only_file.open(&recovery_key), Err(Error::NoSlot(Kind::RecoveryKey))));
    add(&mut only_file, &data_key, &passphrase("staple battery horse correct"));
    let wrong = passphrase("staple battery horse Correct");
    assert!(matches!(only_file.open(&wrong), Err(Error::WrongKey(Kind::Passphrase))));
}

#[test]
fn a_slot_goes_with_its_key_and_the_last_one_stays() {
    let Secrets { data_key, key_file, recovery_key, mut slots } = secrets();
    let id = |slots: &KeySlots| slots.slots()[0].id().to_owned();
    assert!(matches!(slots.remove("nobody's"), Err(Error::UnknownSlot(_))));
    let first = id(&slots);
    assert_eq!(slots.remove(&first).unwrap().kind(), Kind::KeyFile);
    assert!(matches!(slots.open(&key_file), Err(Error::NoSlot(Kind::KeyFile))));
    slots.open(&recovery_key).unwrap();
    let last = id(&slots);
    assert!(matches!(slots.remove(&last), Err(Error::LastSlot)));
    slots.open(&recovery_key).unwrap();
    while slots.slots().len() < 16 {
        add(&mut slots, &data_key, &self::key_file());
    }
    let outcome = slots.add(&data_key, &key_file, Description::default(), &SystemRandom::new());
    assert!(matches!(outcome, Err(Error::TooManySlots)), "{outcome:?}");
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
        let outcome = slots.open(&key_file);
        assert!(matches!(outcome, Err(Error::DamagedSlot(Kind::KeyFile))), "at {at}: {outcome:?}");
        slots.open(&recovery_key).unwrap();
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
        text.replacen("key-file", "fingerprint", 1),
        text.replacen("\"slots\": [", &format!("\"slots\": [{}", " ".repeat(300_000)), 1),
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
    let moved = KeySlots::load(folder.path()).unwrap();
    let outcome = moved.open(&key_file);
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
