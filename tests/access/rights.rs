//! Grants and permissions, from the outside: what nobody gave, nobody has.

use redoubt_store::users::Role;
use serde_json::{Value, json};

use super::appliance::House;

#[test]
fn a_model_that_was_not_granted_is_as_missing_as_one_that_there_is_not() {
    let house = House::new();
    house.change_group("everyone", &json!({"permissions": {"api_keys": "allow"}}));
    let (alice, program) = (house.analyst("alice"), house.program("alice", 4));
    let (chat, embed) = ("/v1/chat/completions", "/v1/embeddings");
    let embedding = |model: &str| json!({"model": model, "input": "x"});
    let without = |answer: crate::support::Answer, name: &str| {
        let mut problem = answer.json();
        problem["request_id"].take();
        Value::String(problem.to_string().replace(name, "M"))
    };

    assert_eq!(alice.get("/api/v1/models").is(200).json()["items"], json!([]));
    assert_eq!(program.get("/v1/models").is(200).json()["data"], json!([]));
    alice.post("/api/v1/chats", &json!({})).refuses(422, "invalid");
    let asked = |model: &str| without(alice.post("/api/v1/chats", &json!({"model": model})).is(422), model);
    assert_eq!(asked(&house.model), asked("no-such-model"));
    let asked = |model: &str| {
        let mut body = house.completion("x", 1);
        body["model"] = json!(model);
        without(program.post(chat, &body).is(404), model)
    };
    assert_eq!(asked(&house.model), asked("no-such-model"));
    let asked = |model: &str| without(program.post(embed, &embedding(model)).is(404), model);
    assert_eq!(asked(&house.embedding), asked("no-such-model"));

    house.change_group("everyone", &json!({"models": [house.model]}));
    assert_eq!(alice.get("/api/v1/models").is(200).json()["items"][0]["id"], house.model.as_str());
    let id = alice.new_chat();
    assert_eq!(alice.ask(&id, "Say yes.").end["status"], "done");
    program.post(chat, &house.completion("x", 1)).is(200);
    program.post(embed, &embedding(&house.embedding)).is(404);

    // What is taken back is gone at the next request; one's chats stay.
    let answer = alice.chat(&id)["head"].as_str().unwrap().to_owned();
    house.change_group("everyone", &json!({"models": [house.embedding]}));
    alice.post(&format!("/api/v1/chats/{id}/messages"), &json!({"content": "And?"})).refuses(422, "invalid");
    alice
        .post(&format!("/api/v1/chats/{id}/messages/{answer}/regenerate"), &json!({}))
        .refuses(422, "invalid");
    assert_eq!(alice.chat(&id)["messages"].as_array().unwrap().len(), 2);
    program.post(chat, &house.completion("x", 1)).is(404);
    program.post(embed, &embedding(&house.embedding)).is(200);
}

#[test]
fn a_denial_of_one_group_outweighs_what_others_allow_and_names_what_is_missing() {
    let house = House::open();
    let alice = house.analyst("alice");
    let chat = alice.new_chat();
    alice.ask(&chat, "Say yes.");
    let export = format!("/api/v1/chats/{chat}/export?format=json");
    let messages = format!("/api/v1/chats/{chat}/messages");
    let hot = json!({"content": "x", "params": {"temperature": 1.3}});
    alice.get(&export).is(200);
    alice.get("/api/v1/usage").is(200);

    let names = ["export", "model_parameters", "delete_own_chats", "see_usage"];
    let all = |effect: &str| -> Value { names.iter().map(|name| (*name, effect)).collect() };
    house.group(&json!({"name": "strict", "permissions": all("deny")}), &["alice"]);
    house.group(&json!({"name": "generous", "permissions": all("allow")}), &["alice"]);
    let refused = [
        alice.get(&export),
        alice.post(&messages, &hot),
        alice.delete(&format!("/api/v1/chats/{chat}")),
        alice.get("/api/v1/usage"),
    ];
    for (answer, name) in refused.into_iter().zip(names) {
        let problem = answer.refuses(403, "forbidden").json();
        assert_eq!(problem["field"], name);
        assert!(problem["title"].as_str().unwrap().contains(name), "{problem}");
    }
    let refusals = house.records("authorisation.refused");
    assert_eq!(refusals.len(), 4);
    assert!(
        refusals.iter().all(|record| record["actor"]["name"] == "alice" && record["reason"] == "forbidden")
    );
    assert_eq!(House::me(&alice)["permissions"], json!(["file_upload", "api_keys"]));

    // How long an answer gets, and what is as the model has it anyway, are nobody's parameters.
    let short = json!({"content": "x", "params": {"max_tokens": 3, "stop": ["\n"]}});
    alice.begin(&chat, &short).finish();
    let program = house.program("alice", 2);
    program
        .post(
            "/v1/chat/completions",
            &json!({"temperature": 0.3, "model": house.model,
        "messages": [{"role": "user", "content": "x"}]}),
        )
        .is(403);
    assert_eq!(alice.chat(&chat)["messages"].as_array().unwrap().len(), 4);
}

#[test]
fn a_workspace_that_lists_models_is_kept_to_them() {
    let house = House::open();
    let (alice, program) = (house.analyst("alice"), house.program("alice", 2));
    let change = json!({"models": [house.embedding]});
    house.admin().patch("/api/v1/admin/workspaces/general", &change).is(200);
    assert_eq!(alice.get("/api/v1/models").is(200).json()["items"], json!([]));
    alice.post("/api/v1/chats", &json!({})).refuses(422, "invalid");
    program.post("/v1/chat/completions", &house.completion("x", 1)).is(404);
    let data = program.get("/v1/models").is(200).json()["data"].clone();
    assert_eq!(data.as_array().unwrap().len(), 1);
    house.admin().patch("/api/v1/admin/workspaces/general", &json!({"models": []})).is(200);
    alice.new_chat();
}

#[test]
fn an_explanation_says_what_enforcement_does() {
    let house = House::open();
    house.group(
        &json!({"name": "b", "quotas": {"requests_per_day": 5}, "permissions": {"export": "deny"}}),
        &["alice"],
    );
    house.group(&json!({"name": "a", "quotas": {"requests_per_day": 9, "priority": -2}}), &["alice"]);
    let (alice, admin) = (house.person("alice", Role::Analyst), house.admin());
    let told = admin.get(&format!("/api/v1/admin/people/{}/explain", alice.id)).is(200).json();
    assert_eq!(told["role"], json!({"value": "analyst", "because": "assigned"}));
    let because = |list: &str, key: &str, name: &str| {
        let items = told[list].as_array().unwrap();
        let item = items.iter().find(|item| item[key] == name);
        item.unwrap_or_else(|| panic!("no {name} in {told}"))["because"].as_str().unwrap().to_owned()
    };
    assert_eq!(because("groups", "name", "everyone"), "every analyst is in it");
    assert_eq!(because("groups", "name", "b"), "assigned");
    assert_eq!(because("workspaces", "name", "General"), "group everyone");
    assert_eq!(because("models", "id", &house.model), "granted to group everyone");
    assert_eq!(because("permissions", "name", "export"), "denied by group b");
    assert_eq!(because("permissions", "name", "api_keys"), "allowed by group everyone");
    assert_eq!(because("permissions", "name", "see_usage"), "default");
    assert_eq!(because("quotas", "name", "requests_per_day"), "set by group a");
    assert_eq!(because("quotas", "name", "tokens_per_day"), "no group sets it");
    assert_eq!(
        told["quotas"][0],
        json!({"name": "requests_per_day", "value": 9, "because": "set by group a"})
    );
    let root = house.person("root", Role::Admin);
    let told = admin.get(&format!("/api/v1/admin/people/{}/explain", root.id)).is(200).json();
    assert_eq!(
        (&told["models"], &told["permissions"], &told["groups"]),
        (&json!([]), &json!([]), &json!([]))
    );
    admin.get("/api/v1/admin/people/nobody/explain").refuses(404, "not_found");
    assert_eq!(house.records("rights.explained").len(), 2);
}

/// What leaves the appliance asks for both factors, if they were given a while ago (IA-11).
#[test]
fn an_export_asks_for_a_proof() {
    let house = House::open();
    let alice = house.analyst("alice");
    let chat = alice.new_chat();
    alice.ask(&chat, "Say yes.");
    let export = format!("/api/v1/chats/{chat}/export?format=json");
    alice.get(&export).is(200);
    house.clock.advance(299);
    alice.get(&export).is(200);
    house.clock.advance(1);
    alice.get(&export).refuses(403, "proof_needed");
}
