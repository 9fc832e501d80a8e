//! What is computed once and read by many, who may, and that it changes no answer.

use super::{Bench, LIMITS, answer_of, end_of};
use crate::model::cache::BLOCK;
use crate::model::forward::MOST_ROWS;
use crate::schedule::Limits;
use crate::{CacheScope, Event};

/// Tokens that depend on all of `seed` from the first on.
fn tokens(seed: u32, count: usize) -> Vec<u32> {
    (0..count as u32).map(|n| (seed.wrapping_mul(97) + n * 31 + n * n * seed) % 256).collect()
}

fn scope(shared: &str, private: &str) -> CacheScope {
    CacheScope { shared: shared.to_owned(), private: private.to_owned() }
}

/// The system prompt `seed`, and after it a question.
fn prompt(seed: u32, system: usize, question: u32) -> Vec<u32> {
    [tokens(seed, system), tokens(1000 + question, 20)].concat()
}

/// Rows that it took to answer a prompt with `max_tokens`, and the tokens that were said to be cached.
fn cost(
    bench: &mut Bench,
    id: u64,
    owner: &CacheScope,
    common: usize,
    prompt: Vec<u32>,
    max_tokens: u32,
) -> (usize, usize) {
    let before = bench.scheduler.rows;
    bench.order_tokens(id, &owner.private, owner, common, prompt, max_tokens);
    let told = bench.finish(&[id]);
    (bench.scheduler.rows - before, end_of(&told, id).unwrap().cached_tokens as usize)
}

#[test]
fn a_prompt_that_was_computed_is_not_computed_again() {
    let mut bench = Bench::new(LIMITS);
    let ann = scope("m", "ann");
    assert_eq!(cost(&mut bench, 1, &ann, 0, tokens(1, 300), 1), (300, 0));
    assert_eq!(cost(&mut bench, 2, &ann, 0, tokens(1, 300), 1), (300 - 288, 288));
    // Something is left to compute where all is known.
    assert_eq!(cost(&mut bench, 3, &ann, 0, tokens(1, 288), 1), (1, 287));
}

#[test]
fn the_next_turn_an_edited_one_and_a_branch_go_on_from_the_first_difference() {
    let mut bench = Bench::new(LIMITS);
    let ann = scope("m", "ann");
    bench.order_tokens(1, "ann", &ann, 0, tokens(1, 200), 50);
    let first = bench.finish(&[1]);
    let answer: Vec<u32> = answer_of(&first, 1).iter().map(|(id, _)| *id).collect();
    let whole = [tokens(1, 200), answer].concat();
    // The last token of an answer is never computed, so 249 are, of which 224 fill blocks.
    let next = [whole.clone(), tokens(2, 40)].concat();
    assert_eq!(cost(&mut bench, 2, &ann, 0, next, 1), (290 - 224, 224));
    let mut edited = tokens(1, 200);
    edited[130] ^= 1;
    assert_eq!(cost(&mut bench, 3, &ann, 0, edited.clone(), 1), (200 - 130, 130));
    // Both branches are still there; a block of the first one ends with the turn after it.
    assert_eq!(cost(&mut bench, 4, &ann, 0, whole, 1), (1, 249));
    assert_eq!(cost(&mut bench, 5, &ann, 0, edited, 1), (200 - 192, 192));
}

#[test]
fn a_system_prompt_is_common_and_what_follows_is_not() {
    let mut bench = Bench::new(LIMITS);
    let (ann, bob) = (scope("m", "ann"), scope("m", "bob"));
    // 100 tokens of a system prompt fill three blocks; the fourth has some of the question, too.
    let ask = |question| prompt(1, 100, question);
    assert_eq!(cost(&mut bench, 1, &ann, 100, ask(1), 1), (120, 0));
    assert_eq!(cost(&mut bench, 2, &bob, 100, ask(2), 1), (120 - 96, 0));
    let long = |question| [ask(question), tokens(7, 80)].concat();
    assert_eq!(cost(&mut bench, 3, &ann, 100, long(3), 1), (200 - 96, 96));
    // The very same question of another person is computed as if nobody had asked it.
    assert_eq!(cost(&mut bench, 4, &bob, 100, long(3), 1), (200 - 96, 96));
    assert_eq!(cost(&mut bench, 5, &ann, 100, long(3), 1), (200 - 192, 192));
    // As a text, which has no system prompt, it is a person's own from the first block on.
    assert_eq!(cost(&mut bench, 6, &bob, 0, ask(1), 1), (120, 0));
}

#[test]
fn nobody_hears_of_what_others_asked() {
    let mut bench = Bench::new(LIMITS);
    let (ann, bob) = (scope("m", "ann"), scope("m", "bob"));
    let mut told = |id, owner: &CacheScope| cost(&mut bench, id, owner, 100, prompt(1, 100, 5), 1).1;
    assert_eq!(told(1, &ann), 0);
    assert_eq!(told(2, &bob), 0, "cached, but not by bob");
    assert_eq!(told(3, &bob), 96);
    assert_eq!(told(4, &ann), 96);
}

#[test]
fn another_compartment_computes_as_much_as_if_nothing_were_cached() {
    let ask = |bench: &mut Bench, id, shared: &str, private: &str| {
        let owner = scope(shared, private);
        let before = bench.scheduler.rows;
        bench.order_tokens(id, private, &owner, 100, prompt(1, 100, 5), 10);
        let told = bench.finish(&[id]);
        (bench.scheduler.rows - before, end_of(&told, id).unwrap().cached_tokens)
    };
    let mut fresh = Bench::new(LIMITS);
    let cold = ask(&mut fresh, 1, "red", "ann");
    let mut bench = Bench::new(LIMITS);
    assert_eq!(ask(&mut bench, 1, "blue", "ann"), cold);
    assert_eq!(ask(&mut bench, 2, "red", "ann"), cold, "not even for the same person");
    assert_eq!(ask(&mut bench, 3, "green", "bob"), cold);
    assert!(ask(&mut bench, 4, "red", "ann").0 < cold.0);
}

#[test]
fn those_who_arrive_together_compute_a_common_prompt_once() {
    let mut bench = Bench::new(Limits { running: 16, ..LIMITS });
    let ids: Vec<u64> = (1..=16).collect();
    let system = 1000;
    for id in &ids {
        let owner = scope("m", &id.to_string());
        let asked = prompt(1, system, *id as u32);
        bench.order_tokens(*id, &owner.private, &owner, system, asked, 1);
    }
    let told = bench.finish(&ids);
    let common = system / BLOCK * BLOCK;
    assert_eq!(bench.scheduler.rows, common + 16 * (system - common + 20));
    for id in ids {
        assert_eq!(end_of(&told, id).unwrap().cached_tokens, 0);
    }
}

#[test]
fn whoever_waits_for_a_block_of_a_cancelled_prompt_computes_it() {
    let mut bench = Bench::new(LIMITS);
    let owner = scope("m", "ann");
    // Somebody writes, so that the pieces are small.
    bench.order(9, "writer", 5, 2000);
    while !bench.round().iter().any(|(_, event)| matches!(event, Event::Token { .. })) {}
    let first = bench.order_tokens(1, "ann", &owner, 0, tokens(1, 2000), 3);
    bench.order_tokens(2, "ann", &owner, 0, tokens(1, 2000), 3);
    bench.round();
    first.cancel();
    let told = bench.finish(&[1, 2]);
    assert_eq!(answer_of(&told, 2).len(), 3);
    let mut alone = Bench::new(LIMITS);
    alone.order_tokens(2, "ann", &owner, 0, tokens(1, 2000), 3);
    assert_eq!(answer_of(&alone.finish(&[2]), 2), answer_of(&told, 2));
}

#[test]
fn equal_requests_that_run_together_are_computed_little_more_than_once() {
    let mut bench = Bench::new(LIMITS);
    let owner = scope("m", "ann");
    for id in 1..=4 {
        bench.order_tokens(id, "ann", &owner, 0, tokens(3, 700), 40);
    }
    let told = bench.finish(&[1, 2, 3, 4]);
    let first = answer_of(&told, 1);
    assert!((2..=4).all(|id| answer_of(&told, id) == first));
    assert_eq!(bench.scheduler.rows, 700 + 3 * (700 - 672) + 4 * 39);
}

#[test]
fn a_system_prompt_is_found_in_whole_blocks_only() {
    let mut bench = Bench::new(LIMITS);
    let (ann, bob) = (scope("m", "ann"), scope("m", "bob"));
    assert_eq!(cost(&mut bench, 1, &ann, 128, tokens(1, 130), 1), (130, 0));
    let mut guess = tokens(1, 130);
    guess[127] ^= 1;
    assert_eq!(cost(&mut bench, 2, &bob, 128, guess.clone(), 1), (130 - 96, 0));
    guess[97] ^= 1;
    assert_eq!(cost(&mut bench, 3, &bob, 128, guess, 1), (130 - 96, 96), "as much as for the better guess");
}

/// Alone and cold, in pieces of all sizes.
fn alone(owner: &CacheScope, common: usize, prompt: &[u32], max_tokens: u32) -> Vec<(u32, u32)> {
    let mut bench = Bench::new(LIMITS);
    bench.order_tokens(1, "x", owner, common, prompt.to_vec(), max_tokens);
    answer_of(&bench.finish(&[1]), 1)
}

#[test]
fn answers_are_the_same_to_the_last_bit_whatever_was_cached() {
    let (ann, bob) = (scope("m", "ann"), scope("m", "bob"));
    let long = [prompt(1, 500, 1), tokens(8, 90)].concat();
    let expected = alone(&ann, 500, &long, 70);
    let mut bench = Bench::new(LIMITS);
    // Warm: by another person's system prompt, by one's own beginning, by all of it.
    for (id, owner, asked) in [
        (1, &bob, prompt(1, 500, 2)),
        (2, &ann, long.clone()),
        (3, &ann, [&long[..533], &tokens(9, 30)].concat()),
        (4, &ann, long.clone()),
        (5, &ann, long.clone()),
    ] {
        bench.order_tokens(id, &owner.private, owner, 500, asked.clone(), 70);
        let told = bench.finish(&[id]);
        if asked == long {
            assert_eq!(answer_of(&told, id), expected, "request {id}");
        }
    }
    // In company: pieces are smaller while others write.
    for id in 10..14 {
        bench.order(id, &format!("p{id}"), 40 * id as usize, 400);
    }
    (0..20).for_each(|_| drop(bench.round()));
    bench.order_tokens(20, "carl", &scope("m", "carl"), 500, long.clone(), 70);
    assert_eq!(answer_of(&bench.finish(&[20]), 20), expected);
}

#[test]
fn what_was_evicted_is_computed_again_and_answers_the_same() {
    // One context of 4,096 positions: 128 blocks.
    let mut bench = Bench::new(Limits { cache_bytes: 0, ..LIMITS });
    let ann = scope("m", "ann");
    let expected = alone(&ann, 0, &tokens(1, 1500), 20);
    for (id, seed) in [(1, 1), (2, 2), (3, 3), (4, 4)] {
        bench.order_tokens(id, "ann", &ann, 0, tokens(seed, 1500), 20);
        bench.finish(&[id]);
    }
    let before = bench.scheduler.rows;
    bench.order_tokens(5, "ann", &ann, 0, tokens(1, 1500), 20);
    assert_eq!(answer_of(&bench.finish(&[5]), 5), expected);
    assert_eq!(bench.scheduler.rows - before, 1500 + 19, "longest unused, so evicted");
    let before = bench.scheduler.rows;
    bench.order_tokens(6, "ann", &ann, 0, tokens(4, 1500), 1);
    bench.finish(&[6]);
    assert_eq!(bench.scheduler.rows - before, 1, "newest, so still there");
}

#[test]
fn where_memory_runs_out_answers_take_turns_and_stay_the_same() {
    let mut bench = Bench::new(Limits { cache_bytes: 0, ..LIMITS });
    let ids: Vec<u64> = (1..=5).collect();
    for id in &ids {
        bench.order_tokens(*id, "x", &scope("m", "x"), 0, tokens(*id as u32, 600), 900);
    }
    let told = bench.finish(&ids);
    for id in ids {
        assert_eq!(answer_of(&told, id), alone(&scope("m", "x"), 0, &tokens(id as u32, 600), 900));
        assert_eq!(end_of(&told, id).unwrap().cached_tokens, 0, "its own work is not told as cached");
    }
    // A prompt is computed once, a step has at most as many rows as it may.
    assert!(bench.scheduler.rows < 5 * 1500 * 2 && MOST_ROWS <= 4096, "{}", bench.scheduler.rows);
}

#[test]
fn what_one_person_left_is_overwritten_and_what_runs_goes_on() {
    let mut bench = Bench::new(LIMITS);
    let (ann, bob) = (scope("m", "ann"), scope("m", "bob"));
    cost(&mut bench, 1, &ann, 0, tokens(1, 100), 5);
    let written = |bench: &mut Bench| {
        let pool = bench.scheduler.cache.pool();
        pool.all().filter(|block| !pool.is_blank(*block)).count()
    };
    assert_eq!(written(&mut bench), 3, "what was begun and not filled is overwritten at the end");
    cost(&mut bench, 2, &bob, 0, tokens(1, 100), 5);
    assert_eq!(written(&mut bench), 6);
    bench.scheduler.cache.forget(&ann);
    assert_eq!(written(&mut bench), 3);
    assert_eq!(cost(&mut bench, 3, &ann, 0, tokens(1, 100), 5).1, 0);
    assert_eq!(cost(&mut bench, 4, &bob, 0, tokens(1, 100), 5).1, 96);

    // Forgotten under a running answer: it ends as it would have, and then nothing is left of it.
    bench.scheduler.cache.forget(&bob);
    bench.order_tokens(5, "ann", &ann, 0, tokens(1, 100), 40);
    let mut told = bench.round();
    bench.scheduler.cache.forget(&ann);
    told.extend(bench.finish(&[5]));
    assert_eq!(written(&mut bench), 0);
    bench.order_tokens(6, "bob", &bob, 0, tokens(1, 100), 40);
    let alone = bench.finish(&[6]);
    assert_eq!(answer_of(&told, 5), answer_of(&alone, 6));
}
