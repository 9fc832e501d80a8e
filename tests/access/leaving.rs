//! Clients that go away: whatever was begun for them has its one end in the log, and no place is lost.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use redoubt_store::messages;
use serde_json::{Value, json};

use super::appliance::House;
use crate::support::{Client, await_some};

const EMBEDDINGS: &str = "/v1/embeddings";

fn short() -> Value {
    json!({"content": "Say yes.", "params": {"temperature": 0, "max_tokens": 4}})
}

/// Every start has one end, no message waits for one, and all places are free again.
fn balances(house: &House, least: usize) {
    let is_quiet = || {
        let streaming = house.store.read_blocking(messages::list_streaming).unwrap();
        let ids = |act: &str| {
            let mut counts: BTreeMap<String, usize> = BTreeMap::new();
            for record in house.log(act).iter().filter(|record| record["outcome"] != "deny") {
                *counts.entry(record["obj"]["id"].as_str().unwrap().to_owned()).or_default() += 1;
            }
            counts
        };
        let (starts, ends) = (ids("inference.start"), ids("inference.end"));
        let counts = house.app.access.underway().counts();
        let is_quiet = streaming.is_empty() && starts == ends && counts == (0, 0) && starts.len() >= least;
        let told = (streaming.len(), starts.len(), ends.len(), counts);
        if is_quiet { Ok(starts) } else { Err(told) }
    };
    let mut told = None;
    for _ in 0..40 {
        match is_quiet() {
            Ok(starts) => {
                assert!(starts.values().all(|count| *count == 1), "{starts:?}");
                return;
            }
            Err(counts) => told = Some(counts),
        }
        thread::sleep(Duration::from_millis(250));
    }
    panic!("streaming, starts, ends, under way: {told:?}, and not at least {least} starts with an end each");
}

/// The client is gone while the record of the start waits for the disk.
fn leaves(kind: impl FnOnce(&House, &Client, &Client) -> (bool, String, Value)) {
    let house = House::open();
    let (alice, program) = (house.analyst("alice"), house.program("alice", 1));
    let (is_chat, path, body) = kind(&house, &alice, &program);
    let client = if is_chat { &alice } else { &program };
    let hold = house.hold();
    assert!(client.gives_up(&path, &body, Duration::from_millis(700)));
    // Until the appliance has noticed.
    thread::sleep(Duration::from_millis(300));
    drop(hold);
    balances(&house, 1);
    // The key's one place is free again, too.
    await_some("the key's place", || {
        let answer = program.post("/v1/chat/completions", &house.completion("x", 1));
        (answer.status == 200).then_some(())
    });
}

#[test]
fn a_chat_s_question_whose_asker_is_gone_before_it_is_written_has_an_end() {
    leaves(|_, alice, _| (true, format!("/api/v1/chats/{}/messages", alice.new_chat()), short()));
}

#[test]
fn a_completion_whose_program_is_gone_before_it_is_written_has_an_end() {
    leaves(|house, _, _| (false, "/v1/chat/completions".to_owned(), house.completion("Say yes.", 4)));
}

#[test]
fn embeddings_whose_program_is_gone_before_they_are_written_have_an_end() {
    leaves(|house, _, _| {
        (false, EMBEDDINGS.to_owned(), json!({"model": house.embedding, "input": "the harbour"}))
    });
}

#[test]
fn whoever_goes_away_at_any_moment_leaves_nothing_behind() {
    let house = House::open();
    let (alice, program) = (house.analyst("alice"), house.program("alice", 64));
    let embedding = json!({"model": house.embedding, "input": vec!["the boats are on the mud"; 8]});
    let completion = house.completion("Say yes.", 6);
    // A connection takes some milliseconds; then come the record, the engine, the words and the end.
    // The store is slow, so that many are gone while something is written for them.
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                let hold = house.hold();
                thread::sleep(Duration::from_millis(30));
                drop(hold);
            }
        });
        for round in 0..90_u64 {
            let after = Duration::from_millis(10 + round * 37 % 150);
            let (client, path, body) = match round % 3 {
                0 => (&alice, format!("/api/v1/chats/{}/messages", alice.new_chat()), &short()),
                1 => (&program, "/v1/chat/completions".to_owned(), &completion),
                _ => (&program, EMBEDDINGS.to_owned(), &embedding),
            };
            client.gives_up(&path, body, after);
        }
        over.store(true, Ordering::Relaxed);
    });
    balances(&house, 10);
}

/// A start that the store began in time and finished too late: it was refused, and is written.
#[test]
fn a_start_that_is_written_too_late_has_an_end() {
    let house = House::open();
    let (alice, program) = (house.analyst("alice"), house.program("alice", 64));
    let chat = format!("/api/v1/chats/{}/messages", alice.new_chat());
    let embedding = json!({"model": house.embedding, "input": "the harbour"});
    let requests = [
        (&alice, chat.as_str(), short()),
        (&program, "/v1/chat/completions", house.completion("Say yes.", 4)),
        (&program, EMBEDDINGS, embedding),
    ];
    let before = house.hold();
    thread::scope(|scope| {
        for (client, path, body) in &requests {
            scope.spawn(move || assert_eq!(client.post(path, body).status, 503, "{path}"));
        }
        // All of them wait for the writer; behind them somebody who keeps their commit.
        thread::sleep(Duration::from_millis(700));
        let keeping = scope.spawn(|| house.hold());
        thread::sleep(Duration::from_millis(300));
        drop(before);
        let after = keeping.join().unwrap();
        thread::sleep(Duration::from_millis(1800));
        drop(after);
    });
    balances(&house, 3);
}

/// The end comes while the store takes nothing: no answer without its record, and no record lost.
#[test]
fn an_end_that_the_store_does_not_take_is_recorded_when_it_does() {
    let house = House::open();
    let (alice, program) = (house.analyst("alice"), house.program("alice", 1));
    let mut body = house.completion("Say yes.", 30);
    body["stream"] = json!(true);
    let mut events = program.stream("POST", "/v1/chat/completions", Some(&body));
    events.next().unwrap();
    let hold = house.hold();
    let last = events.last().unwrap();
    assert_eq!(last.json()["error"]["code"], "audit_unavailable");
    drop(hold);
    balances(&house, 1);
    let tokens = House::me(&alice)["quotas"]["used"]["tokens"].as_u64().unwrap();
    assert!(tokens > 30, "{tokens}: the prompt and all that was written");
}

/// What the model did for somebody who did not wait for it is theirs all the same.
#[test]
fn cancelled_embeddings_count() {
    let house = House::open();
    let (alice, program) = (house.analyst("alice"), house.program("alice", 1));
    let text = "the sea falls back again and leaves the boats on the mud ".repeat(6);
    let much = json!({"model": house.embedding, "input": vec![text; 400]});
    assert!(program.gives_up(EMBEDDINGS, &much, Duration::from_millis(500)));
    balances(&house, 1);
    let end = house.log("inference.end").pop().unwrap();
    assert_eq!(end["reason"], "cancelled");
    let tokens = House::me(&alice)["quotas"]["used"]["tokens"].as_u64().unwrap();
    assert_eq!(end["d"]["prompt_tokens"], tokens);
    // 400 texts of some 80 tokens.
    assert!((10_000..100_000).contains(&tokens), "{tokens}");
}
