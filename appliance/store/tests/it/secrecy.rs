//! What was written is not to be read from the files, and what was deleted is not in the database.

use std::fs;
use std::path::Path;

use redoubt_store::Error;

use crate::support::{Place, delete_chat, insert_chat, insert_message, question, scope};

const CANARY: &str = "CANARY7f3a1c9e";

/// The files of a folder that hold the text, in UTF-8 or UTF-16.
fn holding(folder: &Path, text: &str) -> Vec<String> {
    let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            let bytes = fs::read(path).unwrap();
            [text.as_bytes(), text.to_lowercase().as_bytes(), &wide]
                .iter()
                .any(|needle| bytes.windows(needle.len()).any(|window| window == *needle))
        })
        .map(|path| path.display().to_string())
        .collect()
}

#[test]
fn no_file_holds_what_was_written() {
    let place = Place::with_alice();
    for number in 0..50 {
        place
            .store
            .write_blocking(move |tx| {
                let chat = format!("{CANARY}chat{number}");
                insert_chat(tx, "alice", &chat, &format!("{CANARY} title"))?;
                for turn in 0..20 {
                    let text = format!("{CANARY} {number} {turn} ").repeat(20);
                    insert_message(tx, "alice", &question(&chat, &format!("{chat}m{turn}"), None, &text))?;
                }
                Ok::<_, Error>(())
            })
            .unwrap();
        place
            .store
            .read_blocking(|reader| redoubt_store::search::find(reader, &scope("alice"), CANARY, 50))
            .unwrap();
        if number % 10 == 0 {
            assert_eq!(holding(&place.data_dir(), CANARY), Vec::<String>::new(), "after {number} chats");
        }
    }
    assert!(fs::metadata(place.file("redoubt.db-wal")).unwrap().len() > 0);
    place.store.write_blocking(|tx| delete_chat(tx, "alice", &format!("{CANARY}chat0"))).unwrap();
    assert_eq!(holding(&place.data_dir(), CANARY), Vec::<String>::new());
    assert_eq!(holding(&place.data_dir(), "CREATE TABLE"), Vec::<String>::new());
    place.store.close().unwrap();
    assert_eq!(holding(&place.data_dir(), CANARY), Vec::<String>::new());
}

#[test]
fn the_search_for_canaries_finds_one_in_a_plain_file() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("plain"), format!("…{CANARY}…")).unwrap();
    assert_eq!(holding(folder.path(), CANARY).len(), 1);
}
