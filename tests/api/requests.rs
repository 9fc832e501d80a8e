//! Requests that are wrong in themselves, whoever sends them, and the headers of every answer.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{Answer, shared};

const JSON: (&str, &str) = ("content-type", "application/json");
/// The largest body, in bytes.
const LIMIT: usize = 1 << 20;

/// Spelled out once more: a change of these is a decision.
const HEADERS: &[(&str, &str)] = &[
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
         connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; object-src 'none'; \
         require-trusted-types-for 'script'; trusted-types svelte-trusted-html",
    ),
    ("cross-origin-embedder-policy", "require-corp"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    (
        "permissions-policy",
        "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), hid=(), \
         microphone=(), payment=(), serial=(), usb=()",
    ),
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
    ("x-dns-prefetch-control", "off"),
    ("x-frame-options", "DENY"),
];

#[track_caller]
fn assert_headers(answer: &Answer, caching: &str) {
    for (name, value) in HEADERS {
        let found: Vec<_> = answer.headers.get_all(*name).iter().collect();
        assert_eq!(found, [value], "{name}");
    }
    assert_eq!(answer.header("cache-control"), Some(caching));
    let id = answer.header("x-request-id").unwrap();
    assert_eq!(id.len(), 36, "{id}");
    for absent in ["server", "x-powered-by", "strict-transport-security", "access-control-allow-origin"] {
        assert_eq!(answer.header(absent), None);
    }
}

#[test]
fn pages_answers_and_errors_carry_the_same_headers() {
    let demo = shared();
    let client = demo.client();
    let page = client.get("/").is(200);
    assert_headers(&page, "no-cache");
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    let script = page.text().split('"').find(|part| part.ends_with(".js")).map(str::to_owned);
    let script = client.get(&script.expect("the page names no script")).is(200);
    assert_headers(&script, "public, max-age=31536000, immutable");
    assert_headers(&client.get("/api/v1/appliance").is(200), "no-store");
    assert_headers(&client.get("/readyz").is(200), "no-store");
    assert_headers(&client.get("/api/v1/nothing").refuses(404, "not_found"), "no-store");
    assert_headers(&client.get("/assets/nothing.js").is(404), "no-store");
    assert_headers(&client.get("/api/v1/me").refuses(401, "not_signed_in"), "no-store");
    for path in ["/", "/healthz", "/api/v1/me", "/elsewhere"] {
        assert_headers(&client.post(path, &json!({})).refuses(405, "method_not_allowed"), "no-store");
    }
    assert_headers(&client.get("/v1/models").is(401), "no-store");
}

#[test]
fn writes_from_other_sites_are_refused_and_do_nothing() {
    let demo = shared();
    let client = demo.analyst();
    let chats = || client.get("/api/v1/chats").is(200).json()["items"].as_array().unwrap().len();
    let create =
        |headers: &[(&str, &str)]| client.send("POST", "/api/v1/chats", headers, Some(b"{}".to_vec()));
    let own = demo.told("url");
    for foreign in [
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("origin", &own.replace("https", "http")),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("sec-fetch-site", "none"),
    ] {
        create(&[JSON, foreign]).refuses(403, "forbidden");
    }
    for kind in
        ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonp"]
    {
        create(&[("content-type", kind)]).refuses(415, "unsupported_media_type");
    }
    create(&[]).refuses(415, "unsupported_media_type");
    client.send("GET", "/api/v1/chats?limit=1", &[("origin", "https://evil.example")], None).is(200);
    assert_eq!(chats(), 0);
    create(&[JSON, ("origin", &own), ("sec-fetch-site", "same-origin")]).is(201);
    create(&[("content-type", "application/json; charset=utf-8")]).is(201);
    assert_eq!(chats(), 2);
}

#[test]
fn unknown_fields_and_malformed_json_are_refused() {
    let demo = shared();
    let client = demo.analyst();
    let chat = client.new_chat();
    let messages = format!("/api/v1/chats/{chat}/messages");
    for (path, body) in [
        ("/api/v1/chats", r#"{"titel":"x"}"#),
        ("/api/v1/chats", r#"{"title":1}"#),
        ("/api/v1/chats", r#"{"title":""}"#),
        ("/api/v1/chats", r#"{"title":"two\nlines"}"#),
        ("/api/v1/chats", r#"{"model":"another"}"#),
        ("/api/v1/chats", ""),
        ("/api/v1/chats", "{"),
        ("/api/v1/chats", "[1,"),
        ("/api/v1/chats", "{}{}"),
        ("/api/v1/chats", "\u{feff}{}"),
        (&messages, r#"{}"#),
        (&messages, r#"{"content":""}"#),
        (&messages, r#"{"content":"x","params":{"temperature":"hot"}}"#),
        (&messages, r#"{"content":"x","params":{"temperature":-1}}"#),
        (&messages, r#"{"content":"x","params":{"ignore_eos":true}}"#),
        (&messages, r#"{"content":"x","params":{"max_tokens":-5}}"#),
        (&messages, r#"{"content":"x","model":"another"}"#),
        ("/api/v1/session", r#"{"username":"a","password":"b","remember":true}"#),
        ("/api/v1/session/totp", r#"{"code":"1","secret":"x"}"#),
    ] {
        let answer = client.send("POST", path, &[JSON], Some(body.as_bytes().to_vec()));
        assert_eq!(answer.status, 422, "{path} {body}: {}", answer.text());
        answer.refuses(422, "invalid");
    }
    let not_text = client.send("POST", "/api/v1/chats", &[JSON], Some(b"{\"title\":\"\xff\"}".to_vec()));
    not_text.refuses(422, "invalid");
    assert_eq!(client.chat(&chat)["messages"], json!([]));
    for query in ["/api/v1/chats?limt=5", "/api/v1/chats?cursor=x", "/api/v1/chats?limit=x", "/api/v1/search"]
    {
        client.get(query).refuses(422, "invalid");
    }
    for odd in ["%ff", "%00", "..%2f..", "%2e%2e"] {
        client.get(&format!("/api/v1/chats/{odd}")).refuses(404, "not_found");
    }
    client.get(&format!("/api/v1/chats/{chat}/export?format=exe")).refuses(422, "invalid");
    client.send("PUT", "/api/v1/chats", &[JSON], Some(b"{}".to_vec())).refuses(405, "method_not_allowed");
}

#[test]
fn a_body_that_is_too_large_is_refused_at_the_byte() {
    let demo = shared();
    let client = demo.analyst();
    let padded = |length: usize| format!("{{}}{}", " ".repeat(length - 2)).into_bytes();
    client.send("POST", "/api/v1/chats", &[JSON], Some(padded(LIMIT))).is(201);
    client.send("POST", "/api/v1/chats", &[JSON], Some(padded(LIMIT + 1))).refuses(413, "too_large");
    let session = client.stranger();
    session.send("POST", "/api/v1/session", &[JSON], Some(padded(LIMIT + 1))).refuses(413, "too_large");
}

#[test]
fn deep_and_wide_json_costs_no_time() {
    let demo = shared();
    let client = demo.analyst();
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let deep_field = format!("{{\"title\":{}{}}}", "{\"a\":".repeat(10_000), "}".repeat(10_000));
    let keys: Vec<String> = (0..60_000).map(|number| format!("\"k{number}\":0")).collect();
    let wide = format!("{{{}}}", keys.join(","));
    for body in [deep, deep_field, wide] {
        let started = Instant::now();
        client.send("POST", "/api/v1/chats", &[JSON], Some(body.into_bytes())).refuses(422, "invalid");
        assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    }
    let program = demo.program();
    let deep =
        format!("{{\"model\":\"m\",\"messages\":[],\"x\":{}{}}}", "[".repeat(5_000), "]".repeat(5_000));
    // Unknown fields are passed over here, however deep they are.
    program.send("POST", "/v1/chat/completions", &[JSON], Some(deep.into_bytes())).is(404);
}
