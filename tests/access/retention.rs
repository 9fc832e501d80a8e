//! Chats go when their time is over: as the preview says, archived or deleted, and not while a law keeps them.

use std::fs;
use std::path::PathBuf;

use redoubt_store::users::Role;
use serde_json::{Value, json};

use super::appliance::{House, block_on};
use crate::support::Client;

const GENERAL: &str = "/api/v1/admin/workspaces/general";
const PREVIEW: &str = "/api/v1/admin/retention/preview";
const RUN: &str = "/api/v1/admin/retention/run";
const ARCHIVES: &str = "/api/v1/admin/archives";
const DAY: i64 = 24 * 60 * 60;

fn items(list: &Value) -> &Vec<Value> {
    list["items"].as_array().unwrap()
}

fn keeps(house: &House, days: u32, action: &str) {
    let change = json!({"retention_days": days, "retention_action": action});
    let changed = house.admin().patch(GENERAL, &change).is(200).json();
    assert_eq!((&changed["retention_days"], &changed["retention_action"]), (&json!(days), &json!(action)));
}

fn titled(client: &Client, title: &str) -> String {
    let chat = client.post("/api/v1/chats", &json!({ "title": title })).is(201).json();
    chat["id"].as_str().unwrap().to_owned()
}

fn sealed_files(house: &House) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(house.data().join("data/archives/general")) else { return Vec::new() };
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn a_run_does_what_its_preview_says_and_leaves_what_is_held() {
    let house = House::open();
    let alice = house.analyst("alice");
    let old: Vec<String> = (0..60).map(|number| titled(&alice, &format!("heron {number}"))).collect();
    let auditor = house.sign_in("auditor", Role::Auditor);
    for chat in &old[..3] {
        let hold = json!({"kind": "chat", "target": chat, "reason": "x"});
        auditor.post("/api/v1/audit/holds", &hold).is(201);
    }
    assert_eq!(house.admin().get(PREVIEW).is(200).json(), json!({"items": []}), "chats are kept for ever");
    house.clock.advance(10 * DAY);
    let alice = house.analyst("alice");
    let young = titled(&alice, "gull");
    keeps(&house, 10, "delete");
    let admin = house.admin();
    let preview = admin.get(PREVIEW).is(200).json();
    let outlook = &items(&preview)[0];
    assert_eq!((&outlook["due"], &outlook["held"]), (&json!(57), &json!(3)));
    assert!(!preview.to_string().contains("heron"), "a title: {preview}");
    assert!(outlook["oldest"].as_str().is_some());

    let run = admin.post(RUN, &json!({})).is(200).json();
    let outcome = &items(&run)[0];
    assert_eq!(
        (&outcome["deleted"], &outcome["archived"], &outcome["held"], &outcome["failed"]),
        (&outlook["due"], &json!(0), &outlook["held"], &json!(0))
    );
    let left: Vec<Value> =
        items(&house.analyst("alice").get("/api/v1/chats?limit=100").is(200).json()).clone();
    let left: Vec<&str> = left.iter().map(|chat| chat["id"].as_str().unwrap()).collect();
    assert_eq!(left.len(), 4);
    assert!(left.contains(&young.as_str()) && old[..3].iter().all(|chat| left.contains(&chat.as_str())));
    let records = house.records("chat.delete");
    assert_eq!(records.len(), 57);
    assert!(records.iter().all(|record| record["reason"] == "retention"));
    let ran = &house.records("retention.run")[0];
    assert_eq!((&ran["d"]["deleted"], &ran["d"]["held"]), (&json!(57), &json!(3)));
    assert_eq!((&ran["obj"]["id"], &ran["actor"]["name"]), (&json!("general"), &json!("root")));
    let again = house.admin().post(RUN, &json!({})).is(200).json();
    assert_eq!((&items(&again)[0]["deleted"], &items(&again)[0]["held"]), (&json!(0), &json!(3)));
}

#[test]
fn an_archived_chat_is_a_sealed_file_until_an_admin_puts_it_back_unread() {
    let house = House::open();
    let alice = house.analyst("alice");
    let chat = titled(&alice, "The pelican file");
    let answer = alice.ask(&chat, "Say pelican.").answer;
    let before = alice.chat(&chat);
    house.clock.advance(31 * DAY);
    keeps(&house, 30, "archive");
    let run = house.admin().post(RUN, &json!({})).is(200).json();
    assert_eq!((&items(&run)[0]["archived"], &items(&run)[0]["deleted"]), (&json!(1), &json!(0)));
    let alice = house.analyst("alice");
    alice.get(&format!("/api/v1/chats/{chat}")).refuses(404, "not_found");
    assert_eq!(items(&alice.get("/api/v1/search?q=pelican").is(200).json()).len(), 0);
    let files = sealed_files(&house);
    assert_eq!(files.len(), 1);
    let bytes = fs::read(&files[0]).unwrap();
    assert!(!bytes.windows(7).any(|window| window.eq_ignore_ascii_case(b"pelican")));

    let admin = house.admin();
    let listed = admin.get(ARCHIVES).is(200).json();
    let archive = &items(&listed)[0];
    assert_eq!((&archive["id"], &archive["owner"]), (&json!(chat), &json!("alice")));
    assert_eq!((&archive["messages"], &archive["bytes"]), (&json!(2), &json!(bytes.len())));
    assert!(!listed.to_string().contains("pelican"), "{listed}");
    let path = format!("{ARCHIVES}/{chat}/restore");
    admin.post(&path, &json!({})).is(204);
    admin.post(&path, &json!({})).refuses(404, "not_found");
    assert_eq!(sealed_files(&house), Vec::<PathBuf>::new());

    let alice = house.analyst("alice");
    let mut after = alice.chat(&chat);
    assert_ne!(after["updated_at"], before["updated_at"], "its time begins anew");
    after["updated_at"] = before["updated_at"].clone();
    assert_eq!(after, before);
    assert_eq!(alice.message(&chat, &answer)["status"], "done");
    assert!(!items(&alice.get("/api/v1/search?q=pelican").is(200).json()).is_empty());
    let archived = &house.records("chat.archive")[0];
    assert_eq!((&archived["reason"], &archived["d"]["messages"]), (&json!("retention"), &json!(2)));
    assert_eq!(house.records("chat.restore")[0]["d"]["sha256"], archived["d"]["sha256"]);
    assert_eq!(
        house.records("chat.open").iter().filter(|record| record["actor"]["name"] != "alice").count(),
        0
    );
}

#[test]
fn a_changed_archive_is_not_put_back_and_its_workspace_stays() {
    let house = House::open();
    let harbour = house.workspace("Harbour", &["alice"]);
    let alice = house.analyst("alice");
    let made = alice.post("/api/v1/chats", &json!({"workspace": harbour})).is(201).json();
    let chat = made["id"].as_str().unwrap();
    house.clock.advance(2 * DAY);
    let path = format!("/api/v1/admin/workspaces/{harbour}");
    let change = json!({"retention_days": 1, "retention_action": "archive"});
    house.admin().patch(&path, &change).is(200);
    let admin = house.admin();
    admin.post(RUN, &json!({})).is(200);
    admin.delete(&path).refuses(409, "conflict");
    let folder = house.data().join("data/archives").join(&harbour);
    let file = fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
    let whole = fs::read(&file).unwrap();
    let mut changed = whole.clone();
    changed[40] ^= 1;
    let restore = format!("{ARCHIVES}/{chat}/restore");
    for bytes in [&changed[..], &whole[..20]] {
        fs::write(&file, bytes).unwrap();
        admin.post(&restore, &json!({})).refuses(500, "internal");
    }
    assert_eq!(items(&admin.get(ARCHIVES).is(200).json()).len(), 1);
    // What an interrupted run left goes with the next one; what is known stays.
    fs::write(&file, &whole).unwrap();
    let stray = folder.join("2026-01-01-stray.sealed");
    fs::write(&stray, b"x").unwrap();
    admin.post(RUN, &json!({})).is(200);
    assert!(!stray.exists() && file.exists());
    admin.post(&restore, &json!({})).is(204);
    let alice = house.analyst("alice");
    alice.post("/api/v1/session/workspace", &json!({"workspace": harbour})).is(204);
    assert_eq!(alice.get("/api/v1/chats").is(200).json()["items"][0]["id"], chat);
}

#[test]
fn the_day_s_run_comes_once_and_not_before_its_hour() {
    let house = House::with(|config| config.retention.hour = 14);
    keeps(&house, 1, "delete");
    let runs = || {
        block_on(house.app.retention.run_if_due()).unwrap();
        house.log("retention.run").len()
    };
    assert_eq!(runs(), 0, "it is noon");
    house.clock.advance(2 * 60 * 60);
    assert_eq!((runs(), runs()), (1, 1));
    house.clock.advance(9 * 60 * 60);
    assert_eq!(runs(), 1);
    house.clock.advance(4 * 60 * 60);
    assert_eq!(runs(), 1, "the next day has begun, its hour has not");
    house.clock.advance(11 * 60 * 60);
    assert_eq!(runs(), 2);
    assert_eq!(house.log("retention.run")[0]["actor"]["roles"], json!(["system"]));
}

#[test]
fn how_long_chats_are_kept_is_a_number_of_days_or_for_ever() {
    let house = House::open();
    let admin = house.admin();
    for days in [0, 36_501] {
        let refused = admin.patch(GENERAL, &json!({"retention_days": days})).refuses(422, "invalid");
        assert_eq!(refused.json()["field"], "retention_days");
    }
    admin.patch(GENERAL, &json!({"retention_action": "shred"})).refuses(422, "invalid");
    keeps(&house, 90, "archive");
    let admin = house.admin();
    let renamed = admin.patch(GENERAL, &json!({"name": "Everyone"})).is(200).json();
    assert_eq!(renamed["retention_days"], 90, "what is absent stays");
    let kept = admin.patch(GENERAL, &json!({"retention_days": null})).is(200).json();
    assert_eq!(kept["retention_days"], Value::Null);
    let record = &house.records("workspace.update")[1];
    assert_eq!(
        (&record["d"]["retention_days"], &record["d"]["retention_action"]),
        (&json!(90), &json!("archive"))
    );
}
