//! What runs ends with the right to it, within a second, whichever right that is and however it was lost.

use std::time::{Duration, Instant};

use redoubt_store::messages::Status;
use redoubt_store::users::Role;
use serde_json::{Value, json};

use super::appliance::{House, block_on};
use crate::support::{Client, Events, await_some};

/// The model goes on about this for hundreds of tokens.
const LONG: &str = "Write a very long story about a dragon and a lighthouse, with many chapters.";
const CHAT: &str = "/v1/chat/completions";
/// The second that is promised, and one for a machine under load.
const AT_ONCE: Duration = Duration::from_secs(2);

fn long() -> Value {
    json!({"content": LONG, "params": {"temperature": 0, "max_tokens": 1500}})
}

/// A running answer of a chat, after its first token.
struct Answering {
    events: Events,
    chat: String,
    answer: String,
}

impl Answering {
    fn begin(client: &Client) -> Self {
        let chat = client.new_chat();
        let mut events = client.begin(&chat, &long());
        let answer = events.next().unwrap().json()["answer"].as_str().unwrap().to_owned();
        events.until("token");
        Self { events, chat, answer }
    }

    /// The stream is over at once, and what was written is kept, counted and recorded with this reason.
    fn ends(self, house: &House, name: &str, reason: &str) {
        let before = Instant::now();
        let events = self.events.count();
        assert!(before.elapsed() < AT_ONCE, "{reason}: {events} events in {:?}", before.elapsed());
        let stored = await_some("the stored end", || {
            let stored = house.stored(name, &self.chat, &self.answer);
            (stored.status != Status::Streaming).then_some(stored)
        });
        assert_eq!(stored.status, Status::Stopped, "{reason}");
        assert!(!stored.content.is_empty() && stored.completion_tokens > Some(0), "{reason}: {stored:?}");
        let ends = house.log("inference.end");
        let end = ends.iter().find(|record| record["obj"]["id"] == self.answer.as_str()).unwrap();
        assert_eq!(end["reason"], reason);
        assert_eq!(house.app.access.underway().counts(), (0, 0), "{reason}");
    }
}

/// Takes one thing away while an answer of alice's runs in a workspace of hers that lives on a group of hers.
fn without(reason: &str, take: impl FnOnce(&House, &Client, &str, &str)) {
    let house = House::new();
    let grants = json!({"name": "writers", "models": [house.model], "permissions": {"api_keys": "allow"}});
    let group = house.group(&grants, &["alice"]);
    let harbour = house.workspace("Harbour", &["alice"]);
    let alice = house.analyst("alice");
    alice.post("/api/v1/session/workspace", &json!({"workspace": harbour})).is(204);
    let admin = house.admin();
    let running = Answering::begin(&alice);
    take(&house, &admin, &group, &harbour);
    running.ends(&house, "alice", reason);
}

#[test]
fn an_answer_ends_with_the_membership_of_its_workspace() {
    without("workspace", |_, admin, _, harbour| {
        let path = format!("/api/v1/admin/workspaces/{harbour}");
        admin.patch(&path, &json!({"people": []})).is(200);
    });
}

#[test]
fn an_answer_ends_with_the_membership_of_the_group_that_grants_its_model() {
    without("model", |house, admin, group, _| {
        let id = house.person("alice", Role::Analyst).id;
        admin.delete(&format!("/api/v1/admin/groups/{group}/members/{id}")).is(204);
    });
}

#[test]
fn an_answer_ends_with_the_grant_of_its_model() {
    without("model", |_, admin, group, _| {
        admin.patch(&format!("/api/v1/admin/groups/{group}"), &json!({"models": []})).is(200);
    });
}

#[test]
fn an_answer_ends_with_its_group() {
    without("model", |_, admin, group, _| {
        admin.delete(&format!("/api/v1/admin/groups/{group}")).is(204);
    });
}

#[test]
fn an_answer_ends_when_its_workspace_is_kept_to_other_models() {
    without("model", |house, admin, _, harbour| {
        let path = format!("/api/v1/admin/workspaces/{harbour}");
        admin.patch(&path, &json!({"models": [house.embedding]})).is(200);
    });
}

#[test]
fn an_answer_ends_with_its_person() {
    without("session", |house, admin, _, _| {
        let id = house.person("alice", Role::Analyst).id;
        admin.patch(&format!("/api/v1/admin/people/{id}"), &json!({"disabled": true})).is(200);
    });
}

/// The admin's connection is gone before the store has written: nobody is told of the end.
#[test]
fn an_answer_ends_with_its_session_whoever_hung_up_on_the_end() {
    without("session", |house, admin, _, _| {
        let id = house.person("alice", Role::Analyst).id;
        let hold = house.hold();
        let path = format!("/api/v1/admin/people/{id}/totp-reset");
        assert!(admin.gives_up(&path, &json!({}), Duration::from_millis(400)));
        drop(hold);
        await_some("the end of the session", || {
            let id = id.clone();
            let open =
                house.store.read_blocking(move |reader| redoubt_store::sessions::list_by_user(reader, &id));
            open.unwrap().is_empty().then_some(())
        });
    });
}

/// Who deletes is gone before the chat is.
#[test]
fn an_answer_ends_with_its_chat_whoever_hung_up_on_the_deletion() {
    let house = House::open();
    let alice = house.analyst("alice");
    let mut running = Answering::begin(&alice);
    let hold = house.hold();
    let path = format!("/api/v1/chats/{}", running.chat);
    assert!(alice.hangs_up("DELETE", &path, None, Duration::from_millis(400)));
    drop(hold);
    let before = Instant::now();
    assert_eq!(running.events.until("end").json()["status"], "stopped");
    assert!(before.elapsed() < AT_ONCE, "{:?}", before.elapsed());
}

/// Also of programs, whose requests no restart repairs.
#[test]
fn an_orderly_stop_ends_and_records_what_runs() {
    let house = House::open();
    let (alice, program) = (house.analyst("alice"), house.program("alice", 1));
    let running = Answering::begin(&alice);
    let mut body = house.completion(LONG, 1500);
    body["stream"] = json!(true);
    let mut events = program.stream("POST", CHAT, Some(&body));
    for _ in 0..4 {
        events.next().unwrap();
    }
    block_on(house.app.access.runs().shut());
    let last = events.last().unwrap();
    assert_eq!(last.json()["error"]["code"], "busy");
    let reasons: Vec<Value> =
        house.log("inference.end").iter().map(|record| record["reason"].clone()).collect();
    assert_eq!(reasons, ["shutdown", "shutdown"]);
    assert_eq!(house.stored("alice", &running.chat, &running.answer).status, Status::Stopped);
    // Nothing more begins.
    program.post(CHAT, &house.completion("x", 1)).is(503);
}

/// A running completion of a key, after its first words; what takes the key's right away; and why it ended.
fn key_without(reason: &str, take: impl FnOnce(&House, &Client, &str, &str)) {
    let house = House::new();
    let grants = json!({"name": "writers", "models": [house.model], "permissions": {"api_keys": "allow"}});
    let group = house.group(&grants, &["alice"]);
    let alice = house.analyst("alice");
    let body = json!({"name": "k", "scopes": ["chat"], "expires_in_days": 1});
    let made = alice.post("/api/v1/keys", &body).is(201).json();
    let mut program = house.client();
    program.bearer = Some(made["secret"].as_str().unwrap().to_owned());
    let admin = house.admin();
    let mut body = house.completion(LONG, 1500);
    body["stream"] = json!(true);
    let mut events = program.stream("POST", CHAT, Some(&body));
    for _ in 0..4 {
        events.next().unwrap();
    }
    take(&house, &admin, made["key"]["id"].as_str().unwrap(), &group);
    let before = Instant::now();
    let rest: Vec<_> = events.collect();
    assert!(before.elapsed() < AT_ONCE, "{reason}: {} events in {:?}", rest.len(), before.elapsed());
    let last = rest.last().unwrap();
    assert!(last.json()["error"]["message"].is_string(), "{reason}: {last:?}");
    let end = await_some("the record of the end", || house.log("inference.end").pop());
    assert_eq!(end["reason"], reason);
    assert!(end["d"]["completion_tokens"].as_u64().unwrap() > 0, "{end}");
    await_some("its place", || (house.app.access.underway().counts() == (0, 0)).then_some(()));
}

#[test]
fn a_completion_ends_with_its_key() {
    key_without("revoked", |house, admin, key, _| {
        let id = house.person("alice", Role::Analyst).id;
        admin.delete(&format!("/api/v1/admin/people/{id}/keys/{key}")).is(204);
    });
}

#[test]
fn a_completion_ends_with_the_time_of_its_key() {
    key_without("expired", |house, _, _, _| house.clock.advance(24 * 60 * 60));
}

#[test]
fn a_completion_ends_with_its_person() {
    key_without("disabled", |house, admin, _, _| {
        let id = house.person("alice", Role::Analyst).id;
        admin.patch(&format!("/api/v1/admin/people/{id}"), &json!({"disabled": true})).is(200);
    });
}

#[test]
fn a_completion_ends_with_the_role_of_its_person() {
    key_without("role", |house, admin, _, _| {
        let id = house.person("alice", Role::Analyst).id;
        admin.patch(&format!("/api/v1/admin/people/{id}"), &json!({"role": "auditor"})).is(200);
    });
}

#[test]
fn a_completion_ends_with_the_permission_for_keys() {
    key_without("permission", |_, admin, _, group| {
        let path = format!("/api/v1/admin/groups/{group}");
        admin.patch(&path, &json!({"permissions": {"api_keys": "deny"}})).is(200);
    });
}

#[test]
fn a_completion_ends_with_the_grant_of_its_model() {
    key_without("model", |_, admin, _, group| {
        admin.patch(&format!("/api/v1/admin/groups/{group}"), &json!({"models": []})).is(200);
    });
}

#[test]
fn a_completion_ends_with_the_membership_of_its_workspace() {
    key_without("workspace", |_, admin, _, _| {
        admin.patch("/api/v1/admin/workspaces/general", &json!({"groups": []})).is(200);
    });
}

/// Whoever reads along from another session reads for as long as that one lasts, and no longer.
#[test]
fn a_stream_ends_with_the_session_that_reads_it() {
    let house = House::open();
    let (writing, reading) = (house.analyst("alice"), house.analyst("alice"));
    let mut running = Answering::begin(&writing);
    let path = format!("/api/v1/chats/{}/messages/{}/events", running.chat, running.answer);
    let mut events = reading.stream("GET", &path, None);
    events.until("token");
    let session = House::me(&reading)["session"]["id"].as_str().unwrap().to_owned();
    writing.delete(&format!("/api/v1/sessions/{session}")).is(204);
    let before = Instant::now();
    let rest: Vec<_> = events.collect();
    assert!(before.elapsed() < AT_ONCE, "{} events in {:?}", rest.len(), before.elapsed());
    let last = rest.last().unwrap();
    assert_eq!((last.name.as_str(), &last.json()["problem"]["code"]), ("error", &json!("session_expired")));
    // The answer, which is another session's, goes on.
    assert_eq!(house.stored("alice", &running.chat, &running.answer).status, Status::Streaming);
    running.events.until("token");
    writing.post(&format!("/api/v1/chats/{}/stop", running.chat), &json!({})).is(204);
    assert_eq!(running.events.until("end").json()["status"], "stopped");
}
