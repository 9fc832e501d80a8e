//! Quotas: exact also where many ask at once, and over at midnight.

use std::sync::{Barrier, mpsc};
use std::thread;

use redoubt::clock::{Clock, DAY_US, SECOND_US};
use serde_json::{Value, json};

use super::appliance::House;
use crate::support::{Answer, Client, await_some};

/// What fifty requests at the same moment get.
fn at_once(client: &Client, request: impl Fn(&Client, usize) -> Answer + Sync) -> Vec<Answer> {
    let (start, request) = (Barrier::new(50), &request);
    thread::scope(|scope| {
        let asked: Vec<_> = (0..50)
            .map(|number| {
                let start = &start;
                scope.spawn(move || {
                    start.wait();
                    request(client, number)
                })
            })
            .collect();
        asked.into_iter().map(|asked| asked.join().unwrap()).collect()
    })
}

fn with_status(answers: &[Answer], status: u16) -> usize {
    answers.iter().filter(|answer| answer.status == status).count()
}

fn used(client: &Client) -> (u64, u64) {
    let used = House::me(client)["quotas"]["used"].clone();
    (used["requests"].as_u64().unwrap(), used["tokens"].as_u64().unwrap())
}

#[test]
fn of_fifty_programs_at_once_as_many_get_through_as_the_quota_has_places() {
    let house = House::open();
    let (alice, program) = (house.analyst("alice"), house.program("alice", 64));
    house.change_group("everyone", &json!({"quotas": {"requests_per_day": 7}}));
    let body = house.completion("Say yes.", 2);
    let answers = at_once(&program, |client, _| client.post("/v1/chat/completions", &body));
    assert_eq!((with_status(&answers, 200), with_status(&answers, 429)), (7, 43));
    let refused = answers.iter().find(|answer| answer.status == 429).unwrap();
    assert_eq!(refused.json()["error"]["type"], "rate_limit_error");
    assert_eq!(refused.json()["error"]["code"], "quota");
    let now = house.clock.now_us();
    let until_midnight = (DAY_US - now.rem_euclid(DAY_US)) / SECOND_US;
    let wait: i64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((until_midnight..=until_midnight + 61).contains(&wait), "{wait} and not {until_midnight}");
    assert_eq!(used(&alice).0, 7);
    // Embeddings and chats are requests, too.
    program.post("/v1/embeddings", &json!({"model": house.embedding, "input": "x"})).is(429);
    let chat = alice.new_chat();
    let asked = alice.post(&format!("/api/v1/chats/{chat}/messages"), &json!({"content": "x"}));
    assert_eq!(asked.refuses(429, "quota").json()["field"], "requests_per_day");
    assert_eq!(alice.chat(&chat)["messages"], json!([]), "a refused question is not in the chat");

    let totals = house.admin().get("/api/v1/admin/usage?by=person").is(200).json();
    assert_eq!(totals["items"][0]["name"], "alice");
    assert_eq!((&totals["items"][0]["requests"], &totals["items"][0]["refusals"]), (&json!(7), &json!(45)));
    let starts = house.records("inference.start");
    let denied: Vec<&Value> = starts.iter().filter(|record| record["outcome"] == "deny").collect();
    assert_eq!((starts.len(), denied.len()), (52, 45));
    assert!(denied.iter().all(|record| record["reason"] == "requests_per_day"));

    house.clock.advance(until_midnight + 1);
    program.post("/v1/chat/completions", &body).is(200);
}

#[test]
fn of_fifty_chats_at_once_as_many_are_answered_as_the_quota_has_places() {
    let house = House::open();
    let alice = house.analyst("alice");
    let chats: Vec<String> = (0..50).map(|_| alice.new_chat()).collect();
    house.change_group("everyone", &json!({"quotas": {"requests_per_day": 11}}));
    let body = json!({"content": "Say yes.", "params": {"max_tokens": 2}});
    let answers = at_once(&alice, |client, number| {
        client.post(&format!("/api/v1/chats/{}/messages", chats[number]), &body)
    });
    assert_eq!((with_status(&answers, 200), with_status(&answers, 429)), (11, 39));
    assert_eq!(used(&alice).0, 11);
}

#[test]
fn no_more_tokens_are_used_than_the_quota_has() {
    let house = House::open();
    let (alice, program) = (house.analyst("alice"), house.program("alice", 64));
    house.change_group("everyone", &json!({"quotas": {"tokens_per_day": 400}}));
    let body = house.completion("Count.", 60);
    let answers = at_once(&program, |client, _| client.post("/v1/chat/completions", &body));
    let got = with_status(&answers, 200);
    assert!(got >= 3 && got + with_status(&answers, 429) == 50, "{got}");
    // What was promised to others in vain can be asked for again, to the last token.
    let mut ends = Vec::new();
    while ends.len() < 50 {
        let answer = program.post("/v1/chat/completions", &body);
        if answer.status == 429 {
            break;
        }
        ends.push(answer.is(200).json()["usage"]["completion_tokens"].as_u64().unwrap());
    }
    let (_, tokens) = used(&alice);
    assert!((360..=400).contains(&tokens), "{tokens}");
    let whole = program.post("/v1/chat/completions", &body);
    assert_eq!(whole.is(429).json()["error"]["param"], "tokens_per_day");
    program.post("/v1/embeddings", &json!({"model": house.embedding, "input": "x"})).is(if tokens < 400 {
        200
    } else {
        429
    });
}

#[test]
fn a_program_that_goes_away_has_used_what_was_written_for_it() {
    let house = House::open();
    let (alice, program) = (house.analyst("alice"), house.program("alice", 2));
    let mut body = house.completion("Write a very long story.", 1500);
    body["stream"] = json!(true);
    let mut events = program.stream("POST", "/v1/chat/completions", Some(&body));
    for _ in 0..6 {
        events.next().unwrap();
    }
    drop(events);
    let tokens =
        await_some("the end of the completion", || Some(used(&alice).1).filter(|tokens| *tokens > 0));
    assert!(tokens > 10, "{tokens}: the prompt and some tokens");
}

#[test]
fn answers_at_once_are_limited_and_free_again() {
    let house = House::open();
    let alice = house.analyst("alice");
    house.group(&json!({"name": "one", "quotas": {"parallel": 1}}), &["alice"]);
    let (chat, other) = (alice.new_chat(), alice.new_chat());
    let long = json!({"content": "Write a very long story.", "params": {"max_tokens": 1500}});
    let mut events = alice.begin(&chat, &long);
    events.until("token");
    let body = json!({"content": "x", "params": {"max_tokens": 2}});
    let refused = alice.post(&format!("/api/v1/chats/{other}/messages"), &body).refuses(429, "quota");
    assert_eq!((&refused.json()["field"], refused.header("retry-after")), (&json!("parallel"), Some("5")));
    // The most generous group decides.
    let two = house.group(&json!({"name": "two", "quotas": {"parallel": 2}}), &["alice"]);
    alice.begin(&other, &body).finish();
    alice.post(&format!("/api/v1/chats/{chat}/stop"), &json!({})).is(204);
    events.until("end");
    house.admin().delete(&format!("/api/v1/admin/groups/{two}")).is(204);
    // Whoever has the end has the place: one after the other, nobody is refused.
    let program = house.program("alice", 2);
    let mut streamed = house.completion("x", 2);
    streamed["stream"] = json!(true);
    for _ in 0..10 {
        alice.begin(&other, &body).finish();
        let last = program.stream("POST", "/v1/chat/completions", Some(&streamed)).last().unwrap();
        assert_eq!(last.data, "[DONE]");
    }
}

/// The engine's one place goes to the higher priority first, whoever waited before.
#[test]
fn a_group_of_a_higher_priority_is_answered_first() {
    let house = House::with(|config| config.models.parallel = 1);
    let models = json!([house.model]);
    house.change_group("everyone", &json!({"models": models, "permissions": {"api_keys": "allow"}}));
    house.group(&json!({"name": "watch officers", "quotas": {"priority": 10}}), &["officer"]);
    let programs = ["first", "bob", "carla", "officer"].map(|name| house.program(name, 1));
    let mut long = house.completion("Write a very long story.", 1500);
    long["stream"] = json!(true);
    let mut running = programs[0].stream("POST", "/v1/chat/completions", Some(&long));
    for _ in 0..3 {
        running.next().unwrap();
    }
    let body = house.completion("Say yes.", 2);
    let (ended, order) = mpsc::channel();
    thread::scope(|scope| {
        for (number, program) in programs.iter().enumerate().skip(1) {
            let (body, ended) = (&body, ended.clone());
            scope.spawn(move || {
                program.post("/v1/chat/completions", body).is(200);
                ended.send(number).unwrap();
            });
            let waiting = || (house.app.access.underway().counts().0 == number as u64).then_some(());
            await_some("a request that waits", waiting);
        }
        drop(running);
    });
    assert_eq!(order.try_iter().collect::<Vec<_>>(), [3, 1, 2]);
}
