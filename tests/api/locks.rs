//! Locked sessions and proofs, over HTTPS: what a page sees.

use serde_json::json;

use crate::support::shared;

const SESSION: &str = "__Host-redoubt";

#[test]
fn a_locked_session_shows_nothing_until_it_is_opened_under_a_new_token() {
    let demo = shared();
    let person = demo.next_analyst();
    let mut client = demo.sign_in(&person);
    let chat = client.new_chat();
    let me = client.get("/api/v1/me").is(200).json();
    assert_eq!(me["session"]["lock_seconds"], 300);
    assert_eq!(me["session"]["idle_seconds"], 900);
    client.send("POST", "/api/v1/session/lock", &[], None).is(204);
    for path in ["/api/v1/me".to_owned(), "/api/v1/chats".to_owned(), format!("/api/v1/chats/{chat}")] {
        client.get(&path).refuses(401, "session_locked");
    }
    client
        .post("/api/v1/session/proof", &json!({"password": "x", "code": "000000"}))
        .refuses(401, "session_locked");
    client.post("/api/v1/session/unlock", &json!({})).refuses(422, "invalid");
    let wrong = json!({"password": "not the right password"});
    client.post("/api/v1/session/unlock", &wrong).refuses(401, "sign_in_failed");
    let before = client.clone();
    let opened = client.post("/api/v1/session/unlock", &json!({"password": person.password})).is(204);
    client.keep_cookies(&opened);
    assert_ne!(client.cookies[SESSION], before.cookies[SESSION]);
    client.get(&format!("/api/v1/chats/{chat}")).is(200);
    before.get("/api/v1/me").refuses(401, "session_expired");

    client.send("POST", "/api/v1/session/lock", &[], None).is(204);
    client.delete("/api/v1/session").is(204);
    client.get("/api/v1/me").refuses(401, "session_expired");
}

#[test]
fn new_recovery_codes_ask_for_a_proof() {
    let demo = shared();
    let person = demo.next_analyst();
    let mut client = demo.sign_in(&person);
    // A sign-in is a proof.
    let codes = client.send("POST", "/api/v1/me/recovery-codes", &[], None).is(200).json();
    assert_eq!(codes["recovery_codes"].as_array().unwrap().len(), 10);
    assert_eq!(client.get("/api/v1/me").is(200).json()["recovery_codes_left"], 10);
    let wrong = json!({"password": person.password, "code": "000000"});
    client.post("/api/v1/session/proof", &wrong).refuses(401, "sign_in_failed");
    let proof = json!({"password": person.password, "code": demo.next_code(&person)});
    let before = client.get("/api/v1/me").is(200).json()["session"]["proved_at"].clone();
    let proved = client.post("/api/v1/session/proof", &proof).is(204);
    client.keep_cookies(&proved);
    let after = client.get("/api/v1/me").is(200).json()["session"]["proved_at"].clone();
    assert!(after.as_str() > before.as_str(), "{before} {after}");
}

/// CVE-2018-15727: a cookie that was made up, or that once was right, opens nothing.
#[test]
fn cve_2018_15727_no_cookie_can_be_forged_or_kept() {
    let demo = shared();
    let person = demo.next_analyst();
    let mut client = demo.sign_in(&person);
    let old = client.clone();
    let opened = client.post("/api/v1/session/unlock", &json!({"password": person.password})).is(204);
    client.keep_cookies(&opened);
    old.get("/api/v1/me").refuses(401, "session_expired");
    let id = client.get("/api/v1/me").is(200).json()["session"]["id"].as_str().unwrap().to_owned();
    for forged in [id, person.username, "A".repeat(43), "e30.e30.e30".to_owned()] {
        let mut forger = client.stranger();
        forger.cookies.insert(SESSION.to_owned(), forged.clone());
        forger.get("/api/v1/me").is(401);
        forger.post("/api/v1/session/unlock", &json!({"password": "x"})).is(401);
    }
}
