//! Chats and messages: whose they are, in which order, how they end and how they go.

use redoubt_store::chats;
use redoubt_store::messages::{self, Finish, Message, Role, Status};
use redoubt_store::{Error, Tx};

use crate::support::{
    Place, SECOND_US, delete_chat, insert_chat, insert_message, insert_user, question, scope,
};

/// Alice with a chat of a question and two answers to it, and bob.
fn place() -> Place {
    let place = Place::with_alice();
    place
        .store
        .write_blocking(|tx| {
            insert_user(tx, "bob")?;
            insert_chat(tx, "alice", "chat", "Weather")?;
            insert_message(tx, "alice", &question("chat", "question", None, "Will it rain?"))?;
            for id in ["first answer", "second answer"] {
                insert_message(tx, "alice", &streaming(id))?;
            }
            Ok::<_, Error>(())
        })
        .unwrap();
    place
}

fn streaming(id: &str) -> Message {
    Message {
        role: Role::Assistant,
        status: Status::Streaming,
        model: Some("smollm2".to_owned()),
        ..question("chat", id, Some("question"), "")
    }
}

fn finish(status: Status, content: &str) -> Finish {
    Finish {
        status,
        content: content.to_owned(),
        finish_reason: Some("stop".to_owned()),
        prompt_tokens: Some(10),
        completion_tokens: Some(20),
        cached_tokens: Some(5),
        dropped_turns: Some(0),
        elapsed_ms: Some(1_234),
    }
}

#[test]
fn somebody_else_s_chat_does_not_exist() {
    let place = place();
    place
        .store
        .write_blocking(|tx: &mut Tx<'_>| {
            assert_eq!(chats::find(tx, &scope("bob"), "chat")?, None);
            assert!(chats::list(tx, &scope("bob"), 10, None)?.items.is_empty());
            assert!(messages::list(tx, "bob", "chat")?.is_empty());
            assert_eq!(messages::find(tx, "bob", "chat", "question")?, None);
            assert!(!chats::rename(tx, &scope("bob"), "chat", "Mine", 0)?);
            assert!(!chats::set_head(tx, &scope("bob"), "chat", "question", 0)?);
            assert!(!chats::touch(tx, &scope("bob"), "chat", 0)?);
            assert_eq!(chats::delete(tx, &scope("bob"), "chat")?, None);
            assert_eq!(chats::find(tx, &scope("alice"), "chat")?.unwrap().title, "Weather");
            assert_eq!(messages::list(tx, "alice", "chat")?.len(), 3);
            Ok::<_, Error>(())
        })
        .unwrap();
    let intruder =
        place.store.write_blocking(|tx| insert_message(tx, "bob", &question("chat", "mine", None, "Hello")));
    assert!(matches!(intruder, Err(Error::Sql(_))), "bob wrote into a chat of alice: {intruder:?}");
    place.assert_intact();
}

#[test]
fn a_parent_is_a_message_of_the_same_chat() {
    let place = place();
    let outcome = place.store.write_blocking(|tx| {
        insert_chat(tx, "alice", "other", "Other")?;
        insert_message(tx, "alice", &question("other", "follow-up", Some("question"), "And tomorrow?"))
    });
    assert!(matches!(outcome, Err(Error::Sql(_))), "{outcome:?}");
    let head = place.store.write_blocking(|tx| {
        insert_chat(tx, "alice", "other", "Other")?;
        chats::set_head(tx, &scope("alice"), "other", "question", 0)
    });
    assert!(!head.unwrap(), "the head is a message of another chat");
}

#[test]
fn messages_come_in_the_order_in_which_they_were_written() {
    let place = place();
    let ids: Vec<String> = place
        .store
        .read_blocking(|reader| messages::list(reader, "alice", "chat"))
        .unwrap()
        .into_iter()
        .map(|message| message.id)
        .collect();
    assert_eq!(ids, ["question", "first answer", "second answer"]);
}

#[test]
fn an_answer_ends_once() {
    let place = place();
    place
        .store
        .write_blocking(|tx| {
            assert_eq!(messages::list_streaming(tx)?.len(), 2);
            assert!(messages::finish(tx, "first answer", &finish(Status::Done, "It will."))?);
            assert!(!messages::finish(tx, "first answer", &finish(Status::Failed, ""))?);
            assert!(!messages::finish(tx, "question", &finish(Status::Failed, ""))?);
            assert!(!messages::finish(tx, "nothing", &finish(Status::Failed, ""))?);
            let answer = messages::find(tx, "alice", "chat", "first answer")?.unwrap();
            let expected = Message {
                content: "It will.".to_owned(),
                status: Status::Done,
                finish_reason: Some("stop".to_owned()),
                prompt_tokens: Some(10),
                completion_tokens: Some(20),
                cached_tokens: Some(5),
                dropped_turns: Some(0),
                elapsed_ms: Some(1_234),
                ..streaming("first answer")
            };
            assert_eq!(answer, expected);
            let open = messages::list_streaming(tx)?;
            assert_eq!(open, [("alice".to_owned(), streaming("second answer"))]);
            Ok::<_, Error>(())
        })
        .unwrap();
}

#[test]
fn a_long_list_comes_in_pages_without_gaps_or_repeats() {
    let place = Place::with_alice();
    for number in 0..25 {
        // Some at the same moment, so that the order among equals matters.
        place.clock.pass(if number % 3 == 0 { 1_000_000 } else { 0 });
        place
            .store
            .write_blocking(move |tx| insert_chat(tx, "alice", &format!("chat {number:02}"), "t"))
            .unwrap();
    }
    let (mut ids, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let from = cursor.clone();
        let page = place
            .store
            .read_blocking(move |reader| chats::list(reader, &scope("alice"), 10, from.as_deref()))
            .unwrap();
        ids.extend(page.items.into_iter().map(|chat| chat.id));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    let newest_first: Vec<String> = (0..25).rev().map(|number| format!("chat {number:02}")).collect();
    assert_eq!(ids, newest_first);
    for cursor in ["", "x", "1", ".", "1e9.x"] {
        let outcome =
            place.store.read_blocking(move |reader| chats::list(reader, &scope("alice"), 10, Some(cursor)));
        assert!(matches!(outcome, Err(Error::BadCursor)), "{cursor}");
    }
}

#[test]
fn a_chat_that_changes_moves_to_the_top() {
    let place = Place::with_alice();
    place.store.write_blocking(|tx| insert_chat(tx, "alice", "old", "t")).unwrap();
    place.clock.pass(1_000_000);
    place.store.write_blocking(|tx| insert_chat(tx, "alice", "new", "t")).unwrap();
    let first = || {
        let page = place.store.read_blocking(|reader| chats::list(reader, &scope("alice"), 1, None)).unwrap();
        page.items[0].id.clone()
    };
    assert_eq!(first(), "new");
    place
        .store
        .write_blocking(|tx| {
            let later = tx.now_us() + SECOND_US;
            chats::touch(tx, &scope("alice"), "old", later)
        })
        .unwrap();
    assert_eq!(first(), "old");
}

#[test]
fn deleting_a_chat_takes_its_messages_however_deep_they_go() {
    let place = place();
    place
        .store
        .write_blocking(|tx| {
            let mut parent = "question".to_owned();
            for number in 0..1_500 {
                let id = format!("turn {number}");
                insert_message(tx, "alice", &question("chat", &id, Some(&parent), "and then?"))?;
                parent = id;
            }
            Ok::<_, Error>(())
        })
        .unwrap();
    let gone = place.store.write_blocking(|tx| delete_chat(tx, "alice", "chat")).unwrap();
    assert_eq!(gone, Some(1_503));
    place
        .store
        .read_blocking(|reader| {
            assert_eq!(chats::find(reader, &scope("alice"), "chat")?, None);
            assert!(messages::list(reader, "alice", "chat")?.is_empty());
            assert!(messages::list_streaming(reader)?.is_empty());
            Ok::<_, Error>(())
        })
        .unwrap();
    place.assert_intact();
}
