//! OpenAI's API, as programs use it: whole and streamed, refused and given up.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Answer, Event, await_some, shared};

const PATH: &str = "/v1/chat/completions";

fn request(content: &str, more: Value) -> Value {
    let mut body = json!({
        "model": shared().told("model"),
        "messages": [{"role": "user", "content": content}],
        "temperature": 0,
    });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

/// A refusal in OpenAI's shape.
#[track_caller]
pub(super) fn refused(answer: &Answer, status: u16, kind: &str) {
    let body = answer.json();
    assert_eq!(answer.status, status, "{body}");
    let error = body["error"].as_object().unwrap();
    assert_eq!(error.keys().collect::<Vec<_>>(), ["code", "message", "param", "type"]);
    assert_eq!(error["type"], kind, "{body}");
    assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()));
}

#[test]
fn models_lists_the_one_that_answers_and_the_one_for_embeddings() {
    let models = shared().program().get("/v1/models").is(200).json();
    assert_eq!(models["object"], "list");
    assert_eq!(models["data"][0]["id"], shared().told("model"));
    assert_eq!(models["data"][0]["object"], "model");
    assert_eq!(models["data"][1]["id"], shared().told("embedding"));
}

#[test]
fn a_whole_completion_has_openai_s_shape() {
    let more = json!({"max_tokens": 40, "user": "ignored", "logit_bias": {}});
    let body = request("What is the capital of France?", more);
    let answer = shared().program().post(PATH, &body).is(200).json();
    assert_eq!(answer["object"], "chat.completion");
    assert!(answer["id"].as_str().unwrap().starts_with("chatcmpl-"));
    assert!(answer["created"].as_i64().unwrap() > 1_700_000_000);
    let choice = &answer["choices"][0];
    assert_eq!((&choice["index"], &choice["message"]["role"]), (&json!(0), &json!("assistant")));
    assert!(choice["message"]["content"].as_str().unwrap().contains("Paris"), "{choice}");
    let usage = &answer["usage"];
    let sum = usage["prompt_tokens"].as_u64().unwrap() + usage["completion_tokens"].as_u64().unwrap();
    assert_eq!(usage["total_tokens"], sum);
}

#[test]
fn a_streamed_completion_has_one_chunk_a_token_and_says_when_it_is_done() {
    let usage = json!({"include_usage": true});
    let more = json!({"stream": true, "stream_options": usage, "max_tokens": 20, "ignore_eos": true});
    let body = request("Name three fruits.", more);
    let events: Vec<Event> = shared().program().stream("POST", PATH, Some(&body)).collect();
    assert!(events.iter().all(|event| event.name.is_empty()));
    assert_eq!(events.last().unwrap().data, "[DONE]");
    let chunks: Vec<Value> = events[..events.len() - 1].iter().map(Event::json).collect();
    let ids: Vec<_> = chunks.iter().map(|chunk| &chunk["id"]).collect();
    assert!(ids.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!(chunks[0]["choices"][0]["delta"]["role"], "assistant");
    let texts = &chunks[1..chunks.len() - 2];
    assert_eq!(texts.len(), 20, "one chunk a token");
    assert!(texts.iter().all(|chunk| chunk["choices"][0]["delta"]["content"].is_string()));
    assert_eq!(chunks[chunks.len() - 2]["choices"][0]["finish_reason"], "length");
    let last = chunks.last().unwrap();
    assert_eq!((&last["choices"], &last["usage"]["completion_tokens"]), (&json!([]), &json!(20)));

    let plain = request("Say yes.", json!({"stream": true, "max_tokens": 3}));
    let events: Vec<Event> = shared().program().stream("POST", PATH, Some(&plain)).collect();
    assert!(events.iter().all(|event| !event.data.contains("\"usage\"")), "usage comes only when asked for");
}

#[test]
fn refusals_have_openai_s_shape() {
    let demo = shared();
    let program = demo.program();
    let body = request("x", json!({}));
    for key in [None, Some("rd-nonsense".to_owned()), Some(format!("{}x", demo.told("api_key")))] {
        let mut stranger = demo.client();
        stranger.bearer = key;
        refused(&stranger.post(PATH, &body), 401, "authentication_error");
        refused(&stranger.get("/v1/models"), 401, "authentication_error");
    }
    let unknown = program.post(PATH, &request("x", json!({"model": "gpt-4"})));
    refused(&unknown, 404, "invalid_request_error");
    assert_eq!(unknown.json()["error"]["code"], "model_not_found");
    refused(&program.post(PATH, &request("x", json!({"messages": []}))), 422, "invalid_request_error");
    refused(&program.post(PATH, &request("x", json!({"n": 2}))), 422, "invalid_request_error");
    refused(&program.post(PATH, &request("x", json!({"temperature": -1}))), 422, "invalid_request_error");
    let robot = json!({"messages": [{"role": "robot", "content": "x"}]});
    refused(&program.post(PATH, &request("x", robot)), 422, "invalid_request_error");
    let long = "seven words are in this sentence here ".repeat(2_000);
    refused(&program.post(PATH, &request(&long, json!({}))), 422, "invalid_request_error");
    refused(&program.get("/v1/nothing"), 404, "invalid_request_error");
}

/// The records of a program's answers that ended in this way.
fn ended(reason: &str) -> usize {
    let auditor = shared().signed_in("auditor");
    let page =
        auditor.get("/api/v1/audit/records?act=inference.end&actor=analyst1&limit=1000").is(200).json();
    let records = page["items"].as_array().unwrap();
    records.iter().filter(|item| item["record"]["reason"] == reason).count()
}

#[test]
fn a_program_that_goes_away_ends_its_completion() {
    let before = ended("cancelled");
    let body =
        request("Write a very long story.", json!({"stream": true, "max_tokens": 4000, "ignore_eos": true}));
    let mut events = shared().program().stream("POST", PATH, Some(&body));
    for _ in 0..3 {
        events.next().unwrap();
    }
    drop(events);
    await_some("the record of the end", || (ended("cancelled") > before).then_some(()));
}

/// A request that starts later counts from its own start, so only the time in which both run is compared.
#[test]
fn two_equal_requests_share_the_tokens() {
    let body = request(
        "Count from one to a thousand.",
        json!({"stream": true, "max_tokens": 150, "ignore_eos": true}),
    );
    let times = || {
        let mut times = Vec::new();
        for event in shared().program().stream("POST", PATH, Some(&body)) {
            if event.data.contains("\"content\"") {
                times.push(Instant::now());
            }
        }
        times
    };
    let (one, other) = thread::scope(|scope| {
        let one = scope.spawn(times);
        let other = scope.spawn(times);
        (one.join().unwrap(), other.join().unwrap())
    });
    // The second event is the first token; the first one names the role.
    let from = one[1].max(other[1]);
    let to = (*one.last().unwrap()).min(*other.last().unwrap());
    assert!(to > from + Duration::from_millis(200), "they did not run together");
    let count = |times: &[Instant]| times.iter().filter(|time| (from..=to).contains(*time)).count();
    let (one, other) = (count(&one), count(&other));
    let least = one.min(other) * 100 / (one + other);
    assert!(least >= 40, "{one} and {other} tokens");
}

#[test]
fn parts_of_text_are_one_text_and_a_key_cannot_chat() {
    let program = shared().program();
    let parts =
        json!([{"type": "text", "text": "What is the capital "}, {"type": "text", "text": "of France?"}]);
    let messages = json!({"messages": [{"role": "user", "content": parts}], "max_completion_tokens": 40});
    let answer = program.post(PATH, &request("", messages)).is(200).json();
    assert!(answer["choices"][0]["message"]["content"].as_str().unwrap().contains("Paris"), "{answer}");
    let image = json!({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]});
    refused(&program.post(PATH, &request("", image)), 422, "invalid_request_error");
    program.get("/api/v1/chats").refuses(401, "not_signed_in");
}
