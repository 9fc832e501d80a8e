//! The records, as an auditor gets them: complete, in order, provable, and without a word of content.

use std::collections::BTreeMap;

use redoubt_audit::Record;
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use crate::support::{Client, shared};

fn page(auditor: &Client, query: &str) -> Value {
    auditor.get(&format!("/api/v1/audit/records?{query}")).is(200).json()
}

/// The acts of one person, the oldest first.
fn acts(auditor: &Client, actor: &str) -> Vec<String> {
    let page = page(auditor, &format!("actor={actor}&limit=1000"));
    let items = page["items"].as_array().unwrap().iter().rev();
    items.map(|item| item["record"]["act"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_act_is_recorded_in_its_order() {
    let demo = shared();
    let auditor = demo.signed_in("auditor");
    let person = demo.next_analyst();
    let client = demo.sign_in(&person);
    let chat = client.new_chat();
    let path = format!("/api/v1/chats/{chat}");
    client.ask(&chat, "Say yes.");
    client.patch(&path, &json!({"title": "Renamed"})).is(200);
    client.chat(&chat);
    client.get(&format!("{path}/export?format=json")).is(200);
    client.get("/api/v1/audit/records").refuses(403, "forbidden");
    client.delete(&path).is(204);
    client.delete("/api/v1/session").is(204);
    let expected = [
        "totp.enrol",
        "login.password",
        "login.totp",
        "chat.create",
        "message.create",
        "inference.start",
        "inference.end",
        "chat.update",
        "chat.open",
        "chat.export",
        "authorisation.refused",
        "chat.delete",
        "logout",
    ];
    let recorded = acts(&auditor, &person.username);
    // The enrolment of a demo's person is the console's act.
    assert_eq!(recorded, expected[1..], "{recorded:?}");
}

#[test]
fn filters_choose_and_cursors_go_on() {
    let demo = shared();
    let auditor = demo.signed_in("auditor");
    demo.client().offer_password("no-such-person", "not the right password").refuses(401, "sign_in_failed");
    let denied = page(&auditor, "act=login.password&outcome=deny&actor=no-such-person");
    assert_eq!(denied["items"][0]["record"]["reason"], "unknown_name");
    let first = page(&auditor, "from=0&to=9&limit=4");
    let seqs = |page: &Value| -> Vec<u64> {
        page["items"].as_array().unwrap().iter().map(|item| item["seq"].as_u64().unwrap()).collect()
    };
    assert_eq!(seqs(&first), [9, 8, 7, 6]);
    let next = page(&auditor, &format!("from=0&to=9&limit=4&cursor={}", first["next"].as_str().unwrap()));
    assert_eq!(seqs(&next), [5, 4, 3, 2]);
    for wrong in ["from=yesterday", "outcome=perhaps", "cursor=x", "acts=login"] {
        auditor.get(&format!("/api/v1/audit/records?{wrong}")).refuses(422, "invalid");
    }
}

/// Leaf and root as RFC 6962 defines them, from nothing but the records that were handed out.
#[test]
fn leaves_and_root_follow_from_the_records() {
    let auditor = shared().signed_in("auditor");
    let newest = page(&auditor, "limit=1");
    let size = newest["size"].as_u64().unwrap();
    let mut leaves = BTreeMap::new();
    let mut cursor = String::new();
    loop {
        let page = page(&auditor, &format!("to={}&limit=1000{cursor}", size - 1));
        for item in page["items"].as_array().unwrap() {
            let record = Record::parse(item["record"].to_string().as_bytes()).unwrap();
            let leaf = digest(&SHA256, &[b"\0", record.bytes()].concat());
            assert_eq!(item["leaf"], data_encoding::HEXLOWER.encode(leaf.as_ref()));
            leaves.insert(item["seq"].as_u64().unwrap(), <[u8; 32]>::try_from(leaf.as_ref()).unwrap());
        }
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert!(leaves.keys().copied().eq(0..size), "numbers are missing");
    let root = redoubt_audit::root(&leaves.into_values().collect::<Vec<_>>());
    assert_eq!(newest["root"], data_encoding::HEXLOWER.encode(&root));
}

#[test]
fn no_record_holds_content() {
    const CANARY: &str = "kanarienvogel7c1f";
    let demo = shared();
    let (auditor, client) = (demo.signed_in("auditor"), demo.analyst());
    let chat = client.post("/api/v1/chats", &json!({"title": format!("{CANARY} title")})).is(201).json();
    let id = chat["id"].as_str().unwrap();
    let asked = client.ask(id, &format!("Repeat this word: {CANARY}"));
    client.get(&format!("/api/v1/search?q={CANARY}")).is(200);
    client.patch(&format!("/api/v1/chats/{id}"), &json!({"title": format!("{CANARY} again")})).is(200);
    client.get(&format!("/api/v1/chats/{id}/export?format=markdown")).is(200);
    client.get(&format!("/api/v1/chats/{CANARY}")).refuses(404, "not_found");
    client.stranger().get(&format!("/api/v1/chats/{CANARY}")).refuses(401, "not_signed_in");
    demo.client().offer_password("somebody-else", CANARY).refuses(401, "sign_in_failed");
    client.delete(&format!("/api/v1/chats/{id}")).is(204);
    let records = page(&auditor, "limit=1000")["items"].to_string();
    assert!(records.contains(&asked.answer), "these are not the records of that chat");
    assert!(!records.contains(CANARY));
    assert!(!records.contains("Repeat this word"));
}
