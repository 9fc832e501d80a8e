//! A chat is erased after a spill: two people decide, nothing of it is left, and a statement says who had read it.

use std::fs;
use std::process::Command;

use redoubt::audit::root::Root;
use redoubt_store::Clock as _;
use redoubt_store::search;
use redoubt_store::users::Role;
use ring::rand::SystemRandom;
use serde_json::{Value, json};

use super::appliance::House;
use crate::faults::canaries::{CANARY, tainted};
use crate::support::{Client, await_some};

const ASKING: &str = "/api/v1/admin/purges";
const DECIDING: &str = "/api/v1/audit/purges";
const DAY: i64 = 24 * 60 * 60;

fn auditor(house: &House) -> Client {
    house.sign_in("auditor", Role::Auditor)
}

fn ask(admin: &Client, chat: &str) -> String {
    let purge = json!({"chat": chat, "reason": "A name that should not be on this network"});
    let asked = admin.post(ASKING, &purge).is(201).json();
    assert_eq!((&asked["state"], &asked["chat"]), (&json!("asked"), &json!(chat)));
    asked["id"].as_str().unwrap().to_owned()
}

fn decide(auditor: &Client, purge: &str, approve: bool) -> crate::support::Answer {
    auditor.post(&format!("{DECIDING}/{purge}/approval"), &json!({ "approve": approve }))
}

/// The commands that the statement names, as it names them.
fn is_signed(statement: &str, trust: &str) -> bool {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("purge-statement.txt"), statement).unwrap();
    fs::write(folder.path().join("my_allowed_signers"), format!("{trust}\n")).unwrap();
    let (_, commands) = statement.split_once("my_allowed_signers:\n").unwrap();
    let (commands, _) = commands.split_once("-----BEGIN").unwrap();
    Command::new("sh").args(["-c", commands]).current_dir(&folder).output().unwrap().status.success()
}

/// The purge as the auditor sees it when it is done.
fn done(auditor: &Client, purge: &str) -> Value {
    await_some("the end of the purge", || {
        let cases = auditor.get(DECIDING).is(200).json();
        let case = cases["items"].as_array().unwrap().iter().find(|case| case["purge"]["id"] == purge)?;
        (case["purge"]["state"] == "done").then(|| case.clone())
    })
}

#[test]
fn nothing_of_a_purged_chat_is_left_and_the_statement_names_its_readers() {
    let house = House::open();
    let alice = house.analyst("alice");
    let made = alice.post("/api/v1/chats", &json!({"title": format!("{CANARY} title")})).is(201).json();
    let chat = made["id"].as_str().unwrap().to_owned();
    let question = format!("{CANARY} {}", "The heron stands in the marsh and waits. ".repeat(20));
    alice.ask(&chat, &question);
    let cached = |client: &Client| {
        let other = client.new_chat();
        client.ask(&other, &question).end["usage"]["cached_tokens"].as_u64().unwrap()
    };
    assert!(cached(&alice) > 100);
    for _ in 0..2 {
        alice.chat(&chat);
    }
    alice.get(&format!("/api/v1/chats/{chat}/export?format=json")).is(200);

    let purge = ask(&house.admin(), &chat);
    let auditor = auditor(&house);
    let case = auditor.get(DECIDING).is(200).json()["items"][0].clone();
    assert_eq!((&case["purge"]["owner"], &case["purge"]["messages"]), (&json!("alice"), &json!(2)));
    let opened = &case["readers"][0];
    assert_eq!((&opened["person"], &opened["act"]), (&json!("alice"), &json!("chat.open")));
    assert!(!case.to_string().contains(CANARY), "{case}");
    assert_eq!(decide(&auditor, &purge, true).is(200).json()["purge"]["asked_by"], "root");
    alice.get(&format!("/api/v1/chats/{chat}")).refuses(404, "not_found");
    let case = done(&auditor, &purge);
    assert_eq!(case["purge"]["decided_by"], "auditor");

    // The question is in other chats of hers: they stay, and what was computed from all of them has to be again.
    assert_eq!(cached(&house.analyst("alice")), 0);
    let (owner, id) = (house.person("alice", Role::Analyst).id, chat.clone());
    let hits = house.store.read_blocking(move |reader| {
        let scope = redoubt_store::chats::Scope { owner, workspace: "general".into() };
        search::find(reader, &scope, CANARY, 99)
    });
    assert!(hits.unwrap().iter().all(|hit| hit.chat.id != id), "a word of it is in the index");
    assert_eq!(tainted(house.data()), Vec::<std::path::PathBuf>::new());

    let path = format!("{DECIDING}/{purge}/statement");
    auditor.get(&path).refuses(409, "conflict");
    let root = Root::generate("redoubt/test", &SystemRandom::new()).unwrap();
    root.certify(&house.store, house.clock.now_us(), &SystemRandom::new()).unwrap();
    let statement = auditor.get(&path).is(200);
    assert_eq!(statement.header("content-type"), Some("text/plain; charset=utf-8"));
    let text = statement.text();
    for part in [
        chat.as_str(),
        "by root (",
        "by auditor (",
        "2 messages",
        "): chat.open, ",
        "): chat.export, 1 times",
        "purge.ask (record",
        "purge.approve (record",
        "purge.done (record",
        "Backups made between",
    ] {
        assert!(text.contains(part), "{part:?} is missing in\n{text}");
    }
    assert!(!text.contains(CANARY), "{text}");
    assert!(is_signed(&text, &root.trust_line().unwrap()), "{text}");
    assert!(!is_signed(&text.replacen("2 messages", "1 messages", 1), &root.trust_line().unwrap()));
    for act in ["purge.ask", "purge.approve", "purge.done", "purge.statement"] {
        let records = house.records(act);
        assert_eq!(records.len(), 1, "{act}");
        assert_eq!((&records[0]["obj"]["id"], &records[0]["d"]["purge"]), (&json!(chat), &json!(purge)));
        assert!(!records[0].to_string().contains("this network"), "the reason is in {}", records[0]);
    }
    assert_eq!(house.records("chat.delete")[0]["reason"], "purge");
}

#[test]
fn whoever_asked_cannot_agree_even_as_an_auditor_since() {
    let house = House::open();
    let chat = house.analyst("alice").new_chat();
    let second = house.sign_in("second", Role::Admin);
    let purge = ask(&second, &chat);
    second.post(&format!("{DECIDING}/{purge}/approval"), &json!({"approve": true})).refuses(403, "forbidden");
    let id = house.person("second", Role::Admin).id;
    house.admin().patch(&format!("/api/v1/admin/people/{id}"), &json!({"role": "auditor"})).is(200);
    let second = house.sign_in("second", Role::Auditor);
    for approve in [true, false] {
        decide(&second, &purge, approve).refuses(409, "conflict");
    }
    house.analyst("alice").get(&format!("/api/v1/chats/{chat}")).is(200);
    let auditor = auditor(&house);
    assert_eq!(decide(&auditor, &purge, true).is(200).json()["purge"]["messages"], 0);
    done(&auditor, &purge);
    decide(&auditor, &purge, true).refuses(409, "conflict");
}

#[test]
fn a_refused_an_old_and_a_held_purge_erase_nothing() {
    let house = House::open();
    let chat = house.analyst("alice").new_chat();
    let admin = house.admin();
    let missing = json!({"chat": "nothing", "reason": "x"});
    admin.post(ASKING, &missing).refuses(404, "not_found");
    let empty = json!({"chat": chat, "reason": ""});
    assert_eq!(admin.post(ASKING, &empty).refuses(422, "invalid").json()["field"], "reason");
    let refused = ask(&admin, &chat);
    let again = json!({"chat": chat, "reason": "again"});
    admin.post(ASKING, &again).refuses(409, "conflict");
    let auditor_now = auditor(&house);
    assert_eq!(decide(&auditor_now, &refused, false).is(200).json()["purge"]["state"], "refused");
    auditor_now.get(&format!("{DECIDING}/{refused}/statement")).refuses(409, "conflict");

    let old = ask(&house.admin(), &chat);
    house.clock.advance(7 * DAY);
    decide(&auditor(&house), &old, true).refuses(409, "conflict");
    let listed = house.admin().get(ASKING).is(200).json();
    assert_eq!(listed["items"][0]["state"], "expired");

    let held = ask(&house.admin(), &chat);
    let auditor = auditor(&house);
    let hold = json!({"kind": "chat", "target": chat, "reason": "x"});
    let hold = auditor.post("/api/v1/audit/holds", &hold).is(201).json();
    decide(&auditor, &held, true).refuses(403, "held");
    assert_eq!(auditor.get(DECIDING).is(200).json()["items"][0]["purge"]["held"], true);
    house.admin().post(ASKING, &again).refuses(403, "held");
    house.analyst("alice").get(&format!("/api/v1/chats/{chat}")).is(200);
    auditor.delete(&format!("/api/v1/audit/holds/{}", hold["id"].as_str().unwrap())).is(204);
    decide(&auditor, &held, true).is(200);
    done(&auditor, &held);
    house.analyst("alice").get(&format!("/api/v1/chats/{chat}")).refuses(404, "not_found");
}

#[test]
fn the_running_answer_of_a_purged_chat_ends() {
    let house = House::open();
    let alice = house.analyst("alice");
    let chat = alice.new_chat();
    let params = json!({"params": {"max_tokens": 1500}, "content": "Write a very long story about herons."});
    let events = alice.begin(&chat, &params);
    let purge = ask(&house.admin(), &chat);
    let auditor = auditor(&house);
    decide(&auditor, &purge, true).is(200);
    assert_eq!(events.finish().end["status"], "stopped");
    done(&auditor, &purge);
}

#[test]
fn an_archived_chat_is_purged_with_its_file() {
    let house = House::open();
    let chat = house.analyst("alice").new_chat();
    house.clock.advance(2 * DAY);
    let change = json!({"retention_days": 1, "retention_action": "archive"});
    house.admin().patch("/api/v1/admin/workspaces/general", &change).is(200);
    house.admin().post("/api/v1/admin/retention/run", &json!({})).is(200);
    let folder = house.data().join("data/archives/general");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    let purge = ask(&house.admin(), &chat);
    let auditor = auditor(&house);
    decide(&auditor, &purge, true).is(200);
    done(&auditor, &purge);
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
    let archives = house.admin().get("/api/v1/admin/archives").is(200).json();
    assert_eq!(archives["items"], json!([]));
}
