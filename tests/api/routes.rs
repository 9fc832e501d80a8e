//! Every route with everybody who may not use it, walked from the appliance's own list.

use redoubt::http::{Access, Route, routes};
use serde_json::{Value, json};

use crate::support::{Answer, Client, shared};

const NO_SUCH_ID: &str = "00000000-0000-4000-8000-000000000000";

/// What exists of somebody else's.
struct Foreign {
    chat: String,
    message: String,
    session: String,
    prompt: String,
    key: String,
    person: String,
}

/// Somebody who was signed in and is disabled since.
fn disabled() -> Client {
    let (demo, person) = (shared(), shared().next_analyst());
    let client = demo.sign_in(&person);
    let id = client.get("/api/v1/me").is(200).json()["user"]["id"].as_str().unwrap().to_owned();
    demo.admin().patch(&format!("/api/v1/admin/people/{id}"), &json!({"disabled": true})).is(200);
    client
}

impl Foreign {
    fn path(&self, route: &Route) -> String {
        let ids = [
            ("/people/{id}", &self.person),
            ("/sessions/{id}", &self.session),
            ("/prompts/", &self.prompt),
            ("/keys/{id}", &self.key),
        ];
        let named = ids.iter().find(|(part, _)| route.path.contains(part));
        let id = named.map_or(&self.chat, |(_, id)| id);
        let path = route.path.replace("{id}", id).replace("{mid}", &self.message);
        let path = path.replace("{user}", &self.chat).replace("{key}", &self.key);
        let path = path.replace("{seq}", "0").replace("{size}", "0");
        match route.path {
            "/api/v1/search" => format!("{path}?q=word"),
            "/api/v1/chats/{id}/export" => format!("{path}?format=json"),
            "/api/v1/admin/usage" => format!("{path}?by=person"),
            _ => path,
        }
    }

    /// A chat with an answer, a session, a kept prompt and a key of this person.
    fn of(owner: &Client) -> Self {
        let chat = owner.new_chat();
        let message = owner.ask(&chat, "Say yes.").answer;
        let id = |made: &Value| made["id"].as_str().unwrap().to_owned();
        let me = owner.get("/api/v1/me").is(200).json();
        let (session, person) = (id(&me["session"]), id(&me["user"]));
        let prompt = json!({"name": "a prompt", "content": "text"});
        let prompt = id(&owner.post("/api/v1/prompts", &prompt).is(201).json());
        let key = json!({"name": "a key", "scopes": ["chat"], "expires_in_days": 1});
        let key = id(&owner.post("/api/v1/keys", &key).is(201).json()["key"]);
        Self { chat, message, session, prompt, key, person }
    }
}

/// A body that the route would take, so that nothing but the caller is wrong.
fn body(route: &Route) -> Option<Value> {
    route.request.as_ref()?;
    Some(match (route.method.as_str(), route.path) {
        ("POST", "/api/v1/session") => json!({"username": "nobody", "password": "nobody's password"}),
        ("POST", "/api/v1/session/totp") => json!({"code": "000000"}),
        ("POST", "/api/v1/session/unlock") => json!({"code": "000000"}),
        ("POST", "/api/v1/session/proof") => json!({"password": "nobody's password", "code": "000000"}),
        ("POST", "/api/v1/admin/people") => json!({"username": "taken-over", "role": "admin"}),
        ("PATCH", "/api/v1/admin/people/{id}") => json!({"role": "admin"}),
        ("POST", "/api/v1/admin/mappings") => json!({"directory_group": "cn=x", "role": "admin"}),
        ("POST", "/api/v1/admin/mappings/dry-run" | "/api/v1/admin/directory/test") => {
            json!({"username": null})
        }
        ("POST", "/api/v1/chats") => json!({}),
        ("PATCH", "/api/v1/chats/{id}") => json!({"title": "taken over"}),
        ("POST", "/api/v1/chats/{id}/messages") => json!({"content": "taken over"}),
        ("POST", "/api/v1/chats/{id}/messages/{mid}/regenerate") => json!({}),
        ("POST", "/api/v1/session/workspace") => json!({"workspace": "general"}),
        ("POST", "/api/v1/keys") => json!({"name": "x", "scopes": ["chat"], "expires_in_days": 1}),
        ("POST", "/api/v1/prompts") => json!({"name": "taken over", "content": "x"}),
        ("PATCH", "/api/v1/prompts/{id}") => json!({"name": "taken over"}),
        ("POST", "/api/v1/admin/groups") | ("PATCH", "/api/v1/admin/groups/{id}") => {
            json!({"name": "taken over"})
        }
        ("POST", "/api/v1/admin/workspaces") | ("PATCH", "/api/v1/admin/workspaces/{id}") => {
            json!({"name": "taken over"})
        }
        ("POST", "/api/v1/admin/purges") => json!({"chat": NO_SUCH_ID, "reason": "x"}),
        ("POST", "/api/v1/audit/holds") => {
            json!({"kind": "workspace", "target": "general", "reason": "x"})
        }
        ("POST", "/api/v1/audit/purges/{id}/approval") => json!({"approve": true}),
        (
            "POST",
            "/api/v1/console/slots" | "/api/v1/console/slots/test" | "/api/v1/console/slots/{id}/secret",
        ) => json!({"kind": "passphrase", "secret": "staple battery horse correct"}),
        ("POST", "/api/v1/console/models") => {
            json!({"id": "m", "sha256": "0", "size": 1, "licence": "MIT", "voucher": "sum"})
        }
        ("POST", "/v1/chat/completions") => {
            json!({"model": "m", "messages": [{"role": "user", "content": "x"}]})
        }
        ("POST", "/api/v1/audit/exports") => json!({}),
        ("POST", "/v1/embeddings") => json!({"model": "m", "input": "x"}),
        (method, path) => panic!("say here what {method} {path} takes"),
    })
}

fn call(client: &Client, route: &Route, path: &str) -> Answer {
    match body(route) {
        Some(body) => client.json(route.method.as_str(), path, &body),
        None => client.send(route.method.as_str(), path, &[], None),
    }
}

/// What a caller of this kind gets on a route that is not for them; `None` where it is.
fn refusal(access: Access, caller: &str) -> Option<u16> {
    match (access, caller) {
        (Access::Public, _) => None,
        (Access::Pending, "pending") => None,
        (Access::Holder, "analyst" | "admin" | "auditor" | "locked") => None,
        (Access::Anyone, "analyst" | "admin" | "auditor") => None,
        (Access::Analyst, "analyst")
        | (Access::Admin, "admin")
        | (Access::Auditor, "auditor")
        | (Access::ApiKey, "program") => None,
        (Access::Admin, "analyst" | "auditor") => Some(403),
        (Access::Console, "analyst" | "admin" | "auditor") => Some(403),
        (Access::Analyst, "admin" | "auditor") | (Access::Auditor, "analyst" | "admin") => Some(403),
        _ => Some(401),
    }
}

#[test]
fn nobody_gets_through_a_route_that_is_not_theirs() {
    let demo = shared();
    let owner = demo.analyst();
    let foreign = Foreign::of(&owner);
    let before = owner.chat(&foreign.chat);

    let person = demo.next_analyst();
    let mut pending = demo.client();
    pending.offer_password(&person.username, &person.password).is(200);
    let locked = demo.analyst();
    locked.send("POST", "/api/v1/session/lock", &[], None).is(204);
    let callers = [
        ("nobody", demo.client()),
        ("pending", pending),
        ("analyst", demo.analyst()),
        ("admin", demo.signed_in("admin")),
        ("auditor", demo.signed_in("auditor")),
        ("program", demo.program()),
        ("disabled", disabled()),
        ("locked", locked),
    ];
    let mut refused = 0;
    for route in routes() {
        for (who, client) in &callers {
            let Some(expected) = refusal(route.access, who) else { continue };
            let answer = call(client, &route, &foreign.path(&route));
            let place = format!("{who}: {} {}: {}", route.method, route.path, answer.text());
            assert_eq!(answer.status, expected, "{place}");
            let code = match (*who, route.access) {
                (_, Access::ApiKey | Access::Pending) => None,
                ("disabled", _) => Some("session_expired"),
                ("locked", _) => Some("session_locked"),
                _ => None,
            };
            assert!(code.is_none_or(|code| answer.json()["code"] == code), "{place}");
            refused += 1;
        }
    }
    assert!(refused > 400, "only {refused} cells");
    assert_eq!(owner.chat(&foreign.chat), before, "something was changed by somebody else");
}

/// Somebody else's id is one that does not exist: the same answer, but for the request's own id.
#[test]
fn a_foreign_id_is_a_missing_one() {
    let demo = shared();
    let (owner, stranger) = (demo.analyst(), demo.analyst());
    let foreign = Foreign::of(&owner);
    let id = || NO_SUCH_ID.to_owned();
    let missing = Foreign { chat: id(), message: id(), session: id(), prompt: id(), key: id(), person: id() };
    let for_analysts = |route: &Route| matches!(route.access, Access::Anyone | Access::Analyst);
    let with_ids = routes().into_iter().filter(|route| route.path.contains("{id}") && for_analysts(route));
    let mut walked = 0;
    for route in with_ids {
        let mut told = [&foreign, &missing].map(|ids| {
            let mut problem = call(&stranger, &route, &ids.path(&route)).refuses(404, "not_found").json();
            problem["request_id"].take();
            problem
        });
        assert_eq!(told[0].take(), told[1].take(), "{} {}", route.method, route.path);
        walked += 1;
    }
    assert!(walked >= 12, "only {walked} routes");
    owner.get("/api/v1/me").is(200);
    assert_eq!(owner.chat(&foreign.chat)["messages"].as_array().unwrap().len(), 2);
}

#[test]
fn own_chats_with_foreign_messages_are_missing_too() {
    let demo = shared();
    let (owner, other) = (demo.analyst(), demo.analyst());
    let (theirs, own) = (owner.new_chat(), other.new_chat());
    let message = owner.ask(&theirs, "Say yes.").answer;
    let content = json!({"content": "And then?", "parent": message});
    other.post(&format!("/api/v1/chats/{own}/messages"), &content).refuses(404, "not_found");
    other
        .post(&format!("/api/v1/chats/{own}/messages/{message}/regenerate"), &json!({}))
        .refuses(404, "not_found");
    other.get(&format!("/api/v1/chats/{own}/messages/{message}/events")).refuses(404, "not_found");
    other.patch(&format!("/api/v1/chats/{own}"), &json!({"head": message})).refuses(404, "not_found");
}

#[test]
fn open_routes_answer_and_every_route_of_the_api_is_described() {
    let demo = shared();
    for route in routes().iter().filter(|route| route.access == Access::Public && route.method == "GET") {
        demo.client().get(route.path).is(route.status);
    }
    let described = demo.client().get("/api/v1/openapi.json").is(200).json();
    for route in routes().iter().filter(|route| route.path.starts_with("/api/")) {
        let method = route.method.as_str().to_lowercase();
        assert!(
            described["paths"][route.path][&method].is_object(),
            "{method} {} is not described",
            route.path
        );
    }
}

/// No route but the four of signing in takes a password or a code, so none is an oracle beside their lock.
#[test]
fn cve_2026_43914_no_other_route_takes_a_password_or_a_code() {
    let takes_a_secret = |route: &Route| {
        let Some((_, schema)) = &route.request else { return false };
        let schema = serde_json::to_value(schema).unwrap();
        let fields = schema["properties"].as_object().cloned().unwrap_or_default();
        ["password", "code", "recovery_code"].iter().any(|name| fields.contains_key(*name))
    };
    let mut found: Vec<&str> =
        routes().iter().filter(|route| takes_a_secret(route)).map(|route| route.path).collect();
    found.sort_unstable();
    let expected =
        ["/api/v1/session", "/api/v1/session/proof", "/api/v1/session/totp", "/api/v1/session/unlock"];
    assert_eq!(found, expected);
}
