//! What admins do with groups, workspaces and the rest: with a proof, recorded, and refused where it cannot be.

use redoubt::config::{Collector, Format};
use redoubt_store::users::Role;
use serde_json::{Value, json};

use super::appliance::House;

const GROUPS: &str = "/api/v1/admin/groups";
const WORKSPACES: &str = "/api/v1/admin/workspaces";

fn items(list: &Value) -> &Vec<Value> {
    list["items"].as_array().unwrap()
}

#[test]
fn a_group_is_made_changed_and_deleted() {
    let house = House::new();
    let alice = house.person("alice", Role::Analyst);
    let admin = house.admin();
    let body =
        json!({"name": " night desk ", "models": [house.model, house.model], "quotas": {"priority": 5}});
    let made = admin.post(GROUPS, &body).is(201).json();
    assert_eq!(
        (&made["name"], &made["built_in"], &made["members"]),
        (&json!("night desk"), &json!(false), &json!(0))
    );
    assert_eq!((&made["models"], &made["quotas"]["priority"]), (&json!([house.model]), &json!(5)));
    let path = format!("{GROUPS}/{}", made["id"].as_str().unwrap());
    admin.put(&format!("{path}/members/{}", alice.id)).is(204);
    admin.put(&format!("{path}/members/{}", alice.id)).is(204);
    let members = admin.get(&format!("{path}/members")).is(200).json();
    assert_eq!((items(&members).len(), &members["items"][0]["source"]), (1, &json!("assigned")));

    let change = json!({"permissions": {"export": "deny", "api_keys": "allow"}, "quotas": {"parallel": 3}});
    let changed = admin.patch(&path, &change).is(200).json();
    assert_eq!((&changed["name"], &changed["models"]), (&made["name"], &made["models"]));
    assert_eq!((&changed["quotas"]["priority"], &changed["quotas"]["parallel"]), (&Value::Null, &json!(3)));
    assert_eq!(admin.get(&path).is(200).json(), changed);
    assert_eq!(items(&admin.get(GROUPS).is(200).json()).len(), 2);
    let models = admin.get("/api/v1/admin/models").is(200).json();
    assert_eq!(
        (&models["items"][0]["kind"], &models["items"][1]["kind"]),
        (&json!("chat"), &json!("embedding"))
    );
    assert_eq!(models["items"][0]["groups"][0]["name"], "night desk");

    admin.post(GROUPS, &json!({"name": "night desk"})).refuses(409, "conflict");
    for (field, body) in [
        ("name", json!({"name": "a\nb"})),
        ("models", json!({"models": ["no-such-model"]})),
        ("permissions", json!({"permissions": {"fly": "allow"}})),
        ("quotas", json!({"quotas": {"parallel": 0}})),
        ("quotas", json!({"quotas": {"priority": 101}})),
        ("quotas", json!({"quotas": {"tokens_per_day": u64::MAX}})),
    ] {
        assert_eq!(admin.patch(&path, &body).refuses(422, "invalid").json()["field"], field, "{body}");
    }
    admin.patch(&path, &json!({"colour": "red"})).refuses(422, "invalid");
    assert_eq!(admin.get(&path).is(200).json(), changed);

    admin.delete(&format!("{path}/members/{}", alice.id)).is(204);
    admin.delete(&path).is(204);
    admin.get(&path).refuses(404, "not_found");
    for (act, count) in [("group.create", 1), ("group.update", 1), ("group.member", 2), ("group.delete", 1)] {
        assert_eq!(house.records(act).len(), count, "{act}");
    }
    let update = &house.records("group.update")[0];
    assert_eq!(update["d"]["permissions"], json!(["export=deny", "api_keys=allow"]));
    assert_eq!(update["actor"]["name"], "root");
}

#[test]
fn the_group_of_everyone_keeps_its_name_and_its_members() {
    let house = House::new();
    house.person("alice", Role::Analyst);
    let admin = house.admin();
    let everyone = format!("{GROUPS}/everyone");
    let root = house.person("root", Role::Admin);
    admin.patch(&everyone, &json!({"name": "all"})).refuses(409, "conflict");
    admin.delete(&everyone).refuses(409, "conflict");
    admin.put(&format!("{everyone}/members/{}", root.id)).refuses(409, "conflict");
    let members = admin.get(&format!("{everyone}/members")).is(200).json();
    assert_eq!((items(&members).len(), &members["items"][0]["source"]), (1, &json!("role")));
    admin.put(&format!("{everyone}/members/nobody")).refuses(404, "not_found");
}

#[test]
fn a_workspace_is_deleted_only_without_chats() {
    let house = House::open();
    let harbour = house.workspace("Harbour", &["alice"]);
    let path = format!("{WORKSPACES}/{harbour}");
    let alice = house.analyst("alice");
    let chat = alice.post("/api/v1/chats", &json!({"workspace": harbour})).is(201).json();
    alice.post("/api/v1/prompts", &json!({"name": "p", "content": "text"})).is(201);
    let admin = house.admin();
    let shown = admin.get(&path).is(200).json();
    assert_eq!((&shown["chats"], &shown["people"][0]["username"]), (&json!(1), &json!("alice")));
    admin.delete(&path).refuses(409, "conflict");
    admin.delete(&format!("{WORKSPACES}/general")).refuses(409, "conflict");
    admin.post(WORKSPACES, &json!({"name": "Harbour"})).refuses(409, "conflict");
    admin.patch(&path, &json!({"people": ["nobody"]})).refuses(422, "invalid");
    admin.patch(&path, &json!({"groups": ["nothing"]})).refuses(422, "invalid");
    admin.patch(&path, &json!({"models": ["no-such-model"]})).refuses(422, "invalid");
    assert_eq!(admin.get(&path).is(200).json(), shown);
    alice.delete(&format!("/api/v1/chats/{}", chat["id"].as_str().unwrap())).is(204);
    admin.delete(&path).is(204);
    alice.get("/api/v1/prompts").refuses(403, "workspace_needed");
    assert_eq!(items(&admin.get(WORKSPACES).is(200).json()).len(), 1);
}

#[test]
fn every_change_of_rights_asks_for_a_fresh_proof_and_reading_does_not() {
    let house = House::new();
    let alice = house.person("alice", Role::Analyst);
    let admin = house.admin();
    // Used meanwhile, so that it does not lock.
    house.clock.advance(200);
    admin.get("/api/v1/me").is(200);
    house.clock.advance(101);
    for (method, path, body) in [
        ("POST", GROUPS.to_owned(), Some(json!({"name": "x"}))),
        ("PATCH", format!("{GROUPS}/everyone"), Some(json!({"models": []}))),
        ("DELETE", format!("{GROUPS}/x"), None),
        ("PUT", format!("{GROUPS}/x/members/{}", alice.id), None),
        ("DELETE", format!("{GROUPS}/x/members/{}", alice.id), None),
        ("POST", WORKSPACES.to_owned(), Some(json!({"name": "x"}))),
        ("PATCH", format!("{WORKSPACES}/general"), Some(json!({"groups": []}))),
        ("DELETE", format!("{WORKSPACES}/x"), None),
        ("DELETE", format!("/api/v1/admin/people/{}/keys/x", alice.id), None),
    ] {
        let answer = match &body {
            Some(body) => admin.json(method, &path, body),
            None => admin.send(method, &path, &[], None),
        };
        answer.refuses(403, "proof_needed");
    }
    for path in
        [GROUPS, WORKSPACES, "/api/v1/admin/models", "/api/v1/admin/alerts", "/api/v1/admin/usage?by=model"]
    {
        admin.get(path).is(200);
    }
    let system = admin.get("/api/v1/admin/system").is(200).json();
    assert_eq!(system["lockdown"], json!([]), "nothing is locked in here: this test is the front");
    assert!(system["uptime_seconds"].as_u64().unwrap() >= 300);
    assert_eq!(system["models"][0]["available"], true);
}

#[test]
fn an_admin_sees_that_keys_are_few_and_that_the_collector_does_not_follow() {
    let house = House::with(|config| {
        config.audit.collector = Some(Collector {
            address: "127.0.0.1:9".to_owned(),
            server_name: None,
            ca: "ca.pem".into(),
            format: Format::Json,
        });
    });
    let sealing = house.admin().get("/api/v1/admin/audit").is(200).json();
    assert_eq!((&sealing["checkpoint"], &sealing["keys"]), (&Value::Null, &json!({"left": 0, "few": true})));
    assert_eq!(sealing["anchor"]["standing"], "in_step");
    let collector = &sealing["collector"];
    assert!(collector["connected"] == false && collector["waiting"].as_u64().unwrap() > 2, "{collector}");
}

#[test]
fn use_is_added_up_without_content() {
    let house = House::open();
    let (alice, bob) = (house.analyst("alice"), house.analyst("bob"));
    let chat = alice.new_chat();
    let end = alice.ask(&chat, "Say yes.").end;
    house.program("bob", 1).post("/v1/embeddings", &json!({"model": house.embedding, "input": "x"})).is(200);
    let own = alice.get("/api/v1/usage?days=2").is(200).json();
    let day = &own["items"][0];
    assert_eq!((items(&own).len(), &day["requests"], &day["model"]), (1, &json!(1), &json!(house.model)));
    assert_eq!(day["prompt_tokens"], end["usage"]["prompt_tokens"]);
    assert_eq!(day["completion_tokens"], end["usage"]["completion_tokens"]);
    assert_eq!(bob.get("/api/v1/usage").is(200).json()["items"][0]["model"], house.embedding.as_str());
    let admin = house.admin();
    for (by, names) in [("person", ["alice", "bob"]), ("model", [&house.model, &house.embedding])] {
        let totals = admin.get(&format!("/api/v1/admin/usage?by={by}")).is(200).json();
        let told: Vec<&str> = items(&totals).iter().map(|total| total["name"].as_str().unwrap()).collect();
        assert_eq!(told, names);
    }
    admin.get("/api/v1/admin/usage?by=colour").refuses(422, "invalid");
    assert_eq!(house.records("usage.read").len(), 2);
}

#[test]
fn prompts_are_kept_changed_and_counted() {
    let house = House::open();
    let alice = house.analyst("alice");
    let path = "/api/v1/prompts";
    for number in 0..3 {
        alice.post(path, &json!({"name": format!("prompt {number}"), "content": "text"})).is(201);
    }
    let page = alice.get(&format!("{path}?limit=2")).is(200).json();
    let cursor = page["next"].as_str().unwrap().replace('\n', "%0A").replace(' ', "%20");
    let rest = alice.get(&format!("{path}?limit=2&cursor={cursor}")).is(200).json();
    assert_eq!((items(&page).len(), items(&rest).len(), &rest["next"]), (2, 1, &Value::Null));
    let id = rest["items"][0]["id"].as_str().unwrap();
    let changed = alice.patch(&format!("{path}/{id}"), &json!({"content": "other"})).is(200).json();
    assert_eq!((&changed["name"], &changed["content"]), (&json!("prompt 2"), &json!("other")));
    alice.post(path, &json!({"name": "", "content": "x"})).refuses(422, "invalid");
    alice.post(path, &json!({"name": "x", "content": "x".repeat(40_000)})).refuses(422, "invalid");
    alice.delete(&format!("{path}/{id}")).is(204);
    alice.delete(&format!("{path}/{id}")).refuses(404, "not_found");
    for (act, count) in [("prompt.create", 3), ("prompt.update", 1), ("prompt.delete", 1)] {
        let records = house.records(act);
        assert_eq!(records.len(), count, "{act}");
        assert!(records.iter().all(|record| !record.to_string().contains("text")), "content in {act}");
    }
}
