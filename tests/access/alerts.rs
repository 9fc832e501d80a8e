//! Alerts and metrics: counted where it happens, raised once, seen once, told to whom the configuration names.

use redoubt::config::Alert;
use redoubt_store::alerts;
use serde_json::{Value, json};

use super::appliance::{House, block_on};

fn alert(threshold: u64) -> Alert {
    Alert { threshold, window_seconds: 600 }
}

#[test]
fn each_rule_is_raised_once_a_window_and_acknowledged_once() {
    let house = House::with(|config| {
        config.alerts.failed_sign_ins = alert(3);
        config.alerts.refusals = alert(4);
        config.alerts.quota = alert(0);
    });
    let tidy = || block_on(house.app.tidy()).unwrap();
    let admin = house.admin();
    for _ in 0..3 {
        house.client().offer_password("nobody-of-this-name", "some wrong password").is(401);
        tidy();
    }
    for _ in 0..4 {
        house.client().get("/api/v1/me").is(401);
    }
    tidy();
    tidy();
    let list = || admin.get("/api/v1/admin/alerts").is(200).json()["items"].as_array().unwrap().clone();
    let mut rules: Vec<String> =
        list().iter().map(|alert| alert["rule"].as_str().unwrap().to_owned()).collect();
    rules.sort();
    assert_eq!(rules, ["failed_sign_ins", "refusals"]);
    let first = &list()[0];
    assert!(first["count"].as_u64().unwrap() >= first["threshold"].as_u64().unwrap());
    assert_eq!(first["acknowledged_at"], Value::Null);
    let path = format!("/api/v1/admin/alerts/{}/acknowledge", first["id"].as_str().unwrap());
    for _ in 0..2 {
        admin.send("POST", &path, &[], None).is(204);
    }
    assert_eq!(list()[0]["acknowledged_by"], "root");
    admin.send("POST", "/api/v1/admin/alerts/none/acknowledge", &[], None).refuses(404, "not_found");
    assert_eq!(house.records("alert.raised").len(), 2);
    assert_eq!(house.records("alert.acknowledged").len(), 1);

    // In the next window the same rule is raised again, if it is reached again.
    house.clock.advance(600);
    let admin = house.admin();
    tidy();
    assert_eq!(admin.get("/api/v1/admin/alerts").is(200).json()["items"].as_array().unwrap().len(), 2);
    for _ in 0..4 {
        house.client().get("/api/v1/me").is(401);
    }
    tidy();
    assert_eq!(admin.get("/api/v1/admin/alerts").is(200).json()["items"].as_array().unwrap().len(), 3);
}

/// A clock that ran ahead and is set right must not silence a rule until it is as late again.
#[test]
fn a_rule_is_raised_again_after_the_clock_was_set_back() {
    let house = House::with(|config| config.alerts.failed_sign_ins = alert(3));
    let raised = |name: &str| {
        for _ in 0..3 {
            house.client().offer_password(name, "some wrong password").is(401);
        }
        for _ in 0..2 {
            block_on(house.app.tidy()).unwrap();
        }
        house.store.read_blocking(|reader| alerts::list(reader, 10, None)).unwrap().items.len()
    };
    assert_eq!(raised("one-whom-nobody-knows"), 1);
    house.clock.advance(-86_400);
    assert_eq!(raised("another"), 2);
    assert_eq!(raised("a-third"), 2, "once a window, as ever");
}

#[test]
fn metrics_tell_numbers_and_no_names() {
    let house = House::with(|config| config.listen.metrics = vec!["127.0.0.1".to_owned()]);
    let models = json!([house.model, house.embedding]);
    house.change_group("everyone", &json!({"models": models, "quotas": {"requests_per_day": 1}}));
    let alice = house.analyst("alice-of-the-harbour");
    let chat = alice.new_chat();
    alice.ask(&chat, "Tell me of the quokka.");
    alice.post(&format!("/api/v1/chats/{chat}/messages"), &json!({"content": "x"})).refuses(429, "quota");
    let page = house.client().get("/metrics").is(200);
    assert!(page.header("content-type").unwrap().starts_with("text/plain"));
    let page = page.text();
    for line in [
        "redoubt_http_requests_total{method=\"POST\",route=\"/api/v1/chats/{id}/messages\",status=\"429\"} 1",
        "redoubt_refusals_total{code=\"quota\"} 1",
        "redoubt_sign_ins_total{outcome=\"ok\"} 2",
        "redoubt_answers_running 0",
        "redoubt_answers_waiting 0",
        "redoubt_engine_ready 1",
        "redoubt_alerts_open{rule=\"quota\"} 0",
    ] {
        assert!(page.lines().any(|is| is == line), "{line} is not in\n{page}");
    }
    let tokens = format!("redoubt_tokens_total{{model=\"{}\",kind=\"completion\"}} ", house.model);
    let tokens = page.lines().find_map(|line| line.strip_prefix(&tokens)).unwrap();
    assert!((1..=12).contains(&tokens.parse().unwrap()), "{tokens}");
    for secret in ["alice", "root", "quokka", &chat] {
        assert!(!page.contains(secret), "{secret} is in\n{page}");
    }
}
