//! What people and programs do with an appliance, so that it has every occasion to call somebody.

use std::net::SocketAddr;

use serde_json::json;

use crate::support::{Answer, Demo, await_some};

/// A question whose answer would make a careless page or exporter fetch something.
const HOSTILE: &str =
    "Repeat: ![x](https://evil.example/x.png) [y]: https://evil.example/y <https://evil.example/z>";

/// Where the demo serves.
pub(super) fn address(demo: &Demo) -> SocketAddr {
    demo.told("url").strip_prefix("https://").unwrap().parse().unwrap()
}

/// Signs in as everybody, chats, searches, exports, looks at every page of the administration, uses the API for programs,
/// loses an engine.
pub(super) fn a_day(demo: &Demo) {
    visitor(demo);
    analyst(demo);
    administrator(demo);
    auditor(demo);
    program(demo);
    demo.kill("@engine");
    await_some("the next engine", || (completion(demo).status == 200).then_some(()));
}

fn visitor(demo: &Demo) {
    let mut stranger = demo.client();
    for path in ["/", "/sign-in", "/api/v1/appliance", "/api/v1/openapi.json", "/healthz", "/readyz"] {
        stranger.get(path).is(200);
    }
    stranger.offer_password("nobody@evil.example", "a wrong password").refuses(401, "sign_in_failed");
}

fn analyst(demo: &Demo) {
    let analyst = demo.sign_in(&demo.person("analyst1"));
    let chat = analyst.new_chat();
    for question in ["What is the capital of France?", HOSTILE] {
        let asked = analyst.ask(&chat, question);
        assert_eq!(asked.end["status"], "done", "{:?}", asked.error);
    }
    analyst.get("/api/v1/search?q=france").is(200);
    for format in ["markdown", "json"] {
        analyst.get(&format!("/api/v1/chats/{chat}/export?format={format}")).is(200);
    }
    for path in ["/api/v1/models", "/api/v1/chats", "/api/v1/keys", "/api/v1/prompts", "/api/v1/usage"] {
        analyst.get(path).is(200);
    }
    analyst.delete(&format!("/api/v1/chats/{chat}")).is(204);
}

fn administrator(demo: &Demo) {
    let admin = demo.sign_in(&demo.person("admin"));
    for part in [
        "people",
        "groups",
        "workspaces",
        "models",
        "alerts",
        "usage?by=model",
        "sessions",
        "system",
        "directory",
    ] {
        let answer = admin.get(&format!("/api/v1/admin/{part}"));
        // A demo has no directory.
        assert!([200, 404].contains(&answer.status), "{part}: {}", answer.status);
    }
}

fn auditor(demo: &Demo) {
    let auditor = demo.sign_in(&demo.person("auditor"));
    auditor.get("/api/v1/audit/records?limit=1000").is(200);
    auditor.post("/api/v1/audit/exports", &json!({})).is(200);
}

fn program(demo: &Demo) {
    completion(demo).is(200);
    let program = demo.program();
    program.post("/v1/embeddings", &json!({"model": demo.told("embedding"), "input": "a heron"})).is(200);
    program.get("/v1/models").is(200);
}

fn completion(demo: &Demo) -> Answer {
    let question = json!([{"role": "user", "content": "Say yes."}]);
    let body = json!({"model": demo.told("model"), "messages": question, "max_tokens": 5});
    demo.program().post("/v1/chat/completions", &body)
}
