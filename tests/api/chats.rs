//! Chats: made, listed page by page, renamed, found, exported, deleted.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{Client, shared};

fn titled(client: &Client, title: &str) -> String {
    let chat = client.post("/api/v1/chats", &json!({"title": title})).is(201).json();
    assert_eq!(chat["title"], title);
    chat["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_chat_is_made_renamed_and_deleted() {
    let client = shared().analyst();
    let made = client.post("/api/v1/chats", &json!({"title": "Weekly report"})).is(201).json();
    assert_eq!(made["messages"], json!([]));
    assert_eq!(made["head"], Value::Null);
    let path = format!("/api/v1/chats/{}", made["id"].as_str().unwrap());
    assert_eq!(client.get(&path).is(200).json(), made);
    let renamed = client.patch(&path, &json!({"title": "Monthly report"})).is(200).json();
    assert_eq!(renamed["title"], "Monthly report");
    client.patch(&path, &json!({})).refuses(422, "invalid");
    client.patch(&path, &json!({"title": "x".repeat(121)})).refuses(422, "invalid");
    assert_eq!(client.get(&path).is(200).json()["title"], "Monthly report");
    client.delete(&path).is(204);
    client.get(&path).refuses(404, "not_found");
    client.delete(&path).refuses(404, "not_found");
    assert_eq!(client.get("/api/v1/chats").is(200).json(), json!({"items": [], "next": null}));
}

#[test]
fn pages_of_chats_show_each_once_the_newest_first() {
    let client = shared().analyst();
    let made: Vec<String> = (0..7).map(|number| titled(&client, &format!("Chat {number}"))).collect();
    let mut listed = Vec::new();
    let mut next = String::new();
    for expected in [3, 3, 1] {
        let page = client.get(&format!("/api/v1/chats?limit=3{next}")).is(200).json();
        let items = page["items"].as_array().unwrap();
        assert_eq!(items.len(), expected);
        assert!(items.iter().all(|chat| chat.get("messages").is_none()));
        listed.extend(items.iter().map(|chat| chat["id"].as_str().unwrap().to_owned()));
        next = page["next"].as_str().map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
    }
    assert_eq!(next, "", "there is another page");
    assert_eq!(listed, made.into_iter().rev().collect::<Vec<_>>());
}

#[test]
fn search_finds_titles_and_messages_of_one_s_own_and_takes_no_operators() {
    let demo = shared();
    let (client, other) = (demo.analyst(), demo.analyst());
    let titled_chat = titled(&client, "Zanzibar logistics");
    let chat = client.new_chat();
    let asked = client.ask(&chat, "Tell me of the quokka-habitat.");
    titled(&other, "Zanzibar too");
    let search = |query: &str| {
        let found = client.get(&format!("/api/v1/search?q={query}")).is(200).json();
        found["items"].as_array().unwrap().clone()
    };
    let by_title = search("zanzi");
    assert_eq!(by_title.len(), 1, "{by_title:?}");
    assert_eq!(by_title[0]["chat"]["id"], titled_chat.as_str());
    let by_message = search("quokka");
    let hit = by_message.iter().find(|hit| hit["message"] == asked.question.as_str()).unwrap();
    assert_eq!(hit["chat"]["id"], chat.as_str());
    let parts = hit["snippet"].as_array().unwrap();
    assert!(parts.iter().any(|part| part["match"] == true && part["text"] == "quokka"), "{parts:?}");
    for hostile in ["%22", "*", "NEAR(", "a%20OR%20b", "title%3Ax", "-", "%00", "%27%3B--"] {
        search(hostile);
    }
    client.get(&format!("/api/v1/search?q={}", "x".repeat(201))).refuses(422, "invalid");
    client.delete(&format!("/api/v1/chats/{chat}")).is(204);
    assert_eq!(search("quokka"), [Value::Null; 0]);
}

#[test]
fn exports_are_files_with_the_whole_chat() {
    let client = shared().analyst();
    let chat = titled(&client, "Übersicht: \"Q3\"/../x");
    let asked = client.ask(&chat, "Say **yes**.");
    let markdown = client.get(&format!("/api/v1/chats/{chat}/export?format=markdown")).is(200);
    assert_eq!(markdown.header("content-type"), Some("text/markdown; charset=utf-8"));
    assert!(markdown.text().contains("Say **yes**.") && markdown.text().contains(asked.text().trim()));
    let exported = client.get(&format!("/api/v1/chats/{chat}/export?format=json")).is(200);
    for answer in [&markdown, &exported] {
        let disposition = answer.header("content-disposition").unwrap();
        let name = disposition.strip_prefix("attachment; filename=\"").unwrap().strip_suffix('"').unwrap();
        assert!(
            name.chars().all(|c| !matches!(c, '/' | '\\' | '"')) && !name.starts_with('.'),
            "{disposition}"
        );
    }
    let exported = exported.json();
    let contents: BTreeSet<_> =
        exported["messages"].as_array().unwrap().iter().map(|m| m["content"].as_str()).collect();
    assert_eq!(contents, BTreeSet::from([Some("Say **yes**."), Some(asked.text().as_str())]));
}

/// What somebody reads of an answer that has ended is an opened chat, whichever way they came by it.
#[test]
fn reading_an_ended_answer_is_recorded_before_it_is_shown() {
    let demo = shared();
    let person = demo.next_analyst();
    let client = demo.sign_in(&person);
    let chat = client.new_chat();
    let asked = client.ask(&chat, "Say yes.");
    let opened = || {
        let path = format!("/api/v1/audit/records?act=chat.open&actor={}", person.username);
        demo.signed_in("auditor").get(&path).is(200).json()["items"].as_array().unwrap().len()
    };
    let before = opened();
    let events = format!("/api/v1/chats/{chat}/messages/{}/events", asked.answer);
    let read = client.stream("GET", &events, None).finish();
    assert_eq!((read.text(), opened()), (asked.text(), before + 1));
}
