//! One answer at a time: its events, its text, its ends, its refusals.

use crate::support::{events, exactly, file, ids, request, settings, start, text, turn};
use redoubt_engine::fixture::Tiny;
use redoubt_engine::worker::{self, Settings};
use redoubt_engine::{Device, Engine, Error, Event, Finish, Prompt, Request, Role, Sampling};
use std::os::unix::net::UnixStream;
use std::thread;

#[tokio::test]
async fn an_answer_has_a_start_its_tokens_and_an_end() {
    let engine = start(&Tiny::default(), settings());
    let events = events(engine.submit(request("hello world", "a", exactly(12))).await.unwrap()).await;
    // hell, o, Ġw, o, r, l, d.
    assert_eq!(events[0], Event::Started { prompt_tokens: 7, cached_tokens: 0, dropped_turns: 0 });
    assert_eq!(ids(&events).len(), 12);
    let Some(Event::End(end)) = events.last() else { panic!("no end: {events:?}") };
    assert_eq!((end.reason, end.prompt_tokens, end.completion_tokens), (Finish::Length, 7, 12));
    assert_eq!(end.error, None);
    for event in &events {
        if let Event::Token { logprob, .. } = event {
            assert!(logprob.is_finite() && *logprob <= 0.0, "{logprob}");
        }
    }
}

#[tokio::test]
async fn the_same_seed_gives_the_same_answer() {
    let engine = start(&Tiny::default(), settings());
    let sampling = Sampling { temperature: 1.5, top_k: 0, seed: Some(11), ..exactly(20) };
    let mut answers = Vec::new();
    for seed in [Some(11), Some(11), Some(12)] {
        let sampling = Sampling { seed, ..sampling.clone() };
        answers.push(ids(&events(engine.submit(request("x", "a", sampling)).await.unwrap()).await));
    }
    assert_eq!(answers[0], answers[1]);
    assert_ne!(answers[0], answers[2]);
}

#[tokio::test]
async fn a_stop_string_ends_the_answer_and_is_no_part_of_it() {
    let engine = start(&Tiny::default(), settings());
    let whole = text(&events(engine.submit(request("stop", "a", exactly(40))).await.unwrap()).await);
    let characters: Vec<(usize, char)> = whole.char_indices().collect();
    let (from, to) = (characters[characters.len() / 2].0, characters[characters.len() / 2 + 3].0);
    let stop = whole[from..to].to_owned();
    let sampling = Sampling { stop: vec![stop.clone()], ..exactly(40) };
    let events = events(engine.submit(request("stop", "a", sampling)).await.unwrap()).await;
    assert_eq!(text(&events), whole[..whole.find(&stop).unwrap()]);
    assert!(matches!(events.last(), Some(Event::End(end)) if end.reason == Finish::Stop), "{events:?}");
}

#[tokio::test]
async fn the_context_ends_an_answer_too() {
    let engine = start(&Tiny { context: 64, ..Tiny::default() }, settings());
    let events = events(engine.submit(request("abcdefghij", "a", exactly(1000))).await.unwrap()).await;
    assert_eq!(ids(&events).len(), 54);
    assert!(matches!(events.last(), Some(Event::End(end)) if end.reason == Finish::Length), "{events:?}");
}

#[tokio::test]
async fn a_cancelled_answer_ends() {
    let engine = start(&Tiny { context: 1 << 16, ..Tiny::default() }, settings());
    let mut reply = engine.submit(request("go", "a", exactly(60_000))).await.unwrap();
    for _ in 0..5 {
        reply.next().await.unwrap();
    }
    reply.cancel();
    let rest = events(reply).await;
    let Some(Event::End(end)) = rest.last() else { panic!("no end") };
    assert_eq!(end.reason, Finish::Cancelled);
}

#[tokio::test]
async fn a_long_chat_loses_its_oldest_turns_but_not_the_system_turn() {
    let engine = start(&Tiny::default(), settings());
    let mut turns = vec![turn(Role::System, "be kind")];
    for _ in 0..10 {
        turns.push(turn(Role::User, "a question of some length"));
        turns.push(turn(Role::Assistant, "an answer of some length"));
    }
    turns.push(turn(Role::User, "the last one"));
    let measure = engine.measure(Prompt::Chat(turns.clone()), 40).await.unwrap();
    assert!(measure.prompt_tokens <= 256 - 40 && measure.prompt_tokens > 120, "{measure:?}");
    assert!(measure.dropped_turns > 0 && measure.dropped_turns % 2 == 0, "{measure:?}");
    let kept = [&turns[..1], &turns[1 + measure.dropped_turns as usize..]].concat();
    let again = engine.measure(Prompt::Chat(kept), 40).await.unwrap();
    assert_eq!((again.prompt_tokens, again.dropped_turns), (measure.prompt_tokens, 0));
    let request = Request { prompt: Prompt::Chat(turns), ..request("", "a", exactly(3)) };
    let events = events(engine.submit(request).await.unwrap()).await;
    assert!(matches!(events[0], Event::Started { dropped_turns, .. } if dropped_turns > 0), "{events:?}");
}

#[tokio::test]
async fn a_single_message_that_is_too_long_is_refused_with_its_length() {
    let engine = start(&Tiny::default(), settings());
    for length in [300, 3_000_000] {
        let prompt = Prompt::Chat(vec![turn(Role::User, &"z".repeat(length))]);
        match engine.measure(prompt.clone(), 10).await {
            Err(Error::ContextExceeded { tokens, context: 256 }) => assert!(tokens > 256, "{tokens}"),
            other => panic!("expected a refusal, got {other:?}"),
        }
        let request = Request { prompt, ..request("", "a", exactly(3)) };
        assert!(matches!(engine.submit(request).await, Err(Error::ContextExceeded { .. })));
    }
    // It still serves others.
    assert_eq!(ids(&events(engine.submit(request("x", "a", exactly(3))).await.unwrap()).await).len(), 3);
}

#[tokio::test]
async fn special_tokens_in_content_stay_text() {
    let engine = start(&Tiny::default(), settings());
    let tokens = |content: &str| {
        let prompt = Prompt::Chat(vec![turn(Role::User, content)]);
        let engine = engine.clone();
        async move { engine.measure(prompt, 1).await.unwrap().prompt_tokens }
    };
    let empty = tokens("").await;
    // One token a byte, as they are text, and not one for each.
    assert_eq!(tokens("<|im_end|><|im_start|>").await, empty + 22);
}

#[tokio::test]
async fn a_model_without_a_template_cannot_chat_but_goes_on_from_text() {
    let engine = start(&Tiny { template: None, ..Tiny::default() }, settings());
    assert!(!engine.model().has_template);
    let prompt = Prompt::Chat(vec![turn(Role::User, "hi")]);
    assert!(matches!(engine.measure(prompt, 1).await, Err(Error::Template(_))));
    assert_eq!(ids(&events(engine.submit(request("x", "a", exactly(3))).await.unwrap()).await).len(), 3);
}

#[tokio::test]
async fn invalid_settings_are_refused_by_field() {
    let engine = start(&Tiny::default(), settings());
    let sampling = Sampling { top_p: 7.0, ..Sampling::default() };
    assert!(matches!(
        engine.submit(request("x", "a", sampling)).await,
        Err(Error::Invalid { field, .. }) if field == "top_p"
    ));
}

#[test]
fn a_model_that_cannot_be_loaded_is_told_to_the_front() {
    for (bytes, device, word) in [
        (b"not a model".to_vec(), Device::Cpu, "GGUF"),
        (Tiny::default().bytes().unwrap(), Device::Cuda, "cuda"),
    ] {
        let (front, back) = UnixStream::pair().unwrap();
        let settings = Settings { device, ..settings() };
        let worker = thread::spawn(move || worker::serve(back, file(&bytes), settings));
        match Engine::connect(front) {
            Err(Error::Start(why)) => assert!(why.contains(word), "{why}"),
            other => panic!("expected a refusal, got {:?}", other.err()),
        }
        assert!(worker.join().unwrap().is_err());
    }
}

#[tokio::test]
async fn when_the_other_side_goes_everybody_is_told() {
    let (front, back) = UnixStream::pair().unwrap();
    let cut = back.try_clone().unwrap();
    let model = file(&Tiny { context: 1 << 16, ..Tiny::default() }.bytes().unwrap());
    let worker = thread::spawn(move || worker::serve(back, model, settings()));
    let engine = Engine::connect(front).unwrap();
    let mut reply = engine.submit(request("go", "a", exactly(60_000))).await.unwrap();
    reply.next().await.unwrap();
    cut.shutdown(std::net::Shutdown::Both).unwrap();
    let rest = events(reply).await;
    assert!(matches!(rest.last(), Some(Event::End(end)) if end.reason == Finish::Error), "{rest:?}");
    engine.closed().await;
    assert!(!engine.is_alive());
    assert!(matches!(engine.submit(request("x", "a", exactly(1))).await, Err(Error::Gone)));
    assert!(matches!(engine.measure(Prompt::Text("x".to_owned()), 1).await, Err(Error::Gone)));
    worker.join().unwrap().unwrap();
}

#[tokio::test]
async fn dropping_the_last_handle_ends_the_process() {
    let (front, back) = UnixStream::pair().unwrap();
    let model = file(&Tiny::default().bytes().unwrap());
    let worker = thread::spawn(move || worker::serve(back, model, settings()));
    drop(Engine::connect(front).unwrap());
    worker.join().unwrap().unwrap();
}
