//! Compartments: what is in one does not exist in another, for nobody and by no way.

use redoubt::http::{Access, routes};
use redoubt_store::users::Role;
use serde_json::{Value, json};

use super::appliance::House;
use crate::support::Client;

/// Binds the session to a workspace.
fn choose(client: &Client, workspace: &str) {
    client.post("/api/v1/session/workspace", &json!({"workspace": workspace})).is(204);
}

/// Everything that names a chat, a message or a prompt, called with these; each is missing.
fn is_missing_everywhere(client: &Client, chat: &str, message: &str, prompt: &str) {
    let mut walked = 0;
    for route in routes().into_iter().filter(|route| route.access == Access::Analyst) {
        let id = if route.path.contains("/prompts/") { prompt } else { chat };
        if !route.path.contains("{id}") || route.path.contains("/keys/") {
            continue;
        }
        let path = route.path.replace("{id}", id).replace("{mid}", message);
        let path = if path.ends_with("/export") { format!("{path}?format=json") } else { path };
        let body = match (route.method.as_str(), route.path) {
            ("PATCH", "/api/v1/prompts/{id}") => Some(json!({"name": "taken over"})),
            ("PATCH", _) => Some(json!({"title": "taken over"})),
            ("POST", path) if path.ends_with("/messages") => Some(json!({"content": "taken over"})),
            ("POST", path) if path.ends_with("/regenerate") => Some(json!({})),
            _ => None,
        };
        let answer = match body {
            Some(body) => client.json(route.method.as_str(), &path, &body),
            None => client.send(route.method.as_str(), &path, &[], None),
        };
        answer.refuses(404, "not_found");
        walked += 1;
    }
    assert!(walked >= 10, "only {walked} routes");
}

#[test]
fn what_is_of_another_workspace_is_missing_on_every_route() {
    let house = House::open();
    let harbour = house.workspace("Harbour", &["alice", "bob"]);
    let (alice, bob) = (house.analyst("alice"), house.analyst("bob"));
    // Both are in General, too, by the group of everyone: nothing is chosen yet.
    for client in [&alice, &bob] {
        assert_eq!(House::me(client)["workspace"], Value::Null);
        client.get("/api/v1/chats").refuses(403, "workspace_needed");
        client.post("/api/v1/chats", &json!({})).refuses(403, "workspace_needed");
    }
    choose(&bob, "general");
    let chat =
        alice.post("/api/v1/chats", &json!({"workspace": harbour, "title": "zanzibar"})).is(201).json();
    let chat = chat["id"].as_str().unwrap();
    assert_eq!(House::me(&alice)["workspace"]["name"], "Harbour");
    let message = alice.ask(chat, "Tell me of the quokka.").answer;
    let prompt = alice.post("/api/v1/prompts", &json!({"name": "p", "content": "quokka"})).is(201).json();
    let prompt = prompt["id"].as_str().unwrap().to_owned();

    // Of the same person in another workspace, and of somebody who is not in it at all.
    choose(&alice, "general");
    is_missing_everywhere(&alice, chat, &message, &prompt);
    house
        .analyst("carla")
        .post("/api/v1/session/workspace", &json!({"workspace": harbour}))
        .refuses(404, "not_found");
    is_missing_everywhere(&house.analyst("carla"), chat, &message, &prompt);
    // Of somebody else in the same one: chats are private, prompts are shown and not for changing.
    choose(&bob, &harbour);
    bob.get(&format!("/api/v1/chats/{chat}")).refuses(404, "not_found");
    let shown = bob.get("/api/v1/prompts").is(200).json();
    assert_eq!((&shown["items"][0]["content"], &shown["items"][0]["own"]), (&json!("quokka"), &json!(false)));
    bob.delete(&format!("/api/v1/prompts/{prompt}")).refuses(404, "not_found");

    for list in ["/api/v1/chats", "/api/v1/prompts", "/api/v1/search?q=zanzibar", "/api/v1/search?q=quokka"] {
        assert_eq!(alice.get(list).is(200).json()["items"], json!([]), "{list}");
    }
    alice.post("/api/v1/chats", &json!({"workspace": harbour})).refuses(404, "not_found");
    alice.post("/api/v1/chats", &json!({"workspace": "no-such"})).refuses(404, "not_found");
    choose(&alice, &harbour);
    assert_ne!(alice.get("/api/v1/search?q=quokka").is(200).json()["items"], json!([]));
    assert_eq!(alice.chat(chat)["messages"].as_array().unwrap().len(), 2);
    assert_eq!(house.records("session.workspace").len(), 5);
}

#[test]
fn a_lost_membership_is_lost_at_the_next_request() {
    let house = House::open();
    let harbour = house.workspace("Harbour", &["alice"]);
    let alice = house.analyst("alice");
    let created = alice.post("/api/v1/chats", &json!({"workspace": harbour})).is(201).json();
    let chat = format!("/api/v1/chats/{}", created["id"].as_str().unwrap());
    alice.get(&chat).is(200);
    house.admin().patch(&format!("/api/v1/admin/workspaces/{harbour}"), &json!({"people": []})).is(200);
    alice.get(&chat).refuses(403, "workspace_needed");
    let me = House::me(&alice);
    assert_eq!((&me["workspace"], me["workspaces"].as_array().unwrap().len()), (&Value::Null, 1));
    choose(&alice, "general");
    alice.get(&chat).refuses(404, "not_found");
    // Whoever comes back finds everything as it was.
    let people = json!({"people": [house.person("alice", Role::Analyst).id]});
    house.admin().patch(&format!("/api/v1/admin/workspaces/{harbour}"), &people).is(200);
    choose(&alice, &harbour);
    alice.get(&chat).is(200);
    let members = house.records("workspace.member");
    assert_eq!(members.len(), 3);
    assert_eq!(members[1]["d"]["removed"].as_array().unwrap().len(), 1);
}

/// The real engine keeps prompts by blocks; a compartment finds none of another.
#[test]
fn the_prefix_cache_does_not_cross_workspaces() {
    let house = House::open();
    let harbour = house.workspace("Harbour", &["alice"]);
    let alice = house.analyst("alice");
    let question = "Tell me what the harbour master writes about the tide tables of the year. ".repeat(12);
    let cached = |workspace: &str| {
        choose(&alice, workspace);
        let chat = alice.new_chat();
        alice.ask(&chat, &question).end["usage"]["cached_tokens"].as_u64().unwrap()
    };
    assert_eq!(cached("general"), 0);
    assert!(cached("general") > 100, "the same person in the same workspace finds it");
    assert_eq!(cached(&harbour), 0);
    assert!(cached(&harbour) > 100);

    // The same by keys, which are bound to a workspace.
    let user = house.person("bob", Role::Analyst);
    let body = house.completion(&question, 2);
    let people = json!({"people": [house.person("alice", Role::Analyst).id, user.id]});
    house.admin().patch(&format!("/api/v1/admin/workspaces/{harbour}"), &people).is(200);
    let bob = house.analyst("bob");
    let asked = |workspace: &str| {
        choose(&bob, workspace);
        let new = json!({"name": "k", "scopes": ["chat"], "expires_in_days": 1});
        let mut program = house.client();
        program.bearer = bob.post("/api/v1/keys", &new).is(201).json()["secret"].as_str().map(str::to_owned);
        let usage = program.post("/v1/chat/completions", &body).is(200).json()["usage"].clone();
        usage["prompt_tokens_details"]["cached_tokens"].as_u64().unwrap()
    };
    assert_eq!((asked("general"), asked(&harbour)), (0, 0));
    assert!(asked("general") > 100 && asked(&harbour) > 100);
}

#[test]
fn the_workspace_s_system_prompt_begins_every_prompt_in_it() {
    let house = House::open();
    let (alice, program) = (house.analyst("alice"), house.program("alice", 2));
    let chat_tokens = || {
        let chat = alice.new_chat();
        alice.ask(&chat, "Say yes.").end["usage"]["prompt_tokens"].as_u64().unwrap()
    };
    let program_tokens = |system: Option<&str>| {
        let mut body = house.completion("Say yes.", 2);
        if let Some(system) = system {
            let turns = body["messages"].as_array_mut().unwrap();
            turns.insert(0, json!({"role": "system", "content": system}));
        }
        let usage = program.post("/v1/chat/completions", &body).is(200).json()["usage"].clone();
        usage["prompt_tokens"].as_u64().unwrap()
    };
    let before = (chat_tokens(), program_tokens(None), program_tokens(Some("Be brief.")));
    let system = "You are the clerk of the harbour and know the tide tables by heart. ".repeat(10);
    house.admin().patch("/api/v1/admin/workspaces/general", &json!({"system_prompt": system})).is(200);
    let after = (chat_tokens(), program_tokens(None), program_tokens(Some("Be brief.")));
    assert!(after.0 > before.0 + 100, "{before:?} {after:?}");
    assert!(after.1 > before.1 + 100 && after.2 > before.2 + 100, "{before:?} {after:?}");
    let long = "x".repeat(20_000);
    let refused = house.admin().patch("/api/v1/admin/workspaces/general", &json!({"system_prompt": long}));
    assert_eq!(refused.refuses(422, "invalid").json()["field"], "system_prompt");
}

#[test]
fn a_workspace_is_marked_in_me_and_in_exports() {
    let house = House::open();
    let alice = house.analyst("alice");
    let chat = alice.new_chat();
    alice.ask(&chat, "Say yes.");
    let export = |format: &str| alice.get(&format!("/api/v1/chats/{chat}/export?format={format}")).is(200);
    assert_eq!(House::me(&alice)["workspace"]["marking"], Value::Null);
    assert!(export("json").json().get("marking").is_none());
    let marking = json!({"text": "NATO SECRET", "background": "#c8102e", "color": "#ffffff"});
    house.admin().patch("/api/v1/admin/workspaces/general", &json!({"marking": marking})).is(200);
    assert_eq!(House::me(&alice)["workspace"]["marking"], marking);
    assert_eq!(export("json").json()["marking"], "NATO SECRET");
    let text = export("markdown").text();
    assert!(text.starts_with("**NATO SECRET**\n") && text.ends_with("**NATO SECRET**\n"), "{text}");
    let red = json!({"marking": {"text": "x", "background": "red"}});
    house.admin().patch("/api/v1/admin/workspaces/general", &red).refuses(422, "invalid");
    house.admin().patch("/api/v1/admin/workspaces/general", &json!({"marking": null})).is(200);
    assert_eq!(House::me(&alice)["workspace"]["marking"], Value::Null);
}

#[test]
fn one_membership_is_chosen_at_sign_in() {
    let house = House::open();
    house.admin().patch("/api/v1/admin/workspaces/general", &json!({"groups": []})).is(200);
    let alice = house.analyst("alice");
    assert_eq!(House::me(&alice)["workspaces"], json!([]));
    alice.get("/api/v1/chats").refuses(403, "workspace_needed");
    house.workspace("Harbour", &["alice"]);
    let alice = house.analyst("alice");
    assert_eq!(House::me(&alice)["workspace"]["name"], "Harbour");
    alice.new_chat();
}
