//! OpenAI's `/v1/embeddings`, as programs use it: shapes, refusals, records, and that chats go on beside it.

use std::fs;
use std::os::unix::fs::symlink;
use std::thread;
use std::time::{Duration, Instant};

use data_encoding::BASE64;
use serde_json::{Value, json};

use super::completions::refused;
use crate::support::{Demo, await_some, executable_with, model, shared};

const PATH: &str = "/v1/embeddings";
const DIMENSIONS: usize = 384;

fn request(input: Value, more: Value) -> Value {
    let mut body = json!({"model": shared().told("embedding"), "input": input});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

fn embed(input: Value, more: Value) -> Value {
    shared().program().post(PATH, &request(input, more)).is(200).json()
}

fn numbers(embedding: &Value) -> Vec<f32> {
    embedding.as_array().unwrap().iter().map(|number| number.as_f64().unwrap() as f32).collect()
}

fn cosine(one: &[f32], other: &[f32]) -> f32 {
    one.iter().zip(other).map(|(one, other)| one * other).sum()
}

/// Some seconds of work.
fn much() -> Value {
    json!(vec!["the sea falls back again and leaves the boats on the mud ".repeat(6); 400])
}

#[test]
fn texts_become_vectors_in_openai_s_shape() {
    let texts = ["How deep is the harbour?", "What is the depth of the port?", "My invoice is wrong."];
    let answer = embed(json!(texts), json!({"user": "ignored", "dimensions": DIMENSIONS}));
    assert_eq!((&answer["object"], &answer["model"]), (&json!("list"), &json!(shared().told("embedding"))));
    let data = answer["data"].as_array().unwrap();
    assert_eq!(data.len(), texts.len());
    for (index, embedding) in data.iter().enumerate() {
        assert_eq!((&embedding["object"], &embedding["index"]), (&json!("embedding"), &json!(index)));
    }
    let vectors: Vec<Vec<f32>> = data.iter().map(|embedding| numbers(&embedding["embedding"])).collect();
    for vector in &vectors {
        assert_eq!(vector.len(), DIMENSIONS);
        assert!((cosine(vector, vector) - 1.0).abs() < 1e-4);
    }
    assert!(cosine(&vectors[0], &vectors[1]) > 0.5 && cosine(&vectors[0], &vectors[2]) < 0.3);
    let usage = &answer["usage"];
    assert!(usage["prompt_tokens"].as_u64().unwrap() > 15);
    assert_eq!(usage["prompt_tokens"], usage["total_tokens"]);

    let one = embed(json!(texts[2]), json!({}));
    let alone = numbers(&one["data"][0]["embedding"]);
    assert!(alone.iter().zip(&vectors[2]).all(|(one, other)| (one - other).abs() < 1e-6));
}

#[test]
fn base64_has_the_same_numbers() {
    let [plain, packed] = ["float", "base64"].map(|format| {
        let answer = embed(json!(["Twice a day"]), json!({"encoding_format": format}));
        answer["data"][0]["embedding"].clone()
    });
    let bytes = BASE64.decode(packed.as_str().unwrap().as_bytes()).unwrap();
    let packed: Vec<f32> =
        bytes.chunks_exact(4).map(|number| f32::from_le_bytes(number.try_into().unwrap())).collect();
    assert_eq!(packed, numbers(&plain));
}

#[test]
fn refusals_have_openai_s_shape() {
    let program = shared().program();
    let mut stranger = shared().client();
    refused(&stranger.post(PATH, &request(json!("x"), json!({}))), 401, "authentication_error");
    stranger.bearer = Some(format!("{}x", shared().told("api_key")));
    refused(&stranger.post(PATH, &request(json!("x"), json!({}))), 401, "authentication_error");
    for other in ["gpt-4", &shared().told("model")] {
        let answer = program.post(PATH, &request(json!("x"), json!({"model": other})));
        refused(&answer, 404, "invalid_request_error");
        assert_eq!(answer.json()["error"]["code"], "model_not_found");
        assert_eq!(answer.json()["error"]["param"], "model");
    }
    let wrong = [
        ("input", json!(""), json!({})),
        ("input", json!([]), json!({})),
        ("input", json!(["a", ""]), json!({})),
        ("input", json!(vec!["a"; 10_000]), json!({})),
        ("input", json!([1, 2, 3]), json!({})),
        ("input", json!([[1, 2], [3]]), json!({})),
        ("input", json!({"text": "a"}), json!({})),
        ("input", json!("a".repeat(300 << 10)), json!({})),
        ("dimensions", json!("a"), json!({"dimensions": 128})),
    ];
    for (field, input, more) in wrong {
        let answer = program.post(PATH, &request(input, more));
        refused(&answer, 422, "invalid_request_error");
        assert_eq!(answer.json()["error"]["param"], field, "{}", answer.text());
    }
    let format = json!({"encoding_format": "int8"});
    refused(&program.post(PATH, &request(json!("a"), format)), 422, "invalid_request_error");
    refused(
        &program.post(PATH, &request(json!("a".repeat(1 << 20)), json!({}))),
        413,
        "invalid_request_error",
    );
    refused(&program.get(PATH), 405, "invalid_request_error");
    embed(json!("It still works."), json!({}));
}

#[test]
fn a_chat_goes_on_while_much_is_embedded() {
    let work = thread::spawn(|| {
        embed(much(), json!({}));
        Instant::now()
    });
    thread::sleep(Duration::from_millis(300));
    let body = json!({
        "model": shared().told("model"), "messages": [{"role": "user", "content": "Count to ten."}],
        "stream": true, "max_tokens": 20, "ignore_eos": true,
    });
    let mut last = Instant::now();
    let (mut longest, mut tokens) = (Duration::ZERO, 0);
    for event in shared().program().stream("POST", "/v1/chat/completions", Some(&body)) {
        if event.data.contains("\"content\"") {
            longest = longest.max(last.elapsed());
            last = Instant::now();
            tokens += 1;
        }
    }
    let answered = Instant::now();
    assert!(tokens >= 20, "{tokens}");
    // One piece is 0.1 s; other tests may need the processors meanwhile.
    assert!(longest < Duration::from_secs(5), "{longest:?}");
    assert!(answered < work.join().unwrap(), "the texts were done before the answer");
}

/// The records of requests for embeddings: how many inputs they had, and how they ended.
fn records() -> Vec<Value> {
    let auditor = shared().signed_in("auditor");
    let list = |act: &str| {
        let path = format!("/api/v1/audit/records?act={act}&actor=analyst1&limit=1000");
        auditor.get(&path).is(200).json()["items"].as_array().unwrap().clone()
    };
    let all = [list("inference.start"), list("inference.end")].concat();
    all.into_iter()
        .map(|item| item["record"].clone())
        .filter(|record| record["obj"]["type"] == "embedding")
        .collect()
}

#[test]
fn each_request_is_recorded_without_its_content() {
    let inputs = ["a canary sits in the harbour", "another one"];
    embed(json!(inputs), json!({}));
    let records = records();
    let started =
        records.iter().find(|record| record["act"] == "inference.start" && record["d"]["inputs"] == 2);
    let started = started.unwrap();
    assert_eq!(started["model"]["id"], shared().told("embedding"));
    assert!(started["d"]["apikey"].is_string());
    let ended = records
        .iter()
        .find(|record| record["act"] == "inference.end" && record["obj"]["id"] == started["obj"]["id"])
        .unwrap();
    assert_eq!((&ended["reason"], &ended["outcome"]), (&json!("stop"), &json!("ok")));
    assert!(ended["d"]["prompt_tokens"].as_u64().unwrap() > 10);
    assert!(!format!("{records:?}").contains("canary"));
}

#[test]
fn a_program_that_goes_away_ends_its_request() {
    let cancelled = || records().iter().filter(|record| record["reason"] == "cancelled").count();
    let before = cancelled();
    assert!(shared().program().gives_up(PATH, &request(much(), json!({})), Duration::from_millis(400)));
    await_some("the record of the end", || (cancelled() > before).then_some(()));
}

#[test]
fn without_a_model_for_it_the_answer_says_so() {
    let folder = tempfile::tempdir().unwrap();
    // The demo's model alone in a folder.
    let lonely = folder.path().join(model().file_name().unwrap());
    symlink(fs::canonicalize(model()).unwrap(), &lonely).unwrap();
    let data = folder.path().join("data");
    let paths = [data.to_str().unwrap(), lonely.to_str().unwrap()];
    let command = executable_with([
        "demo", "--json", "--port", "0", "--people", "1", "--data", paths[0], "--model", paths[1],
    ]);
    let demo = Demo::run(command, Some(folder));
    let models = demo.program().get("/v1/models").is(200).json();
    assert_eq!(models["data"].as_array().unwrap().len(), 1);
    let body = json!({"model": shared().told("embedding"), "input": "x"});
    let answer = demo.program().post(PATH, &body);
    refused(&answer, 404, "invalid_request_error");
    assert_eq!(answer.json()["error"]["code"], "model_not_found");
    assert!(answer.json()["error"]["message"].as_str().unwrap().contains("no model for embeddings"));
}
