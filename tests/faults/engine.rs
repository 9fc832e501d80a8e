//! An engine that dies in the middle of an answer: the message says so, and the next one works.

use serde_json::json;

use crate::support::{Demo, await_some};

#[test]
fn an_answer_whose_engine_died_has_failed_and_the_next_one_works() {
    let demo = Demo::start(1);
    let client = demo.sign_in(&demo.person("analyst1"));
    let chat = client.new_chat();
    let content = "Write a very long story about a dragon and a lighthouse.";
    let body = json!({"content": content, "params": {"temperature": 0, "max_tokens": 1000}});
    let mut events = client.begin(&chat, &body);
    let answer = events.next().unwrap().json()["answer"].as_str().unwrap().to_owned();
    let heard = events.until("token").json()["text"].as_str().unwrap().to_owned();
    demo.kill("@engine");
    let problem = events.until("error").json()["problem"].clone();
    assert_eq!(
        (problem["status"].as_u64(), problem["code"].as_str()),
        (Some(503), Some("busy")),
        "{problem}"
    );
    let end = events.next().unwrap();
    assert_eq!(end.name, "end");
    assert_eq!((&end.json()["status"], &end.json()["finish_reason"]), (&json!("failed"), &json!("error")));
    assert!(events.next().is_none());

    let stored = client.message(&chat, &answer);
    assert_eq!(stored["status"], "failed");
    assert!(stored["content"].as_str().unwrap().starts_with(&heard), "what was read is kept: {stored}");
    await_some("the next engine", || demo.is_ready().then_some(()));
    let asked = client.ask(&chat, "What is the capital of France?");
    assert_eq!(asked.end["status"], "done", "{:?}", asked.error);

    let auditor = demo.sign_in(&demo.person("auditor"));
    let records = auditor.get("/api/v1/audit/records?limit=1000").is(200).json();
    let has = |act: &str, reason: Option<&str>| {
        let records = records["items"].as_array().unwrap().iter();
        records
            .filter(|item| item["record"]["act"] == act && item["record"]["reason"].as_str() == reason)
            .count()
    };
    assert_eq!(has("inference.end", Some("engine_failed")), 1);
    assert_eq!(has("system.engine_restart", None), 1);
}

#[test]
fn a_program_whose_engine_died_is_told_so() {
    let demo = Demo::start(1);
    let messages = json!([{"role": "user", "content": "Write a very long story."}]);
    let mut body =
        json!({"model": demo.told("model"), "messages": messages, "stream": true, "ignore_eos": true});
    let mut events = demo.program().stream("POST", "/v1/chat/completions", Some(&body));
    events.next().unwrap();
    events.next().unwrap();
    demo.kill("@engine");
    let last = events.last().expect("the stream broke off without a word").json();
    assert_eq!(last["error"]["type"], "server_error", "{last}");
    await_some("the next engine", || demo.is_ready().then_some(()));
    body["stream"] = json!(false);
    body["max_tokens"] = json!(3);
    demo.program().post("/v1/chat/completions", &body).is(200);
}
