//! A copy under another key: all of it, opened by that key and no other.

use std::fs;

use redoubt_store::{DataKey, Error, Options, Store, audit_log, search, totp};
use ring::rand::SystemRandom;

use crate::sealing::with_epochs;
use crate::support::{Place, insert_chat, insert_user, open_at, origin, scope};

const PURPOSE: &str = "test";

/// A place with people, words that are found, a sealed secret, and a log that is signed.
fn filled() -> Place {
    let place = with_epochs(3);
    let sealed = place.store.seal(PURPOSE, b"alice", b"secret").unwrap();
    place
        .store
        .write_blocking(move |tx| {
            insert_user(tx, "alice")?;
            insert_chat(tx, "alice", "c", "Brown pelican")?;
            let secret = totp::Totp { user_id: "alice".into(), sealed, last_step: 7, confirmed_at: Some(1) };
            totp::insert(tx, &secret)?;
            tx.checkpoint()?;
            Ok::<_, Error>(())
        })
        .unwrap();
    place
}

#[test]
fn a_copy_under_another_key_is_a_whole_store_that_goes_on() {
    let place = filled();
    let key = DataKey::generate(&SystemRandom::new()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("redoubt.db");
    let copied = place.store.export(&path, &key).unwrap();
    assert_eq!(copied.records, place.store.read_blocking(audit_log::size).unwrap());
    assert!(copied.checkpoint.is_some());
    assert!(matches!(open_at(&path, &place.key), Err(Error::WrongKey(_))));

    let copy = Store::open(Options::at(&path), key.clone(), place.clock.clone(), origin()).unwrap();
    assert_eq!(copy.check_integrity().unwrap(), Vec::<String>::new());
    let found = copy.read_blocking(|reader| search::find(reader, &scope("alice"), "pelican", 9)).unwrap();
    assert_eq!(found.len(), 1);
    // Sealed values are their owner's: still by the old key, and then by the new one.
    let (old, new) = (place.key.clone(), copy.clone());
    let anew = move |id: &str, sealed: &[u8]| {
        new.seal(PURPOSE, id.as_bytes(), &old.unseal(PURPOSE, id.as_bytes(), sealed)?)
    };
    let resealed = copy.write_blocking(move |tx| {
        insert_user(tx, "bob")?;
        let resealed = totp::reseal(tx, anew)?;
        // Signed by a key of an epoch, which the new key opens.
        assert!(tx.checkpoint()?.is_some());
        Ok::<_, Error>(resealed)
    });
    assert_eq!(resealed.unwrap(), 1);
    let secret = copy.read_blocking(|reader| totp::find(reader, "alice")).unwrap().unwrap();
    assert_eq!(&**key.unseal(PURPOSE, b"alice", &secret.sealed).unwrap(), b"secret");
    copy.close().unwrap();
    let again = Store::open(Options::at(&path), key, place.clock.clone(), origin()).unwrap();
    assert_eq!(again.check_integrity().unwrap(), Vec::<String>::new());
    place.assert_intact();
}

#[test]
fn a_copy_is_of_one_moment_while_others_write_and_never_over_a_file() {
    let place = filled();
    let key = DataKey::generate(&SystemRandom::new()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let store = place.store.clone();
    let writer = std::thread::spawn(move || {
        for number in 0..200 {
            store.write_blocking(move |tx| insert_user(tx, &format!("user {number}"))).unwrap();
        }
    });
    for number in 0..5 {
        let path = folder.path().join(format!("{number}.db"));
        place.store.export(&path, &key).unwrap();
    }
    writer.join().unwrap();
    let taken = folder.path().join("taken");
    fs::write(&taken, "mine").unwrap();
    assert!(place.store.export(&taken, &key).is_err());
    assert_eq!(fs::read(&taken).unwrap(), b"mine");
}
