//! Advisories of programs like ours, each as the case that it would be here (`cve_…`).

use redoubt_store::users::Role;
use serde_json::{Value, json};

use super::appliance::House;
use crate::support::Client;

/// Alice with a chat, one answer in it, and a kept prompt; and Mallory, who is signed in as well.
struct Scene {
    house: House,
    alice: Client,
    mallory: Client,
    chat: String,
    answer: String,
}

impl Scene {
    fn new() -> Self {
        let house = House::open();
        let (alice, mallory) = (house.analyst("alice"), house.analyst("mallory"));
        let chat = alice.new_chat();
        let answer = alice.ask(&chat, "Tell me of the quokka.").answer;
        Self { house, alice, mallory, chat, answer }
    }

    fn path(&self, rest: &str) -> String {
        format!("/api/v1/chats/{}{rest}", self.chat)
    }

    fn is_untouched(&self) {
        assert_eq!(self.alice.chat(&self.chat)["messages"].as_array().unwrap().len(), 2);
    }
}

/// A shared collection was read and changed by people who had no right to it: here, kept prompts.
#[test]
fn cve_2026_45398_shared_things_are_changed_by_their_owner_only() {
    let scene = Scene::new();
    let body = json!({"name": "p", "content": "quokka"});
    let made = scene.alice.post("/api/v1/prompts", &body).is(201).json();
    let path = format!("/api/v1/prompts/{}", made["id"].as_str().unwrap());
    scene.mallory.patch(&path, &json!({"content": "taken over"})).refuses(404, "not_found");
    scene.mallory.delete(&path).refuses(404, "not_found");
    let harbour = scene.house.workspace("Harbour", &["mallory"]);
    scene.mallory.post("/api/v1/session/workspace", &json!({"workspace": harbour})).is(204);
    assert_eq!(scene.mallory.get("/api/v1/prompts").is(200).json()["items"], json!([]));
    assert_eq!(scene.alice.get("/api/v1/prompts").is(200).json()["items"], json!([made]));
}

/// Whoever could see a chat could delete it.
#[test]
fn cve_2026_45671_a_chat_is_deleted_by_its_owner_only() {
    let scene = Scene::new();
    scene.mallory.delete(&scene.path("")).refuses(404, "not_found");
    scene.is_untouched();
}

/// Somebody else's chat could be continued by its id.
#[test]
fn cve_2026_45349_a_chat_is_continued_by_its_owner_only() {
    let scene = Scene::new();
    let body = json!({"content": "And then?", "parent": scene.answer});
    scene.mallory.post(&scene.path("/messages"), &body).refuses(404, "not_found");
    let regenerate = scene.path(&format!("/messages/{}/regenerate", scene.answer));
    scene.mallory.post(&regenerate, &json!({})).refuses(404, "not_found");
    scene.is_untouched();
}

/// The id of somebody else's file in a message attached it: here no message takes one.
#[test]
fn cve_2026_45402_a_message_takes_no_file_ids() {
    let scene = Scene::new();
    for name in ["file_id", "files", "attachments", "file_ids"] {
        let mut body = json!({"content": "x"});
        body[name] = json!([scene.answer]);
        scene.alice.post(&scene.path("/messages"), &body).refuses(422, "invalid");
    }
    scene.is_untouched();
}

/// What a client said about its sources was believed: here a request names no workspace, owner or source of its own.
#[test]
fn cve_2026_70487_what_a_client_says_of_its_sources_is_not_believed() {
    let scene = Scene::new();
    let harbour = scene.house.workspace("Harbour", &["alice"]);
    for (name, value) in [
        ("workspace", json!(harbour)),
        ("metadata", json!({"knowledge": [scene.answer]})),
        ("owner", json!("alice")),
    ] {
        let mut body = json!({"content": "x"});
        body[name] = value;
        scene.mallory.post(&scene.path("/messages"), &body).refuses(422, "invalid");
    }
    scene.mallory.post("/api/v1/chats", &json!({"workspace": harbour})).refuses(404, "not_found");
    let mut body = scene.house.completion("x", 1);
    body["metadata"] = json!({"workspace": harbour, "user": "alice"});
    body["user"] = json!("alice");
    scene.house.program("mallory", 1).post("/v1/chat/completions", &body).is(200);
    let starts = scene.house.records("inference.start");
    assert_eq!(starts.last().unwrap()["actor"]["name"], "mallory");
    scene.is_untouched();
}

/// Ids of messages were enough to read or to answer them.
#[test]
fn cve_2026_109284_a_message_of_somebody_else_is_no_parent() {
    let scene = Scene::new();
    let own = scene.mallory.new_chat();
    let body = json!({"content": "And then?", "parent": scene.answer});
    scene.mallory.post(&format!("/api/v1/chats/{own}/messages"), &body).refuses(404, "not_found");
    scene
        .mallory
        .patch(&format!("/api/v1/chats/{own}"), &json!({"head": scene.answer}))
        .refuses(404, "not_found");
}

#[test]
fn cve_2026_109287_an_answer_of_somebody_else_is_not_followed_in_one_s_own_chat() {
    let scene = Scene::new();
    let own = scene.mallory.new_chat();
    let path = format!("/api/v1/chats/{own}/messages/{}", scene.answer);
    scene.mallory.get(&format!("{path}/events")).refuses(404, "not_found");
    scene.mallory.post(&format!("{path}/regenerate"), &json!({})).refuses(404, "not_found");
}

/// A live connection was joined by the id of somebody else's session: here, the events of a running answer.
#[test]
fn cve_2026_59216_a_running_answer_is_followed_and_stopped_by_its_owner_only() {
    let scene = Scene::new();
    let long = json!({"content": "Write a very long story.", "params": {"max_tokens": 1500}});
    let mut events = scene.alice.begin(&scene.chat, &long);
    let start = events.until("start").json();
    let answer = start["answer"].as_str().unwrap();
    scene.mallory.get(&scene.path(&format!("/messages/{answer}/events"))).refuses(404, "not_found");
    scene.mallory.send("POST", &scene.path("/stop"), &[], None).refuses(404, "not_found");
    events.until("token");
    scene.alice.send("POST", &scene.path("/stop"), &[], None).is(204);
    assert_eq!(events.until("end").json()["status"], "stopped");
}

/// Direct references to somebody else's things.
#[test]
fn cve_2026_23522_a_chat_is_read_exported_and_renamed_by_its_owner_only() {
    let scene = Scene::new();
    scene.mallory.get(&scene.path("")).refuses(404, "not_found");
    scene.mallory.get(&scene.path("/export?format=json")).refuses(404, "not_found");
    scene.mallory.patch(&scene.path(""), &json!({"title": "taken over"})).refuses(404, "not_found");
    assert_eq!(scene.mallory.get("/api/v1/search?q=quokka").is(200).json()["items"], json!([]));
    scene.is_untouched();
}

#[test]
fn cve_2024_9617_keys_and_sessions_are_ended_by_their_owner_only() {
    let scene = Scene::new();
    let body = json!({"name": "k", "scopes": ["chat"], "expires_in_days": 1});
    let key =
        scene.alice.post("/api/v1/keys", &body).is(201).json()["key"]["id"].as_str().unwrap().to_owned();
    scene.mallory.delete(&format!("/api/v1/keys/{key}")).refuses(404, "not_found");
    let session = House::me(&scene.alice)["session"]["id"].as_str().unwrap().to_owned();
    scene.mallory.delete(&format!("/api/v1/sessions/{session}")).refuses(404, "not_found");
    assert_eq!(scene.alice.get("/api/v1/keys").is(200).json()["items"].as_array().unwrap().len(), 1);
}

/// A list of allowed clients was evaded by naming the key, or oneself, in another header.
#[test]
fn cve_2026_45339_no_other_header_carries_a_key_or_an_address() {
    let house = House::open();
    let user = house.person("alice", Role::Analyst);
    let key = house.app.identity.create_api_key_blocking(&user, "k", 1).unwrap();
    let (client, key) = (house.client(), key.as_str());
    let bearer = format!("Bearer {key}");
    for (name, value) in [
        ("x-api-key", key),
        ("api-key", key),
        ("x-authorization", &bearer),
        ("proxy-authorization", &bearer),
        ("cookie", &format!("token={key}")),
        ("authorization", key),
        ("authorization", &format!("Basic {key}")),
    ] {
        client.send("GET", "/v1/models", &[(name, value)], None).is(401);
    }
    client.get(&format!("/v1/models?api_key={key}")).is(401);
    client.send("GET", "/v1/models", &[("authorization", &bearer)], None).is(200);

    // Nobody is on the list of those who may read `/metrics`, whatever they say of themselves.
    client.get("/metrics").refuses(404, "not_found");
    for name in
        ["x-forwarded-for", "x-real-ip", "forwarded", "x-client-ip", "true-client-ip", "x-original-url"]
    {
        client.send("GET", "/metrics", &[(name, "127.0.0.1")], None).refuses(404, "not_found");
    }
    let elsewhere = House::with(|config| config.listen.metrics = vec!["192.0.2.1".to_owned()]);
    let from = [("x-forwarded-for", "192.0.2.1"), ("forwarded", "for=192.0.2.1")];
    elsewhere.client().send("GET", "/metrics", &from, None).refuses(404, "not_found");
}

/// What opened one service opened another, too.
#[test]
fn cve_2026_33265_a_key_opens_no_page_and_a_session_no_api_for_programs() {
    let scene = Scene::new();
    let program = scene.house.program("alice", 1);
    for path in ["/api/v1/me", "/api/v1/chats", "/api/v1/keys", "/api/v1/admin/groups"] {
        program.get(path).refuses(401, "not_signed_in");
    }
    scene.alice.get("/v1/models").is(401);
    let mut token = scene.house.client();
    token.bearer = scene.alice.cookies.values().next().cloned();
    token.get("/v1/models").is(401);
    let mut cookie = scene.house.client();
    cookie.cookies =
        scene.alice.cookies.keys().map(|name| (name.clone(), program.bearer.clone().unwrap())).collect();
    let refused = cookie.get("/api/v1/me");
    assert_eq!(refused.status, 401, "{}", Value::from(refused.text()));
}
