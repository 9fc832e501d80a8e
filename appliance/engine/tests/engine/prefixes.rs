//! Prompts that begin alike, over the protocol: computed once, told only to whom they belong, and without any
//! difference to an answer.

use crate::support::{events, exactly, request, settings, start, turn};
use redoubt_engine::fixture::Tiny;
use redoubt_engine::worker::Settings;
use redoubt_engine::{CacheScope, Engine, Event, Prompt, Request, Role, Turn};

/// A hundred and more tokens: ChatML's frame has five, and each byte is about one.
const SYSTEM: &str = "You answer plainly, cite the paragraph, and mark what is uncertain. You never guess a name, \
                      and you say so where a document does not tell.";

fn wide() -> Tiny {
    Tiny { context: 1 << 13, ..Tiny::default() }
}

struct Answer {
    /// Ids and logarithms of the probabilities, to the last bit.
    tokens: Vec<(u32, u32)>,
    cached: u32,
    prompt: u32,
}

async fn ask(engine: &Engine, shared: &str, private: &str, turns: &[Turn], max_tokens: u32) -> Answer {
    let cache_scope = CacheScope { shared: shared.to_owned(), private: private.to_owned() };
    let prompt = Prompt::Chat(turns.to_vec());
    let ask = Request { prompt, cache_scope, ..request("", private, exactly(max_tokens)) };
    let events = events(engine.submit(ask).await.unwrap()).await;
    let tokens = events.iter().filter_map(|event| match event {
        Event::Token { id, logprob, .. } => Some((*id, logprob.to_bits())),
        _ => None,
    });
    let Some(Event::Started { cached_tokens: at_start, .. }) =
        events.iter().find(|event| matches!(event, Event::Started { .. }))
    else {
        panic!("no start: {events:?}")
    };
    let Some(Event::End(end)) = events.last() else { panic!("no end: {events:?}") };
    assert_eq!(end.cached_tokens, *at_start);
    Answer { tokens: tokens.collect(), cached: end.cached_tokens, prompt: end.prompt_tokens }
}

fn chat(system: &str, question: &str) -> Vec<Turn> {
    vec![turn(Role::System, system), turn(Role::User, question)]
}

#[tokio::test]
async fn cached_tokens_tell_a_person_of_their_own_and_of_nobody_else_s() {
    let engine = start(&wide(), settings());
    let question = "What does the second paragraph say of the ninth article, and who wrote it down there?";
    let first = ask(&engine, "m", "ann", &chat(SYSTEM, question), 4).await;
    assert_eq!(first.cached, 0);
    let again = ask(&engine, "m", "ann", &chat(SYSTEM, question), 4).await;
    assert!(again.cached >= again.prompt - 32, "{} of {}", again.cached, again.prompt);
    for (shared, private) in [("m", "bob"), ("other", "ann"), ("other", "carl")] {
        let answer = ask(&engine, shared, private, &chat(SYSTEM, question), 4).await;
        assert_eq!(answer.cached, 0, "{shared}, {private}");
        assert_eq!(answer.tokens, first.tokens);
    }
    // From the second time on, the system prompt is bob's as well; the question was from the beginning.
    let other = ask(&engine, "m", "bob", &chat(SYSTEM, "Why?"), 4).await;
    assert!(other.cached >= 64 && other.cached < other.prompt, "{} of {}", other.cached, other.prompt);
}

#[tokio::test]
async fn the_next_turn_of_a_chat_goes_on_where_the_last_one_ended() {
    let engine = start(&wide(), settings());
    let mut turns = chat(SYSTEM, "Tell me about rivers, please, as much as you can.");
    let first = ask(&engine, "m", "ann", &turns, 60).await;
    turns.push(turn(Role::Assistant, "Rivers carry water, and sand, and boats, and stories."));
    turns.push(turn(Role::User, "And lakes?"));
    let second = ask(&engine, "m", "ann", &turns, 5).await;
    assert!(second.cached + 32 >= first.prompt, "{} after {}", second.cached, first.prompt);
    let mut edited = turns.clone();
    edited[3].content = "And seas?".to_owned();
    let third = ask(&engine, "m", "ann", &edited, 5).await;
    assert!(third.cached >= second.cached, "{} after {}", third.cached, second.cached);
    let mut branch = turns.clone();
    branch[1].content.insert_str(0, "Now ");
    let fourth = ask(&engine, "m", "ann", &branch, 5).await;
    assert!(fourth.cached > 0 && fourth.cached < second.cached, "{}", fourth.cached);
}

#[tokio::test]
async fn warm_and_cold_answers_are_the_same_to_the_last_bit() {
    let questions: Vec<String> =
        (0..6).map(|n| format!("Question {n}: {}", "why so? ".repeat(n * 9))).collect();
    let mut cold = Vec::new();
    for question in &questions {
        let engine = start(&wide(), settings());
        cold.push(ask(&engine, "m", "ann", &chat(SYSTEM, question), 40).await.tokens);
    }
    // A cache with room for everything, and one that holds a single context and must evict and take turns.
    for cache_bytes in [1 << 30, 0] {
        let tiny = Tiny { context: 800, ..Tiny::default() };
        let engine = start(&tiny, Settings { cache_bytes, ..settings() });
        for _ in 0..2 {
            let asked = questions.iter().enumerate().map(|(n, question)| {
                let (engine, turns) = (engine.clone(), chat(SYSTEM, question));
                let private = format!("p{}", n % 3);
                tokio::spawn(async move { ask_alone(&engine, &private, &turns).await })
            });
            let asked: Vec<_> = asked.collect();
            for (warm, cold) in asked.into_iter().zip(&cold) {
                assert_eq!(warm.await.unwrap(), *cold);
            }
        }
    }
}

/// What is said, however much of it was cached meanwhile.
async fn ask_alone(engine: &Engine, private: &str, turns: &[Turn]) -> Vec<(u32, u32)> {
    let cache_scope = CacheScope { shared: "m".to_owned(), private: private.to_owned() };
    let prompt = Prompt::Chat(turns.to_vec());
    let ask = Request { prompt, cache_scope, ..request("", private, exactly(40)) };
    let events = events(engine.submit(ask).await.unwrap()).await;
    let token = |event: &Event| match event {
        Event::Token { id, logprob, .. } => Some((*id, logprob.to_bits())),
        _ => None,
    };
    events.iter().filter_map(token).collect()
}

#[tokio::test]
async fn what_is_forgotten_is_computed_again_and_answers_the_same() {
    let engine = start(&wide(), settings());
    let question = "What does the second paragraph say of the ninth article, and who wrote it down there?";
    let first = ask(&engine, "m", "ann", &chat("", question), 4).await;
    let other = ask(&engine, "m", "bob", &chat("", question), 4).await;
    assert_eq!((first.cached, other.cached), (0, 0));
    assert!(ask(&engine, "m", "ann", &chat("", question), 4).await.cached > 0);
    let scope = CacheScope { shared: "m".to_owned(), private: "ann".to_owned() };
    engine.forget(scope.clone()).await.unwrap();
    let again = ask(&engine, "m", "ann", &chat("", question), 4).await;
    assert_eq!((again.cached, &again.tokens), (0, &first.tokens));
    assert!(ask(&engine, "m", "bob", &chat("", question), 4).await.cached > 0, "bob's were not");

    // While one of the same person's answers runs, and twice.
    let turns = chat("", question);
    let ask_long = ask(&engine, "m", "ann", &turns, 64);
    let forget = async { engine.forget(scope.clone()).await.unwrap() };
    let (long, (), ()) = tokio::join!(ask_long, forget, engine_forgets_nobody(&engine));
    assert_eq!(long.tokens[..4], first.tokens);
    engine.forget(scope).await.unwrap();
    let last = ask(&engine, "m", "ann", &chat("", question), 4).await;
    assert_eq!((last.cached, last.tokens), (0, first.tokens));
}

async fn engine_forgets_nobody(engine: &Engine) {
    let nobody = CacheScope { shared: "m".to_owned(), private: "nobody".to_owned() };
    engine.forget(nobody).await.unwrap();
}
