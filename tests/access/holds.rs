//! Legal holds: what one names is deleted by nobody, and only auditors hear why.

use redoubt_store::users::Role;
use serde_json::{Value, json};

use super::appliance::House;
use crate::support::Client;

const HOLDS: &str = "/api/v1/audit/holds";

fn auditor(house: &House) -> Client {
    house.sign_in("auditor", Role::Auditor)
}

fn place(auditor: &Client, kind: &str, target: &str) -> String {
    let hold = json!({"kind": kind, "target": target, "reason": "Court order 17/26, the Larsen matter"});
    let placed = auditor.post(HOLDS, &hold).is(201).json();
    assert_eq!((&placed["kind"], &placed["lifted_at"]), (&json!(kind), &Value::Null));
    placed["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_held_chat_is_not_deleted_by_its_owner_until_the_hold_is_lifted() {
    let house = House::open();
    let alice = house.analyst("alice");
    let (chat, other) = (alice.new_chat(), alice.new_chat());
    let auditor = auditor(&house);
    let hold = place(&auditor, "chat", &chat);
    let path = format!("/api/v1/chats/{chat}");
    let refused = alice.delete(&path).refuses(403, "held").json();
    assert!(!refused.to_string().contains("Larsen"), "{refused}");
    alice.get(&path).is(200);
    alice.delete(&format!("/api/v1/chats/{other}")).is(204);

    auditor.delete(&format!("{HOLDS}/{hold}")).is(204);
    auditor.delete(&format!("{HOLDS}/{hold}")).refuses(409, "conflict");
    auditor.delete(&format!("{HOLDS}/nothing")).refuses(404, "not_found");
    alice.delete(&path).is(204);

    let listed = auditor.get(HOLDS).is(200).json();
    let listed = &listed["items"][0];
    assert_eq!((&listed["placed_by"], &listed["lifted_by"]), (&json!("auditor"), &json!("auditor")));
    assert_eq!(listed["reason"], "Court order 17/26, the Larsen matter");
    for (act, count) in [("hold.place", 1), ("hold.lift", 1)] {
        let records = house.records(act);
        assert_eq!(records.len(), count, "{act}");
        assert_eq!((&records[0]["d"]["target"], &records[0]["obj"]["id"]), (&json!(chat), &json!(hold)));
        assert!(!records[0].to_string().contains("Larsen"), "the reason is in {}", records[0]);
    }
}

#[test]
fn a_hold_on_a_person_or_a_workspace_covers_every_chat_of_theirs() {
    let house = House::open();
    let harbour = house.workspace("Harbour", &["alice", "bob"]);
    let in_harbour = |name: &str| {
        let client = house.analyst(name);
        client.post("/api/v1/session/workspace", &json!({"workspace": harbour})).is(204);
        let chat = client.new_chat();
        (client, format!("/api/v1/chats/{chat}"))
    };
    let ((alice, alices), (bob, bobs)) = (in_harbour("alice"), in_harbour("bob"));
    let auditor = auditor(&house);
    let person = place(&auditor, "person", "alice");
    alice.delete(&alices).refuses(403, "held");
    let workspace = place(&auditor, "workspace", "Harbour");
    bob.delete(&bobs).refuses(403, "held");
    // Two holds: lifting one is not enough.
    auditor.delete(&format!("{HOLDS}/{person}")).is(204);
    alice.delete(&alices).refuses(403, "held");
    auditor.delete(&format!("{HOLDS}/{workspace}")).is(204);
    alice.delete(&alices).is(204);
    bob.delete(&bobs).is(204);

    let path = format!("/api/v1/admin/workspaces/{harbour}");
    let again = place(&auditor, "workspace", &harbour);
    house.admin().delete(&path).refuses(403, "held");
    auditor.delete(&format!("{HOLDS}/{again}")).is(204);
    house.admin().delete(&path).is(204);
}

#[test]
fn a_hold_has_a_target_that_there_is_a_reason_and_a_fresh_proof() {
    let house = House::open();
    let auditor = auditor(&house);
    for (field, body) in [
        ("target", json!({"kind": "person", "target": "nobody", "reason": "x"})),
        ("target", json!({"kind": "workspace", "target": "nowhere", "reason": "x"})),
        ("target", json!({"kind": "chat", "target": "nothing", "reason": "x"})),
        ("reason", json!({"kind": "workspace", "target": "general", "reason": " "})),
        ("reason", json!({"kind": "workspace", "target": "general", "reason": "x".repeat(1_001)})),
    ] {
        assert_eq!(auditor.post(HOLDS, &body).refuses(422, "invalid").json()["field"], field, "{body}");
    }
    assert_eq!(auditor.get(HOLDS).is(200).json()["items"], json!([]));
    house.clock.advance(200);
    auditor.get("/api/v1/me").is(200);
    house.clock.advance(101);
    let hold = json!({"kind": "workspace", "target": "general", "reason": "x"});
    auditor.post(HOLDS, &hold).refuses(403, "proof_needed");
    auditor.delete(&format!("{HOLDS}/x")).refuses(403, "proof_needed");
    auditor.get(HOLDS).is(200);
}
