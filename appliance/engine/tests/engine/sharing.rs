//! Many answers at once: the same answers, a bounded queue, a cache that is too small for all.

use crate::support::{events, exactly, ids, request, settings, start, text};
use redoubt_engine::fixture::Tiny;
use redoubt_engine::worker::Settings;
use redoubt_engine::{Error, Event, Finish, Reply};

/// With room for answers that no test sees the end of.
fn long() -> Tiny {
    Tiny { context: 1 << 16, ..Tiny::default() }
}

#[tokio::test]
async fn company_does_not_change_an_answer() {
    let engine = start(&long(), settings());
    let prompts: Vec<String> = (0..12).map(|n| format!("prompt {n} ").repeat(n * 4 + 1)).collect();
    let mut alone = Vec::new();
    for prompt in &prompts {
        alone.push(ids(&events(engine.submit(request(prompt, "a", exactly(30))).await.unwrap()).await));
    }
    let mut replies = Vec::new();
    for (n, prompt) in prompts.iter().enumerate() {
        replies.push(engine.submit(request(prompt, &format!("p{}", n % 3), exactly(30))).await.unwrap());
    }
    for (reply, alone) in replies.into_iter().zip(alone) {
        assert_eq!(ids(&events(reply).await), alone);
    }
}

/// The place that an event tells; the wait must be told, too.
fn position(event: Option<Event>) -> Option<u32> {
    match event {
        Some(Event::Queued { position, wait_s }) => {
            assert!(wait_s >= 1);
            Some(position)
        }
        _ => None,
    }
}

#[tokio::test]
async fn a_full_queue_is_busy_and_those_who_wait_know_their_place() {
    let engine = start(&long(), Settings { max_parallel: 1, queue: 2, ..settings() });
    let mut running = engine.submit(request("x", "z", exactly(60_000))).await.unwrap();
    assert!(matches!(running.next().await, Some(Event::Started { .. })));
    let mut second = engine.submit(request("x", "a", exactly(3))).await.unwrap();
    let mut third = engine.submit(request("x", "b", exactly(3))).await.unwrap();
    match engine.submit(request("x", "c", exactly(3))).await {
        Err(Error::Busy { retry_after_s }) => assert!(retry_after_s > 0),
        other => panic!("expected busy, got {:?}", other.err()),
    }
    assert_eq!(position(second.next().await), Some(1));
    assert_eq!(position(third.next().await), Some(2));
    drop(running);
    assert!(matches!(second.next().await, Some(Event::Started { .. })));
    assert_eq!(position(third.next().await), Some(1));
    assert_eq!(ids(&events(second).await).len(), 3);
    assert_eq!(ids(&events(third).await).len(), 3);
}

#[tokio::test]
async fn a_cancelled_request_leaves_the_queue() {
    let engine = start(&long(), Settings { max_parallel: 1, queue: 2, ..settings() });
    let mut running = engine.submit(request("x", "a", exactly(60_000))).await.unwrap();
    assert!(matches!(running.next().await, Some(Event::Started { .. })));
    let waiting = engine.submit(request("x", "a", exactly(3))).await.unwrap();
    waiting.cancel();
    let events = events(waiting).await;
    assert!(matches!(events.last(), Some(Event::End(end)) if end.reason == Finish::Cancelled), "{events:?}");
    assert_eq!(text(&events), "");
    drop(running);
}

#[tokio::test]
async fn parties_take_turns_in_the_queue() {
    let engine = start(&long(), Settings { max_parallel: 1, queue: 8, ..settings() });
    let mut running = engine.submit(request("x", "z", exactly(60_000))).await.unwrap();
    assert!(matches!(running.next().await, Some(Event::Started { .. })));
    let mut greedy: Vec<Reply> = Vec::new();
    for _ in 0..3 {
        greedy.push(engine.submit(request("x", "many", exactly(3))).await.unwrap());
    }
    let mut modest = engine.submit(request("x", "one", exactly(3))).await.unwrap();
    assert_eq!(position(modest.next().await), Some(2));
    drop(running);
}

#[tokio::test]
async fn a_cache_too_small_for_all_lets_the_youngest_wait_and_changes_no_answer() {
    // One whole context of 256 positions: eight blocks for six answers of up to 130 positions.
    let engine = start(&Tiny::default(), Settings { cache_bytes: 0, ..settings() });
    let expected = ids(&events(engine.submit(request("memory", "a", exactly(120))).await.unwrap()).await);
    let mut replies = Vec::new();
    for party in ["a", "b", "c", "d", "e", "f"] {
        replies.push(engine.submit(request("memory", party, exactly(120))).await.unwrap());
    }
    for reply in replies {
        let events = events(reply).await;
        assert_eq!(ids(&events), expected);
        assert!(matches!(events.last(), Some(Event::End(end)) if end.reason == Finish::Length), "{events:?}");
    }
}
