//! What one person does that others wait for has bounds, and what is shown was recorded before.

use std::thread;
use std::time::Duration;

use redoubt_audit::{Actor, Draft, Object, Outcome, catalogue};
use redoubt_store::messages::{self, Message, Role, Status};
use redoubt_store::users;
use serde_json::json;

use super::appliance::House;
use crate::support::await_some;

/// Puts messages of this length into a chat, as if they had been asked and answered.
fn fill(house: &House, owner: &str, chat: &str, messages: usize, bytes: usize) {
    let (owner, chat) = (owner.to_owned(), chat.to_owned());
    let filled = house.store.write_blocking(move |tx| {
        for number in 0..messages {
            let id = format!("{chat}-{number}");
            let draft = Draft::new(catalogue::MESSAGE_CREATE, Outcome::Ok, Actor::system());
            let seq =
                tx.audit(draft.object(Object::new("message", id.clone())).data("chat", chat.as_str()))?;
            let message = Message {
                id,
                chat_id: chat.clone(),
                parent: None,
                role: Role::User,
                content: "x".repeat(bytes),
                status: Status::Done,
                finish_reason: None,
                model: None,
                prompt_tokens: None,
                completion_tokens: None,
                cached_tokens: None,
                dropped_turns: None,
                elapsed_ms: None,
                created_at: 0,
            };
            messages::insert(tx, &owner, &message, seq)?;
        }
        Ok::<_, redoubt_store::Error>(())
    });
    filled.unwrap();
}

#[test]
fn a_full_chat_says_so_and_stays_readable() {
    let house = House::open();
    let alice = house.analyst("alice");
    let id = house.person("alice", users::Role::Analyst).id;
    let (many, long) = (alice.new_chat(), alice.new_chat());
    fill(&house, &id, &many, 1_998, 1);
    fill(&house, &id, &long, 31, 256 << 10);
    for chat in [&many, &long] {
        // The last that has room.
        alice.ask(chat, "Say yes.");
    }
    let path = |chat: &str| format!("/api/v1/chats/{chat}");
    let question = json!({"content": "Say yes."});
    let refused = alice.post(&format!("{}/messages", path(&many)), &question).refuses(422, "invalid");
    let title = refused.json()["title"].as_str().unwrap().to_owned();
    assert!(title.starts_with("This chat is full") && title.ends_with("Begin a new chat."), "{title}");
    let first = format!("{many}-0");
    alice.post(&format!("{}/messages/{first}/regenerate", path(&many)), &json!({})).refuses(422, "invalid");
    let long_question = json!({"content": "x ".repeat(128 << 10)});
    alice.post(&format!("{}/messages", path(&long)), &long_question).refuses(422, "invalid");
    for chat in [&many, &long] {
        let messages = alice.get(&path(chat)).is(200).json()["messages"].as_array().unwrap().len();
        assert!([2_000, 33].contains(&messages), "{messages}");
        alice.get(&format!("{}/export?format=json", path(chat))).is(200);
    }
}

/// While nothing can be recorded, nothing is shown.
#[test]
fn chats_and_records_are_shown_after_their_record_only() {
    let house = House::open();
    let (alice, auditor) = (house.analyst("alice"), house.sign_in("auditor", users::Role::Auditor));
    let chat = alice.new_chat();
    let store = house.store.clone();
    let busy = thread::spawn(move || {
        store.write_blocking(|_| {
            thread::sleep(Duration::from_secs(8));
            Ok::<_, redoubt_store::Error>(())
        })
    });
    thread::sleep(Duration::from_millis(200));
    alice.get(&format!("/api/v1/chats/{chat}")).refuses(503, "audit_unavailable");
    alice.get(&format!("/api/v1/chats/{chat}/export?format=json")).refuses(503, "audit_unavailable");
    auditor.get("/api/v1/audit/records").refuses(503, "audit_unavailable");
    busy.join().unwrap().unwrap_err();
    await_some("a store that writes", || (auditor.get("/api/v1/audit/records").status == 200).then_some(()));
    assert_eq!(house.records("chat.open").len(), 0);
}
