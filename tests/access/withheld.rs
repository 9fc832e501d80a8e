//! Requests whose head comes early and whose body comes late: who asks is looked at again when it is done.

use redoubt_store::users::Role;
use serde_json::{Value, json};

use super::appliance::House;
use crate::support::Client;

fn disable(admin: &Client, id: &str) {
    admin.patch(&format!("/api/v1/admin/people/{id}"), &json!({"disabled": true})).is(200);
}

#[test]
fn an_admin_who_was_disabled_meanwhile_makes_no_account() {
    let house = House::open();
    let mallory = house.sign_in("mallory", Role::Admin);
    let id = house.person("mallory", Role::Admin).id;
    let admin = house.admin();
    let backdoor = json!({"username": "backdoor", "role": "admin"});
    mallory
        .withholds("POST", "/api/v1/admin/people", &backdoor, || disable(&admin, &id))
        .refuses(401, "session_expired");
    let found = admin.get("/api/v1/admin/people?query=backdoor").is(200).json();
    assert_eq!(found["items"], json!([]));
}

/// Groups, workspaces, people: one admin's every kind of change.
#[test]
fn an_admin_whose_session_was_ended_meanwhile_changes_nothing() {
    let house = House::open();
    let alice = house.person("alice", Role::Analyst).id;
    let group = house.group(&json!({"name": "writers"}), &[]);
    let harbour = house.workspace("Harbour", &[]);
    for (method, path, body) in [
        ("POST", "/api/v1/admin/groups".to_owned(), json!({"name": "x"})),
        ("PATCH", format!("/api/v1/admin/groups/{group}"), json!({"permissions": {"api_keys": "allow"}})),
        ("POST", "/api/v1/admin/workspaces".to_owned(), json!({"name": "x"})),
        ("PATCH", format!("/api/v1/admin/workspaces/{harbour}"), json!({"people": [alice]})),
        ("PATCH", format!("/api/v1/admin/people/{alice}"), json!({"role": "admin"})),
    ] {
        let mallory = house.sign_in("mallory", Role::Admin);
        let end = || {
            mallory.delete("/api/v1/session").is(204);
        };
        mallory.withholds(method, &path, &body, end).refuses(401, "session_expired");
    }
    for act in ["group.update", "workspace.member", "user.role"] {
        assert_eq!(house.log(act).len(), usize::from(act == "group.update"), "{act}");
    }
}

#[test]
fn an_analyst_whose_session_was_ended_meanwhile_asks_nothing() {
    let house = House::open();
    let (alice, other) = (house.analyst("alice"), house.analyst("alice"));
    let chat = other.new_chat();
    let path = format!("/api/v1/chats/{chat}/messages");
    let end = || {
        alice.delete("/api/v1/session").is(204);
    };
    alice.withholds("POST", &path, &json!({"content": "Say yes."}), end).refuses(401, "session_expired");
    assert_eq!(other.chat(&chat)["messages"], json!([]));
    assert_eq!(house.log("inference.start"), Vec::<Value>::new());
}

#[test]
fn an_analyst_who_left_the_workspace_meanwhile_writes_nothing_in_it() {
    let house = House::open();
    let harbour = house.workspace("Harbour", &["alice"]);
    let alice = house.analyst("alice");
    alice.post("/api/v1/session/workspace", &json!({"workspace": harbour})).is(204);
    let chat = alice.new_chat();
    let admin = house.admin();
    let members = |people: Value| {
        admin.patch(&format!("/api/v1/admin/workspaces/{harbour}"), &json!({"people": people})).is(200);
    };
    let id = house.person("alice", Role::Analyst).id;
    for (path, body) in [
        (format!("/api/v1/chats/{chat}/messages"), json!({"content": "Say yes."})),
        ("/api/v1/prompts".to_owned(), json!({"name": "x", "content": "x"})),
        ("/api/v1/keys".to_owned(), json!({"name": "k", "scopes": ["chat"], "expires_in_days": 1})),
    ] {
        let answer = alice.withholds("POST", &path, &body, || members(json!([])));
        answer.refuses(403, "workspace_needed");
        members(json!([id]));
    }
    assert_eq!(alice.chat(&chat)["messages"], json!([]));
    for path in ["/api/v1/prompts", "/api/v1/keys"] {
        assert_eq!(alice.get(path).is(200).json()["items"], json!([]));
    }
}

#[test]
fn a_key_that_was_revoked_meanwhile_starts_nothing() {
    let house = House::open();
    let alice = house.analyst("alice");
    let key = json!({"name": "k", "scopes": ["chat", "embeddings"], "expires_in_days": 1});
    for (path, body) in [
        ("/v1/chat/completions", house.completion("x", 1)),
        ("/v1/embeddings", json!({"model": house.embedding, "input": "x"})),
    ] {
        let made = alice.post("/api/v1/keys", &key).is(201).json();
        let mut program = house.client();
        program.bearer = Some(made["secret"].as_str().unwrap().to_owned());
        let key = format!("/api/v1/keys/{}", made["key"]["id"].as_str().unwrap());
        let revoke = || {
            alice.delete(&key).is(204);
        };
        program.withholds("POST", path, &body, revoke).is(401);
    }
    assert_eq!(house.log("inference.start"), Vec::<Value>::new());
}
