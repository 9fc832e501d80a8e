//! What one party may have, and what bad input does to others: nothing.

use crate::support::{events, exactly, file, ids, request, settings, start, turn};
use redoubt_engine::fixture::Tiny;
use redoubt_engine::worker::{self, Settings};
use redoubt_engine::{Engine, Error, Event, Finish, Prompt, Request, Role, Sampling};
use std::os::unix::net::UnixStream;
use std::thread;

fn long() -> Tiny {
    Tiny { context: 1 << 16, ..Tiny::default() }
}

#[tokio::test]
async fn a_party_with_too_many_requests_is_refused_and_others_are_not() {
    let engine = start(&long(), Settings { running_each: 2, waiting_each: 1, ..settings() });
    let mut open = Vec::new();
    for _ in 0..3 {
        open.push(engine.submit(request("x", "many", exactly(60_000))).await.unwrap());
    }
    match engine.submit(request("x", "many", exactly(3))).await {
        Err(Error::Quota { retry_after_s }) => assert!((1..=60).contains(&retry_after_s)),
        other => panic!("expected a refusal, got {:?}", other.err()),
    }
    assert!(matches!(open[2].next().await, Some(Event::Queued { position: 1, .. })));
    let reply = engine.submit(request("x", "one", exactly(3))).await.unwrap();
    assert_eq!(ids(&events(reply).await).len(), 3);
    // As soon as one of them has ended, there is room for another.
    let cancelled = open.remove(0);
    cancelled.cancel();
    events(cancelled).await;
    let next = engine.submit(request("x", "many", exactly(60_000))).await;
    assert!(next.is_ok(), "{:?}", next.err());
}

#[tokio::test]
async fn a_party_that_holds_all_places_does_not_keep_others_waiting() {
    let engine = start(&long(), Settings { max_parallel: 2, ..settings() });
    let mut many = Vec::new();
    for _ in 0..4 {
        many.push(engine.submit(request("x", "many", exactly(60_000))).await.unwrap());
    }
    assert!(matches!(many[1].next().await, Some(Event::Started { .. })));
    let events = events(engine.submit(request("hello", "one", exactly(5))).await.unwrap()).await;
    assert_eq!(ids(&events).len(), 5);
}

#[tokio::test]
async fn bad_requests_are_refused_by_name_and_others_are_served() {
    let engine = start(&Tiny::default(), settings());
    let mut running = engine.submit(request("x", "other", exactly(150))).await.unwrap();
    running.next().await.unwrap();
    let refused = |prompt: Prompt, sampling: Sampling| {
        let engine = engine.clone();
        async move { engine.submit(Request { prompt, ..request("", "bad", sampling) }).await.err() }
    };
    let text = |text: &str| Prompt::Text(text.to_owned());
    let stops = Sampling { stop: vec!["x".to_owned(); 10_000], ..exactly(3) };
    assert!(matches!(refused(text("x"), stops).await, Some(Error::Invalid { field, .. }) if field == "stop"));
    for prompt in [text(&"z ".repeat(1 << 22)), text(&"z".repeat(250))] {
        assert!(matches!(refused(prompt, exactly(10)).await, Some(Error::ContextExceeded { .. })));
    }
    let beyond = refused(text(&"z".repeat(17 << 20)), exactly(10)).await;
    assert!(matches!(beyond, Some(Error::Invalid { field, .. }) if field == "prompt"));
    let endless = Prompt::Chat(vec![turn(Role::System, &"s ".repeat(1 << 20)), turn(Role::User, "x")]);
    assert!(matches!(refused(endless, exactly(10)).await, Some(Error::ContextExceeded { .. })));
    // A seed makes no difference where the likeliest token is always taken.
    let mut answers = Vec::new();
    for seed in [None, Some(0), Some(u64::MAX)] {
        let sampling = Sampling { seed, ..exactly(5) };
        answers.push(ids(&events(engine.submit(request("x", "bad", sampling)).await.unwrap()).await));
    }
    assert!(answers[0].len() == 5 && answers[1..].iter().all(|answer| *answer == answers[0]));
    assert_eq!(ids(&events(running).await).len(), 150);
}

#[tokio::test]
async fn a_flood_of_huge_prompts_is_refused_before_it_fills_the_memory() {
    let engine = start(&Tiny::default(), settings());
    let prompt = Prompt::Text("z".repeat(15 << 20));
    let measures = (0..40).map(|_| {
        let (engine, prompt) = (engine.clone(), prompt.clone());
        tokio::spawn(async move { engine.measure(prompt, 1).await })
    });
    let mut exceeded = 0;
    for measure in measures.collect::<Vec<_>>() {
        match measure.await.unwrap() {
            Err(Error::ContextExceeded { .. }) => exceeded += 1,
            Err(Error::Busy { .. }) => {}
            other => panic!("expected a refusal, got {other:?}"),
        }
    }
    assert!(exceeded > 0);
    assert_eq!(ids(&events(engine.submit(request("x", "a", exactly(3))).await.unwrap()).await).len(), 3);
}

#[tokio::test]
async fn weights_that_are_no_numbers_fail_each_answer_and_not_the_engine() {
    let mut bytes = Tiny::default().bytes().unwrap();
    // The last tensor is the final norm: 64 numbers.
    let start = bytes.len() - 64 * 4;
    bytes[start..].copy_from_slice(&f32::NAN.to_le_bytes().repeat(64));
    let (front, back) = UnixStream::pair().unwrap();
    thread::spawn(move || worker::serve(back, file(&bytes), settings()));
    let engine = Engine::connect(front).unwrap();
    for _ in 0..3 {
        let events = events(engine.submit(request("some text", "a", exactly(3))).await.unwrap()).await;
        let Some(Event::End(end)) = events.last() else { panic!("no end: {events:?}") };
        assert_eq!(end.reason, Finish::Error);
        assert!(end.error.as_ref().is_some_and(|why| why.contains("not numbers")), "{end:?}");
    }
    assert!(engine.is_alive());
    assert!(engine.measure(Prompt::Text("x".to_owned()), 1).await.is_ok());
}
