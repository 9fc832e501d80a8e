//! Keys for programs: bound to a workspace and a purpose, as good as their person's rights, and over when they are.

use redoubt_store::users::Role;
use serde_json::{Value, json};

use super::appliance::House;
use crate::support::Client;

const CHAT: &str = "/v1/chat/completions";

fn new_key(client: &Client, scopes: &[&str], days: u32) -> (Value, String) {
    let body = json!({"name": "  nightly report ", "scopes": scopes, "expires_in_days": days});
    let made = client.post("/api/v1/keys", &body).is(201).json();
    (made["key"].clone(), made["secret"].as_str().unwrap().to_owned())
}

fn with(house: &House, secret: &str) -> Client {
    let mut program = house.client();
    program.bearer = Some(secret.to_owned());
    program
}

#[test]
fn a_key_is_made_with_a_proof_and_shown_once() {
    let house = House::open();
    let alice = house.analyst("alice");
    let (key, secret) = new_key(&alice, &["embeddings", "chat"], 30);
    assert_eq!((&key["name"], &key["scopes"]), (&json!("nightly report"), &json!(["chat", "embeddings"])));
    assert_eq!(key["workspace"], json!({"id": "general", "name": "General"}));
    assert_eq!(key["last_used_at"], Value::Null);
    let listed = alice.get("/api/v1/keys").is(200).json();
    assert_eq!(listed["items"], json!([key]));
    let raw = std::fs::read(house.data().join("data/redoubt.db")).unwrap();
    assert!(!raw.windows(secret.len()).any(|bytes| bytes == secret.as_bytes()));
    with(&house, &secret).post(CHAT, &house.completion("x", 1)).is(200);
    assert!(alice.get("/api/v1/keys").is(200).json()["items"][0]["last_used_at"].is_string());

    for (field, body) in [
        ("name", json!({"name": " ", "scopes": ["chat"], "expires_in_days": 1})),
        ("scopes", json!({"name": "x", "scopes": [], "expires_in_days": 1})),
        ("expires_in_days", json!({"name": "x", "scopes": ["chat"], "expires_in_days": 366})),
        ("expires_in_days", json!({"name": "x", "scopes": ["chat"], "expires_in_days": 0})),
    ] {
        assert_eq!(alice.post("/api/v1/keys", &body).refuses(422, "invalid").json()["field"], field);
    }
    // Used meanwhile, so that it does not lock.
    house.clock.advance(200);
    alice.get("/api/v1/me").is(200);
    house.clock.advance(101);
    let body = json!({"name": "x", "scopes": ["chat"], "expires_in_days": 1});
    alice.post("/api/v1/keys", &body).refuses(403, "proof_needed");
    // Ending one asks for none.
    alice.delete(&format!("/api/v1/keys/{}", key["id"].as_str().unwrap())).is(204);
    with(&house, &secret).get("/v1/models").is(401);
    assert_eq!(house.records("apikey.create").len(), 1);
    assert_eq!(house.records("apikey.revoke")[0]["obj"]["id"], key["id"]);
}

#[test]
fn a_key_is_for_what_its_scopes_say() {
    let house = House::open();
    let alice = house.analyst("alice");
    let (_, chat) = new_key(&alice, &["chat"], 1);
    let (_, embeddings) = new_key(&alice, &["embeddings"], 1);
    let embedding = json!({"model": house.embedding, "input": "x"});
    let (chat, embeddings) = (with(&house, &chat), with(&house, &embeddings));
    chat.post(CHAT, &house.completion("x", 1)).is(200);
    embeddings.post("/v1/embeddings", &embedding).is(200);
    assert_eq!(chat.post("/v1/embeddings", &embedding).is(403).json()["error"]["param"], "embeddings");
    assert_eq!(embeddings.post(CHAT, &house.completion("x", 1)).is(403).json()["error"]["param"], "chat");
}

#[test]
fn a_key_ends_with_its_time_its_person_and_their_rights() {
    let house = House::open();
    let harbour = house.workspace("Harbour", &["alice"]);
    let alice = house.analyst("alice");
    alice.post("/api/v1/session/workspace", &json!({"workspace": harbour})).is(204);
    let (_, secret) = new_key(&alice, &["chat"], 1);
    let (other, revoked) = new_key(&alice, &["chat"], 365);
    let program = with(&house, &secret);
    program.get("/v1/models").is(200);

    let people = |ids: Value| {
        house.admin().patch(&format!("/api/v1/admin/workspaces/{harbour}"), &json!({"people": ids})).is(200);
    };
    let user = house.person("alice", Role::Analyst);
    people(json!([]));
    program.get("/v1/models").is(401);
    people(json!([user.id]));
    program.get("/v1/models").is(200);

    house.change_group("everyone", &json!({"permissions": {}}));
    program.get("/v1/models").is(401);
    alice.post("/api/v1/keys", &json!({"name": "x", "scopes": ["chat"], "expires_in_days": 1})).is(403);
    house.change_group("everyone", &json!({"permissions": {"api_keys": "allow"}}));
    program.get("/v1/models").is(200);

    let admin = house.admin();
    let keys = format!("/api/v1/admin/people/{}/keys", user.id);
    assert_eq!(admin.get(&keys).is(200).json()["items"].as_array().unwrap().len(), 2);
    admin.delete(&format!("{keys}/{}", other["id"].as_str().unwrap())).is(204);
    admin.delete(&format!("{keys}/{}", other["id"].as_str().unwrap())).refuses(404, "not_found");
    with(&house, &revoked).get("/v1/models").is(401);

    house.clock.advance(24 * 60 * 60);
    program.get("/v1/models").is(401);
    with(&house, "rdt_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA").get("/v1/models").is(401);
    let refused = house.records("apikey.refused");
    let reasons: Vec<&str> = refused.iter().map(|record| record["reason"].as_str().unwrap()).collect();
    assert_eq!(reasons, ["workspace", "permission", "revoked", "expired", "unknown"]);
    assert_eq!(
        (&refused[0]["actor"]["name"], &refused[0]["obj"]["type"]),
        (&json!("alice"), &json!("apikey"))
    );
    assert_eq!((&refused[4]["actor"]["name"], &refused[4]["obj"]), (&Value::Null, &Value::Null));
}

#[test]
fn a_key_has_only_so_many_requests_at_once() {
    let house = House::open();
    let program = house.program("alice", 1);
    let mut body = house.completion("Write a very long story.", 1000);
    body["stream"] = json!(true);
    let mut events = program.stream("POST", CHAT, Some(&body));
    events.next().unwrap();
    let busy = program.post(CHAT, &house.completion("x", 1)).is(503);
    assert_eq!(busy.json()["error"]["code"], "busy");
}
