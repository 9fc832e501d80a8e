//! Chats whose time is over, holds that keep them, archives, and a log without old pages.

use std::fs;

use redoubt_audit::catalogue;
use redoubt_store::archives::{self, Archive};
use redoubt_store::holds::{self, Hold, Kind};
use redoubt_store::retention::{self, Count, Due};
use redoubt_store::{Error, Tx, search, workspaces};

use crate::support::{Place, START_US, draft, insert_chat, insert_message, insert_user, question, scope};

const LATER_US: i64 = START_US + 1_000_000;

fn hold(tx: &mut Tx<'_>, id: &str, kind: Kind, target: &str) -> Result<(), Error> {
    let hold = Hold {
        id: id.to_owned(),
        kind,
        target: target.to_owned(),
        label: target.to_owned(),
        reason: "a court asks".to_owned(),
        placed_at: tx.now_us(),
        placed_by: "alice".to_owned(),
        lifted_at: None,
        lifted_by: None,
    };
    holds::insert(tx, &hold)
}

/// Two chats of alice and one of bob.
fn place() -> Place {
    let place = Place::with_alice();
    let filled = place.store.write_blocking(|tx| {
        insert_user(tx, "bob")?;
        for (owner, chat) in [("alice", "a1"), ("alice", "a2"), ("bob", "b1")] {
            insert_chat(tx, owner, chat, "Heron")?;
            insert_message(tx, owner, &question(chat, &format!("{chat}-1"), None, "pelican"))?;
            let next = question(chat, &format!("{chat}-2"), Some(&format!("{chat}-1")), "gull");
            insert_message(tx, owner, &next)?;
        }
        Ok::<_, Error>(())
    });
    filled.unwrap();
    place
}

fn due(place: &Place) -> (Count, Vec<String>) {
    let read = place.store.read_blocking(|reader| {
        let count = retention::count(reader, workspaces::GENERAL, LATER_US)?;
        let mut ids: Vec<String> = Vec::new();
        let mut after: Option<Due> = None;
        while let Some(next) =
            retention::next(reader, workspaces::GENERAL, LATER_US, after.as_ref(), 1)?.pop()
        {
            assert!(retention::still(reader, &next)?.is_some(), "{next:?}");
            ids.push(next.id.clone());
            after = Some(next);
        }
        Ok::<_, Error>((count, ids))
    });
    read.unwrap()
}

#[test]
fn a_hold_keeps_a_chat_its_owner_s_chats_or_a_whole_workspace() {
    let place = place();
    let nothing_held = (Count { due: 3, held: 0, oldest: Some(START_US) }, vec!["a1", "a2", "b1"]);
    let plain = |(count, ids): (Count, Vec<String>)| (count, ids.join(" "));
    assert_eq!(plain(due(&place)), (nothing_held.0, nothing_held.1.join(" ")));
    for (id, kind, target, left) in [
        ("h1", Kind::Chat, "a2", "a1 b1"),
        ("h2", Kind::Person, "alice", "b1"),
        ("h3", Kind::Workspace, workspaces::GENERAL, ""),
    ] {
        place.store.write_blocking(move |tx| hold(tx, id, kind, target)).unwrap();
        let (count, ids) = due(&place);
        assert_eq!(ids.join(" "), left);
        assert_eq!((count.due, count.held), (ids.len() as u64, 3 - ids.len() as u64));
        assert_eq!(count.oldest.is_some(), !ids.is_empty());
    }
    for id in ["h1", "h2", "h3"] {
        let lifted = place.store.write_blocking(move |tx| holds::lift(tx, id, "alice", 7));
        assert!(lifted.unwrap(), "{id}");
    }
    assert_eq!(due(&place).0.due, 3);
    let again = place.store.write_blocking(|tx| holds::lift(tx, "h1", "alice", 7));
    assert!(!again.unwrap(), "it was lifted before");
}

#[test]
fn a_chat_that_changed_since_it_was_found_does_not_go() {
    let place = place();
    let found = Due { id: "a1".into(), updated_at: START_US - 1, messages: 2 };
    let still = place.store.read_blocking(move |reader| retention::still(reader, &found));
    assert_eq!(still.unwrap(), None);
}

#[test]
fn an_archived_chat_comes_back_as_it_was_and_is_found_again() {
    let place = place();
    let contents = place.store.read_blocking(|reader| archives::contents(reader, "a1")).unwrap().unwrap();
    assert_eq!(contents.messages.len(), 2);
    let kept = contents.clone();
    let archived = place.store.write_blocking(move |tx| {
        let seq = tx.audit(draft(catalogue::CHAT_ARCHIVE, "chat", "a1"))?;
        let archive = Archive {
            chat_id: "a1".into(),
            owner: "alice".into(),
            workspace: workspaces::GENERAL.into(),
            file: "general/a1.sealed".into(),
            sha256: String::new(),
            bytes: 1,
            messages: 2,
            archived_at: tx.now_us(),
        };
        archives::insert(tx, &archive, seq)?;
        retention::erase(tx, &kept.chat)
    });
    assert_eq!(archived.unwrap(), 2);
    place.assert_intact();
    let hits = || {
        let found = place.store.read_blocking(|reader| search::find(reader, &scope("alice"), "pelican", 9));
        found.unwrap().len()
    };
    assert_eq!(hits(), 1, "that of the other chat");

    let text = serde_json::to_string(&contents).unwrap();
    let back = place.store.write_blocking(move |tx| {
        tx.audit(draft(catalogue::CHAT_RESTORE, "chat", "a1"))?;
        assert!(archives::delete(tx, "a1")?);
        archives::put_back(tx, &serde_json::from_str(&text).unwrap())
    });
    back.unwrap();
    place.assert_intact();
    assert_eq!(hits(), 2);
    let again = place.store.read_blocking(|reader| archives::contents(reader, "a1")).unwrap().unwrap();
    assert_eq!((again.messages, again.audit_seq), (contents.messages, contents.audit_seq));
}

#[test]
fn the_log_is_cut_to_nothing_unless_a_reader_stays() {
    let place = place();
    let log = place.file("redoubt.db-wal");
    assert!(fs::metadata(&log).unwrap().len() > 0);
    let (store, (tell, told)) = (place.store.clone(), std::sync::mpsc::channel::<()>());
    let (ready, is_ready) = std::sync::mpsc::channel();
    let reading = std::thread::spawn(move || {
        store.read_blocking(move |reader| {
            retention::find(reader, "a1")?;
            ready.send(()).unwrap();
            let _dropped = told.recv();
            Ok::<_, Error>(())
        })
    });
    is_ready.recv().unwrap();
    place.store.write_blocking(|tx| insert_user(tx, "carol")).unwrap();
    assert!(!place.store.truncate_log().unwrap(), "a reader has an older state");
    assert!(fs::metadata(&log).unwrap().len() > 0);
    drop(tell);
    reading.join().unwrap().unwrap();
    assert!(place.store.truncate_log().unwrap());
    assert_eq!(fs::metadata(&log).unwrap().len(), 0);
    place.store.write_blocking(|tx| insert_user(tx, "dave")).unwrap();
    place.assert_intact();
}
