//! More requests at once than a key may have: the next one is told when to come back, and a person who has
//! to wait is told so and served as soon as there is a place.

use serde_json::json;

use crate::support::{Demo, Events, await_some};

/// What the demo's key may run at once.
const AT_ONCE: usize = 32;

#[test]
fn a_key_with_too_many_answers_is_refused_and_a_person_queues() {
    let demo = Demo::start(1);
    let program = demo.program();
    let messages = json!([{"role": "user", "content": "Count."}]);
    let mut body =
        json!({"model": demo.told("model"), "messages": messages, "stream": true, "ignore_eos": true});
    body["max_tokens"] = json!(4_000);
    let start = || program.stream("POST", "/v1/chat/completions", Some(&body));
    let running: Vec<Events> = (0..AT_ONCE).map(|_| start()).collect();
    let refused = program.post("/v1/chat/completions", &body).is(503);
    assert_eq!(refused.json()["error"]["code"], "busy", "{}", refused.text());
    assert!(refused.header("retry-after").is_some());

    let client = demo.sign_in(&demo.person("analyst1"));
    let question = json!({"content": "Say yes.", "params": {"max_tokens": 4}});
    let mut events = client.begin(&client.new_chat(), &question);
    let place = events.until("queue").json();
    assert!(place["position"].as_u64().unwrap() >= 1 && place["wait_s"].as_u64().unwrap() >= 1, "{place}");
    drop(running);
    assert_eq!(events.until("end").json()["status"], "done");
    body["stream"] = json!(false);
    body["max_tokens"] = json!(2);
    await_some("the end of the crowd", || {
        (program.post("/v1/chat/completions", &body).status == 200).then_some(())
    });
}
