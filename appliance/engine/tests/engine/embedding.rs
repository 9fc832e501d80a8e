//! Embeddings over the protocol: shapes, refusals, and that answers and other people's texts go on beside them.

use crate::support::{events, exactly, file, ids, request, settings, start};
use crate::tiny_bert::TinyBert;
use redoubt_engine::embedding::{MAX_INPUT_BYTES, MAX_INPUTS};
use redoubt_engine::fixture::Tiny;
use redoubt_engine::worker::{self, Files};
use redoubt_engine::{EmbeddingRequest, Engine, Error};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{Duration, Instant};

/// An engine with both models.
fn both() -> Engine {
    let (front, back) = UnixStream::pair().unwrap();
    let model = file(&Tiny::default().bytes().unwrap());
    let files = Files { model, embedding: Some(TinyBert::default().files()) };
    thread::spawn(move || worker::serve(back, files, settings()));
    Engine::connect(front).unwrap()
}

fn texts(texts: &[&str], party: &str) -> EmbeddingRequest {
    EmbeddingRequest {
        inputs: texts.iter().map(|text| (*text).to_owned()).collect(),
        party: party.to_owned(),
    }
}

/// As much work as one request may bring.
fn endless(party: &str) -> EmbeddingRequest {
    EmbeddingRequest { inputs: vec!["abc ".repeat(100); MAX_INPUTS], party: party.to_owned() }
}

fn is_invalid(result: &Result<redoubt_engine::Embeddings, Error>, field: &str) -> bool {
    matches!(result, Err(Error::Invalid { field: found, .. }) if found == field)
}

#[tokio::test]
async fn every_text_has_its_vector_in_its_place() {
    let engine = both();
    let info = engine.embedding().unwrap().clone();
    assert_eq!((info.dimensions, info.max_tokens), (16, 64));
    let asked = ["a", "some longer text of words", "b", "a", "words words words words"];
    let together = engine.embed(texts(&asked, "a")).await.unwrap();
    assert_eq!((together.dimensions, together.rows().count()), (16, asked.len()));
    for (text, vector) in asked.iter().zip(together.rows()) {
        let alone = engine.embed(texts(&[text], "a")).await.unwrap();
        for (one, other) in vector.iter().zip(&alone.vectors) {
            assert!((one - other).abs() <= 1e-6, "{text}");
        }
        assert!((vector.iter().map(|number| number * number).sum::<f32>() - 1.0).abs() < 1e-5);
    }
    let rows: Vec<&[f32]> = together.rows().collect();
    assert!(rows[0] != rows[2] && rows[1] != rows[4]);
    // [CLS] and [SEP] around one letter.
    assert_eq!(engine.embed(texts(&["a"], "a")).await.unwrap().prompt_tokens, 3);
}

#[tokio::test]
async fn what_is_out_of_bounds_is_refused_and_the_engine_goes_on() {
    let engine = both();
    let long = "x".repeat(MAX_INPUT_BYTES + 1);
    for refused in [texts(&[], "a"), texts(&["a", ""], "a"), texts(&["a"; 10_000], "a"), texts(&[&long], "a")]
    {
        assert!(is_invalid(&engine.embed(refused).await, "input"));
    }
    assert!(matches!(engine.embed(texts(&[&"x".repeat(17 << 20)], "a")).await, Err(Error::Invalid { .. })));
    let longest = engine.embed(texts(&[&long[1..]], "a")).await.unwrap();
    assert_eq!(longest.prompt_tokens, 3);
    let alone = start(&Tiny::default(), settings());
    assert!(alone.embedding().is_none());
    assert!(is_invalid(&alone.embed(texts(&["a"], "a")).await, "model"));
}

#[tokio::test]
async fn answers_and_other_people_go_on_while_one_has_much_to_embed() {
    let engine = both();
    let (busy, much) = (engine.clone(), Instant::now());
    let long = tokio::spawn(async move {
        busy.embed(endless("a")).await.unwrap();
        much.elapsed()
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    let events = events(engine.submit(request("hello", "b", exactly(20))).await.unwrap()).await;
    assert_eq!(ids(&events).len(), 20);
    engine.embed(texts(&["short"], "b")).await.unwrap();
    let others = much.elapsed();
    let long = long.await.unwrap();
    assert!(others < long, "{others:?} and {long:?}");
}

#[tokio::test]
async fn giving_up_ends_the_work() {
    let engine = both();
    let started = Instant::now();
    for _ in 0..3 {
        let asked = tokio::time::timeout(Duration::from_millis(30), engine.embed(endless("a")));
        assert!(asked.await.is_err(), "it was too fast to be given up");
    }
    engine.embed(texts(&["a"], "a")).await.unwrap();
    let given_up = started.elapsed();
    let started = Instant::now();
    engine.embed(endless("a")).await.unwrap();
    assert!(given_up < started.elapsed() * 2, "{given_up:?}");
}

#[tokio::test]
async fn too_many_at_once_are_told_to_come_back() {
    let engine = both();
    let first = engine.clone();
    let first = tokio::spawn(async move { first.embed(endless("a")).await });
    tokio::time::sleep(Duration::from_millis(30)).await;
    let mut open = tokio::task::JoinSet::new();
    for _ in 0..80 {
        let engine = engine.clone();
        open.spawn(async move { engine.embed(texts(&["a"], "a")).await });
    }
    let results = open.join_all().await;
    let busy = results.iter().filter(|result| matches!(result, Err(Error::Busy { .. }))).count();
    assert_eq!((busy, results.iter().filter(|result| result.is_ok()).count()), (17, 63));
    first.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_model_that_cannot_be_loaded_is_named_at_the_start() {
    let (front, back) = UnixStream::pair().unwrap();
    let model = file(&Tiny::default().bytes().unwrap());
    let files = Files { model, embedding: Some(TinyBert::default().files_with(&[0; 99])) };
    thread::spawn(move || worker::serve(back, files, settings()));
    let failed = Engine::connect(front);
    assert!(matches!(&failed, Err(Error::Start(why)) if why.contains("model.safetensors")));
}
