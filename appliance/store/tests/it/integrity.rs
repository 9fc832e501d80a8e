//! Damage to the file is found, whichever byte it hits.

use std::fs;

use redoubt_store::Error;

use crate::support::{Place, delete_chat, insert_chat, insert_message, open_at, question, scope};

/// A closed store with some of everything.
fn filled() -> Place {
    let place = Place::with_alice();
    for number in 0..10 {
        place
            .store
            .write_blocking(move |tx| {
                let chat = format!("chat {number}");
                insert_chat(tx, "alice", &chat, "title")?;
                for turn in 0..5 {
                    let text = format!("text {turn} ").repeat(40);
                    insert_message(tx, "alice", &question(&chat, &format!("{chat} {turn}"), None, &text))?;
                }
                Ok::<_, Error>(())
            })
            .unwrap();
    }
    place.store.write_blocking(|tx| delete_chat(tx, "alice", "chat 3")).unwrap();
    place.assert_intact();
    place.store.close().unwrap();
    place
}

#[test]
fn every_flipped_bit_of_the_file_is_refused_at_opening_or_found() {
    let place = filled();
    let path = place.file("redoubt.db");
    let whole = fs::read(&path).unwrap();
    // A fixed spread over all pages and all places in a page: data, then IV and HMAC at its end.
    let step = whole.len() / 150;
    for number in 0..150 {
        let mut bytes = whole.clone();
        let at = number * step + (number * 37) % step;
        bytes[at] ^= 1 << (number % 8);
        fs::write(&path, &bytes).unwrap();
        for leftover in ["redoubt.db-wal", "redoubt.db-shm"] {
            let _ = fs::remove_file(place.file(leftover));
        }
        match place.open() {
            Err(Error::WrongKey(_) | Error::Damaged(_)) => {}
            Err(other) => panic!("bit {number} at {at}: {other}"),
            Ok(store) => {
                let problems = store.check_integrity().unwrap();
                assert!(!problems.is_empty(), "bit {number} at {at} of {} was not found", whole.len());
            }
        }
    }
    fs::write(&path, &whole).unwrap();
    assert_eq!(place.open().unwrap().check_integrity().unwrap(), Vec::<String>::new());
}

#[test]
fn swapped_pages_are_found() {
    let place = filled();
    let path = place.file("redoubt.db");
    let mut bytes = fs::read(&path).unwrap();
    let (first, second) = bytes[4_096..12_288].split_at_mut(4_096);
    first.swap_with_slice(second);
    fs::write(&path, &bytes).unwrap();
    match place.open() {
        Err(Error::WrongKey(_) | Error::Damaged(_)) => {}
        Err(other) => panic!("{other}"),
        Ok(store) => assert!(!store.check_integrity().unwrap().is_empty()),
    }
}

#[test]
fn a_flipped_bit_in_the_log_never_gives_a_wrong_row() {
    let place = Place::with_alice();
    for number in 0..10 {
        place
            .store
            .write_blocking(move |tx| insert_chat(tx, "alice", &format!("chat {number}"), "title"))
            .unwrap();
    }
    let copy = tempfile::tempdir().unwrap();
    let (database, log) = (copy.path().join("redoubt.db"), copy.path().join("redoubt.db-wal"));
    let whole = fs::read(place.file("redoubt.db-wal")).unwrap();
    let step = whole.len() / 60;
    for number in 0..60 {
        let mut bytes = whole.clone();
        bytes[number * step + (number * 37) % step] ^= 1 << (number % 8);
        fs::copy(place.file("redoubt.db"), &database).unwrap();
        fs::write(&log, &bytes).unwrap();
        let _ = fs::remove_file(copy.path().join("redoubt.db-shm"));
        let store = open_at(&database, &place.key).unwrap();
        assert_eq!(store.check_integrity().unwrap(), Vec::<String>::new(), "bit {number}");
        let page =
            store.read_blocking(|reader| redoubt_store::chats::list(reader, &scope("alice"), 50, None));
        assert!(page.unwrap().items.iter().all(|chat| chat.title == "title"));
    }
}
