//! Signing in and out, and every way in which that is refused.

use serde_json::json;

use crate::support::{Client, Demo, Person, shared};

const SESSION: &str = "__Host-redoubt";
const PENDING: &str = "__Host-redoubt-pending";

fn pending(demo: &Demo, person: &Person) -> Client {
    let mut client = demo.client();
    let next = client.offer_password(&person.username, &person.password).is(200).json();
    assert_eq!(next, json!({"next": "totp"}));
    client
}

#[test]
fn both_steps_sign_a_person_in_and_signing_out_ends_it() {
    let demo = shared();
    let person = demo.next_analyst();
    let mut client = pending(demo, &person);
    let user = client.offer_code(&demo.next_code(&person)).is(200).json();
    assert_eq!(user["user"]["username"], person.username.as_str());
    assert_eq!(user["user"]["role"], "analyst");
    assert_eq!(user.get("recovery_codes"), None, "only an enrolment brings them");
    assert_eq!(client.cookies.keys().collect::<Vec<_>>(), [SESSION], "the pending cookie is gone");

    let me = client.get("/api/v1/me").is(200).json();
    assert_eq!(me["user"], user["user"]);
    assert_eq!(me["session"]["current"], true);
    let signed_out = client.delete("/api/v1/session").is(204);
    let kept = client.clone();
    client.keep_cookies(&signed_out);
    assert!(client.cookies.is_empty());
    client.get("/api/v1/me").refuses(401, "not_signed_in");
    kept.get("/api/v1/me").refuses(401, "session_expired");
}

#[test]
fn cookies_are_for_this_host_alone_and_out_of_reach_of_scripts() {
    let demo = shared();
    let person = demo.next_analyst();
    let mut client = demo.client();
    let first = client.offer_password(&person.username, &person.password).is(200);
    let second = client.offer_code(&demo.next_code(&person)).is(200);
    for (answer, name) in [(&first, PENDING), (&second, SESSION)] {
        let set = answer.headers.get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap());
        let cookie = set.into_iter().find(|cookie| cookie.starts_with(&format!("{name}="))).unwrap();
        let attributes: Vec<&str> = cookie.split("; ").skip(1).collect();
        for attribute in ["HttpOnly", "Secure", "SameSite=Strict", "Path=/"] {
            assert!(attributes.contains(&attribute), "{attribute}: {cookie}");
        }
        assert!(!cookie.contains("Domain"), "{cookie}");
        let value = cookie.split(['=', ';']).nth(1).unwrap();
        assert_eq!(value.len(), 43, "256 bits in base64: {value}");
    }
}

/// An unknown name and a known one cannot be told apart: not by an answer, not by the lock.
#[test]
fn three_wrong_passwords_lock_a_known_and_an_unknown_name_alike() {
    let demo = shared();
    let person = demo.next_analyst();
    for name in [person.username.as_str(), "nobody-of-this-name"] {
        for _ in 0..3 {
            let refused =
                demo.client().offer_password(name, "not the right password").refuses(401, "sign_in_failed");
            assert_eq!(refused.headers.get("set-cookie"), None);
        }
        let locked = demo.client().offer_password(name, &person.password).refuses(429, "locked");
        let seconds: u64 = locked.header("retry-after").unwrap().parse().unwrap();
        assert!((800..=900).contains(&seconds), "{seconds}");
    }
    // Spelled otherwise it is the same name.
    let shouted = person.username.to_uppercase();
    demo.client().offer_password(&shouted, &person.password).refuses(429, "locked");
}

#[test]
fn a_wrong_or_used_code_is_refused_and_three_lock() {
    let demo = shared();
    let person = demo.next_analyst();
    let code = demo.next_code(&person);
    let mut wrong = code.clone().into_bytes();
    wrong[0] = if wrong[0] == b'9' { b'0' } else { wrong[0] + 1 };
    // One more than right in the first digit might be the code of a neighbouring step once in 300,000 runs.
    pending(demo, &person).offer_code(&String::from_utf8(wrong).unwrap()).refuses(401, "code_refused");
    pending(demo, &person).offer_code(&code).is(200);
    pending(demo, &person).offer_code(&code).refuses(401, "code_refused");
    for malformed in ["", "12345", "١٢٣٤٥٦"] {
        let mut client = pending_or_locked(demo, &person);
        let status = client.offer_code(malformed).status;
        assert!(matches!(status, 401 | 429), "{malformed:?}: {status}");
    }
    demo.client().offer_password(&person.username, &person.password).refuses(429, "locked");
}

/// After the third failure the first step is refused already.
fn pending_or_locked(demo: &Demo, person: &Person) -> Client {
    let mut client = demo.client();
    let status = client.offer_password(&person.username, &person.password).status;
    assert!(matches!(status, 200 | 429), "{status}");
    client
}

/// The newcomer of the shared demo: nobody else may use this account.
#[test]
fn a_newcomer_enrols_and_each_recovery_code_works_once() {
    let demo = shared();
    let newcomer = demo.person("newcomer");
    assert_eq!(newcomer.totp_secret, None);
    let mut client = demo.client();
    let offer = client.offer_password(&newcomer.username, &newcomer.password).is(200).json();
    assert_eq!(offer["next"], "enrol");
    let secret = offer["secret"].as_str().unwrap().to_owned();
    let otpauth = offer["otpauth"].as_str().unwrap();
    assert!(otpauth.starts_with("otpauth://totp/") && otpauth.contains(&secret), "{otpauth}");
    assert!(offer["qr"]["size"].as_u64().unwrap() >= 21);
    assert!(offer["qr"]["path"].as_str().unwrap().starts_with('M'));

    let enrolled = Person { totp_secret: Some(secret), ..newcomer.clone() };
    let signed_in = client.offer_code(&demo.next_code(&enrolled)).is(200).json();
    let codes: Vec<&str> =
        signed_in["recovery_codes"].as_array().unwrap().iter().map(|c| c.as_str().unwrap()).collect();
    assert_eq!(codes.len(), 10);
    assert_eq!(client.get("/api/v1/me").is(200).json()["recovery_codes_left"], 10);

    let offer_recovery = |code: &str| {
        let mut client = pending(demo, &enrolled);
        let answer = client.post("/api/v1/session/totp", &json!({"recovery_code": code}));
        client.keep_cookies(&answer);
        (client, answer)
    };
    let (recovered, answer) = offer_recovery(codes[3]);
    answer.is(200);
    assert_eq!(recovered.get("/api/v1/me").is(200).json()["recovery_codes_left"], 9);
    offer_recovery(codes[3]).1.refuses(401, "code_refused");
    offer_recovery(&codes[4].to_lowercase().replace('-', " ")).1.is(200);
    let second = pending(demo, &enrolled)
        .post("/api/v1/session/totp", &json!({"recovery_code": codes[5], "code": "1"}));
    second.refuses(422, "invalid");
}

#[test]
fn a_half_signed_in_person_reaches_nothing() {
    let demo = shared();
    let person = demo.next_analyst();
    let mut client = pending(demo, &person);
    for path in ["/api/v1/me", "/api/v1/chats", "/api/v1/sessions", "/api/v1/audit/records"] {
        client.get(path).refuses(401, "not_signed_in");
    }
    // Nor by presenting the pending token as that of a session.
    let token = client.cookies[PENDING].clone();
    client.cookies.insert(SESSION.to_owned(), token);
    client.get("/api/v1/me").refuses(401, "not_signed_in");
    client.delete("/api/v1/session").refuses(401, "not_signed_in");
}

#[test]
fn forged_and_altered_tokens_are_no_session() {
    let demo = shared();
    let client = demo.analyst();
    let token = client.cookies[SESSION].clone();
    let altered = format!("{}{}", if token.starts_with('A') { 'B' } else { 'A' }, &token[1..]);
    for forged in [altered.as_str(), &"A".repeat(43), "", "x", &token[..42], "' OR 1=1 --"] {
        let mut forger = client.stranger();
        forger.cookies.insert(SESSION.to_owned(), forged.to_owned());
        let refused = forger.get("/api/v1/me").is(401).json();
        assert_eq!(refused["code"], "session_expired", "{forged:?}");
    }
    client.get("/api/v1/me").is(200);
}

#[test]
fn a_person_sees_and_ends_their_own_sessions() {
    let demo = shared();
    let person = demo.next_analyst();
    let (one, other) = (demo.sign_in(&person), demo.sign_in(&person));
    let sessions = one.get("/api/v1/sessions").is(200).json();
    let sessions = sessions["items"].as_array().unwrap();
    assert_eq!(sessions.len(), 2);
    let foreign = sessions.iter().find(|session| session["current"] == false).unwrap();
    one.delete(&format!("/api/v1/sessions/{}", foreign["id"].as_str().unwrap())).is(204);
    other.get("/api/v1/me").refuses(401, "session_expired");
    one.get("/api/v1/me").is(200);
}
