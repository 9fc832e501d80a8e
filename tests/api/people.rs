//! What admins do with people, over HTTPS: rights go at once, proofs are asked for, nothing is left running.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Client, Demo, Person, shared};

fn id_of(client: &Client) -> String {
    client.get("/api/v1/me").is(200).json()["user"]["id"].as_str().unwrap().to_owned()
}

fn path_of(client: &Client) -> String {
    format!("/api/v1/admin/people/{}", id_of(client))
}

/// An account that an admin made: who it is, and the client that enrolled.
fn make(demo: &Demo, admin: &Client, name: &str, role: &str) -> (Person, Client) {
    let made = admin.post("/api/v1/admin/people", &json!({"username": name, "role": role})).is(201).json();
    assert_eq!(made["person"]["state"], "active");
    let password = made["password"].as_str().unwrap().to_owned();
    let person = Person { username: name.to_owned(), password, totp_secret: None };
    let (client, person) = demo.enrolled(&person);
    (person, client)
}

#[test]
fn an_account_is_made_seen_changed_and_disabled() {
    let demo = shared();
    let admin = demo.admin();
    let (person, client) = make(demo, &admin, "Zora.Made", "auditor");
    assert_eq!(client.get("/api/v1/me").is(200).json()["user"]["role"], "auditor");
    let path = path_of(&client);
    let seen = admin.get(&path).is(200).json();
    assert_eq!(seen["username"], "zora.made");
    assert_eq!(
        (&seen["enrolled"], &seen["sessions"], &seen["source"]),
        (&json!(true), &json!(1), &json!("local"))
    );
    let found = admin.get("/api/v1/admin/people?query=ZORA.m").is(200).json();
    assert_eq!(found["items"].as_array().unwrap().len(), 1);
    assert_eq!(found["next"], Value::Null);
    let taken = json!({"username": "zora.made", "role": "admin"});
    admin.post("/api/v1/admin/people", &taken).refuses(409, "conflict");
    let shown = admin.patch(&path, &json!({"display_name": "Zora M."})).is(200).json();
    assert_eq!(shown["display_name"], "Zora M.");
    client.get("/api/v1/me").is(200);

    assert_eq!(admin.patch(&path, &json!({"disabled": true})).is(200).json()["state"], "disabled");
    client.get("/api/v1/me").refuses(401, "session_expired");
    demo.client().offer_password(&person.username, &person.password).refuses(401, "sign_in_failed");
    admin.patch(&path, &json!({"disabled": false})).is(200);
    demo.sign_in(&person);
    for unknown in [json!({"role": "root"}), json!({"password": "x"}), json!({"disabled": "yes"})] {
        admin.patch(&path, &unknown).refuses(422, "invalid");
    }
}

#[test]
fn admins_change_no_rights_of_their_own() {
    let admin = shared().admin();
    let own = path_of(&admin);
    admin.patch(&own, &json!({"role": "auditor"})).refuses(409, "conflict");
    admin.patch(&own, &json!({"disabled": true})).refuses(409, "conflict");
    admin.get("/api/v1/audit/records").refuses(403, "forbidden");
    admin.get(&own).is(200);
}

/// ASD V-222578 and WEB-5: within a second, answers included.
#[test]
fn a_changed_role_stops_what_the_person_has_running() {
    let demo = shared();
    let admin = demo.admin();
    let client = demo.analyst();
    let path = path_of(&client);
    let chat = client.new_chat();
    let long = "Write a very long story about a dragon and a lighthouse, with many chapters.";
    let question = json!({"content": long, "params": {"max_tokens": 1000, "temperature": 0}});
    let mut running = client.begin(&chat, &question);
    running.until("token");
    let reader = std::thread::spawn(move || running.until("end"));
    let changed = Instant::now();
    admin.patch(&path, &json!({"role": "auditor"})).is(200);
    client.get("/api/v1/me").refuses(401, "session_expired");
    let ended = reader.join().unwrap();
    assert!(changed.elapsed() < Duration::from_secs(2), "{:?}", changed.elapsed());
    assert_eq!(ended.json()["status"], "stopped");
    admin.patch(&path, &json!({"role": "analyst"})).is(200);
}

#[test]
fn a_reset_authenticator_is_enrolled_anew() {
    let demo = shared();
    let admin = demo.admin();
    let (person, client) = make(demo, &admin, "yuri.reset", "analyst");
    let path = path_of(&client);
    admin.send("POST", &format!("{path}/totp-reset"), &[], None).is(204);
    client.get("/api/v1/me").refuses(401, "session_expired");
    assert_eq!(admin.get(&path).is(200).json()["enrolled"], false);
    let (client, person) = demo.enrolled(&Person { totp_secret: None, ..person });

    let answer = admin.send("POST", &format!("{path}/password"), &[], None).is(200).json();
    client.get("/api/v1/me").refuses(401, "session_expired");
    demo.client().offer_password(&person.username, &person.password).refuses(401, "sign_in_failed");
    let password = answer["password"].as_str().unwrap().to_owned();
    demo.sign_in(&Person { password, ..person });
}

#[test]
fn an_admin_unlocks_a_name_and_ends_sessions() {
    let demo = shared();
    let admin = demo.admin();
    let (person, client) = make(demo, &admin, "xenia.locked", "analyst");
    let path = path_of(&client);
    for _ in 0..3 {
        demo.client().offer_password(&person.username, "not the right password").is(401);
    }
    demo.client().offer_password(&person.username, &person.password).refuses(429, "locked");
    let locked = admin.get(&path).is(200).json();
    assert_eq!(locked["state"], "locked");
    assert!(locked["locked_until"].is_string());
    admin.send("POST", &format!("{path}/unlock"), &[], None).is(204);
    assert_eq!(admin.get(&path).is(200).json()["state"], "active");
    demo.client().offer_password(&person.username, &person.password).is(200);

    let sessions = admin.get(&format!("{path}/sessions")).is(200).json();
    assert_eq!(sessions["items"].as_array().unwrap().len(), 1);
    assert_eq!(sessions["items"][0]["person"]["username"], "xenia.locked");
    let all = admin.get("/api/v1/admin/sessions").is(200).json();
    let own = all["items"].as_array().unwrap().iter().find(|open| open["id"] == sessions["items"][0]["id"]);
    admin.delete(&format!("/api/v1/admin/sessions/{}", own.unwrap()["id"].as_str().unwrap())).is(204);
    client.get("/api/v1/me").refuses(401, "session_expired");
    admin.delete(&format!("{path}/sessions")).is(204);
}

#[test]
fn what_there_is_no_directory_for_says_so() {
    let admin = shared().admin();
    let directory = admin.get("/api/v1/admin/directory").is(200).json();
    assert_eq!((&directory["configured"], &directory["state"]), (&json!(false), &json!("off")));
    admin.post("/api/v1/admin/directory/test", &json!({})).refuses(409, "conflict");
    let mapping = json!({"directory_group": "CN=Ops, DC=example", "role": "admin"});
    let made = admin.post("/api/v1/admin/mappings", &mapping).is(201).json();
    assert_eq!(made["directory_group"], "cn=ops,dc=example");
    admin.post("/api/v1/admin/mappings", &mapping).refuses(409, "conflict");
    admin.post("/api/v1/admin/mappings", &json!({"directory_group": "cn=x"})).refuses(422, "invalid");
    admin.post("/api/v1/admin/mappings/dry-run", &json!({"username": "admin"})).refuses(404, "not_found");
    assert_eq!(admin.post("/api/v1/admin/mappings/dry-run", &json!({})).is(200).json()["changes"], json!([]));
    let path = format!("/api/v1/admin/mappings/{}", made["id"].as_str().unwrap());
    admin.delete(&path).is(204);
    admin.delete(&path).refuses(404, "not_found");
}
