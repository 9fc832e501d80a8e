//! Who gets the places where there are more requests than places.

use super::{Bench, LIMITS, answer_of, end_of, tokens_of};
use crate::Event;
use crate::schedule::Limits;

const TWO: Limits = Limits { running: 2, ..LIMITS };

fn started(events: &[(u64, Event)], of: u64) -> bool {
    events.iter().any(|(id, event)| *id == of && matches!(event, Event::Started { .. }))
}

/// The places in the queue that a request was told, in order.
fn positions(events: &[(u64, Event)], of: u64) -> Vec<u32> {
    let position = |(id, event): &(u64, Event)| match event {
        Event::Queued { position, .. } if *id == of => Some(*position),
        _ => None,
    };
    events.iter().filter_map(position).collect()
}

#[test]
fn a_party_with_all_places_gives_one_to_another_and_goes_on_later_without_a_gap() {
    let mut bench = Bench::new(TWO);
    bench.order(1, "many", 40, 400);
    bench.order(2, "many", 41, 400);
    bench.order(3, "many", 42, 400);
    let mut told = Vec::new();
    for _ in 0..30 {
        told.extend(bench.round());
    }
    bench.order(4, "one", 50, 20);
    let mut rounds = 0;
    while end_of(&told, 4).is_none() {
        told.extend(bench.round());
        rounds += 1;
    }
    assert!(rounds < 90, "{rounds}: the second one had run for 64 tokens long before");
    assert!(end_of(&told, 1).is_none() && end_of(&told, 2).is_none());
    // The answer that gave way goes on before its party's next one, and misses nothing.
    assert!(!started(&told, 3));
    told.extend(bench.finish(&[1, 2, 3]));
    for (id, prompt) in [(1, 40), (2, 41), (3, 42)] {
        let mut alone = Bench::new(LIMITS);
        alone.order(id, "alone", prompt, 400);
        assert_eq!(answer_of(&told, id), answer_of(&alone.finish(&[id]), id), "answer {id}");
    }
    assert!(positions(&told, 2).is_empty(), "whoever has begun is told of no place in the queue");
}

#[test]
fn nobody_gives_way_to_a_party_that_has_its_share() {
    let mut bench = Bench::new(TWO);
    bench.order(1, "a", 40, 300);
    bench.order(2, "b", 40, 300);
    bench.round();
    bench.order(3, "a", 40, 5);
    bench.order(4, "c", 40, 5);
    let mut told = Vec::new();
    while end_of(&told, 1).is_none() {
        let round = bench.round();
        // Each of them gets its next token, every time.
        assert_eq!((tokens_of(&round, 1), tokens_of(&round, 2)), (1, 1));
        told.extend(round);
    }
    assert_eq!((positions(&told, 3), positions(&told, 4)), (vec![2], vec![1]));
}

#[test]
fn the_turn_is_that_of_the_party_with_the_fewest_running_answers() {
    let mut bench = Bench::new(Limits { running: 3, ..LIMITS });
    bench.order(1, "a", 10, 500);
    bench.order(2, "a", 10, 500);
    bench.order(3, "b", 10, 2);
    bench.round();
    bench.order(4, "a", 10, 5);
    bench.order(5, "b", 10, 5);
    let mut told = Vec::new();
    while !started(&told, 5) {
        told.extend(bench.round());
    }
    assert!(!started(&told, 4));
}

#[test]
fn a_party_has_no_more_answers_running_than_it_may() {
    let mut bench = Bench::new(Limits { running_each: 1, ..LIMITS });
    bench.order(1, "a", 10, 100);
    bench.order(2, "a", 10, 5);
    bench.order(3, "b", 10, 5);
    let mut told = Vec::new();
    while end_of(&told, 1).is_none() {
        told.extend(bench.round());
        assert!(!started(&told, 2) || end_of(&told, 1).is_some());
    }
    assert!(end_of(&told, 3).is_some());
    assert_eq!(positions(&told, 2), [1]);
    told.extend(bench.finish(&[2]));
    assert_eq!(tokens_of(&told, 2), 5);
}

#[test]
fn everybody_s_answer_ends_whoever_comes() {
    let mut bench = Bench::new(TWO);
    let mut ids = Vec::new();
    for party in 0..5 {
        for _ in 0..=party {
            ids.push(ids.len() as u64 + 1);
            bench.order(ids.len() as u64, &format!("p{party}"), 20 * ids.len(), 90);
        }
    }
    let told = bench.finish(&ids);
    for id in ids {
        assert_eq!(tokens_of(&told, id), 90, "answer {id}");
    }
}

/// Runs twelve that came first beside four of a higher priority through one place; the order in which they started.
fn order_of_starts(high: &[u64]) -> Vec<u64> {
    let mut bench = Bench::new(Limits { running: 1, ..LIMITS });
    bench.order(1, "first", 5, 2);
    bench.round();
    let ids: Vec<u64> = (2..18).collect();
    for id in &ids {
        bench.order_before(*id, if high.contains(id) { 10 } else { 0 });
    }
    let told = bench.finish(&ids);
    let start = |(id, event): &(u64, Event)| matches!(event, Event::Started { .. }).then_some(*id);
    told.iter().filter_map(start).collect()
}

#[test]
fn a_higher_priority_starts_first_and_nobody_waits_for_ever() {
    assert_eq!(order_of_starts(&[]), (2..18).collect::<Vec<_>>());
    assert_eq!(order_of_starts(&[14, 15, 16, 17])[..4], [14, 15, 16, 17]);
    // Twelve of a higher priority: every fifth place goes by the order of coming.
    let high: Vec<u64> = (6..18).collect();
    let order = order_of_starts(&high);
    let low: Vec<usize> = (2..6).map(|id| order.iter().position(|at| *at == id).unwrap()).collect();
    assert_eq!(low[..2], [4, 9], "{order:?}");
    assert!(low.is_sorted());
}

#[test]
fn the_place_that_is_told_is_the_one_that_comes() {
    let mut bench = Bench::new(Limits { running: 1, ..LIMITS });
    bench.order(1, "first", 5, 30);
    bench.round();
    for id in 2..9 {
        bench.order_before(id, if id < 4 { 0 } else { 10 });
    }
    let mut told = bench.round();
    let mut first: Vec<(u32, u64)> = (2..9).map(|id| (positions(&told, id)[0], id)).collect();
    first.sort_unstable();
    let ids: Vec<u64> = (2..9).collect();
    told = bench.finish(&ids);
    let starts: Vec<u64> = told
        .iter()
        .filter(|(id, event)| *id > 1 && matches!(event, Event::Started { .. }))
        .map(|(id, _)| *id)
        .collect();
    assert_eq!(first.iter().map(|(_, id)| *id).collect::<Vec<_>>(), starts);
}
