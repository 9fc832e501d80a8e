//! Damage to the file is found, whichever byte it hits.

use std::fs;
use std::time::Duration;

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
fn a_quick_look_finds_a_changed_page_and_ends_when_its_time_is_over() {
    let place = filled();
    let path = place.file("redoubt.db");
    let look = |budget| place.open().unwrap().quick_check(budget).unwrap();
    let intact = look(Duration::from_secs(60));
    assert_eq!((intact.problems.len(), intact.whole), (0, true), "{intact:?}");
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 4096 / 2 * 4096 + 100;
    bytes[middle] ^= 1;
    fs::write(&path, &bytes).unwrap();
    assert!(!look(Duration::from_secs(60)).problems.is_empty());
    bytes[middle] ^= 1;
    fs::write(&path, &bytes).unwrap();

    let store = place.open().unwrap();
    for number in 0..40 {
        let text = format!("{number} ").repeat(80_000);
        store
            .write_blocking(move |tx| {
                insert_message(tx, "alice", &question("chat 1", &format!("long {number}"), None, &text))
            })
            .unwrap();
    }
    assert!(!store.quick_check(Duration::ZERO).unwrap().whole);
    assert!(store.quick_check(Duration::from_secs(60)).unwrap().whole);
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
