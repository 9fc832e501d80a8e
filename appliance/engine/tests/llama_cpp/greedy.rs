//! Gate D: the likeliest answers to 50 questions, through the whole engine, several at once.
//!
//! As with probabilities (see `logprobs.rs`) the fixed limits hold where every weight is f32, and with the file as it is we
//! may leave llama.cpp's answers about as often as another configuration of llama.cpp does.

use redoubt_engine::gguf::Gguf;
use redoubt_engine::tokenizer::Tokenizer;
use redoubt_engine::worker::{self, Settings};
use redoubt_engine::{CacheScope, Engine, Event, Finish, Prompt, Reply, Request, Role, Sampling, Turn};
use serde::Deserialize;
use std::collections::HashMap;
use std::fs::File;
use std::os::unix::net::UnixStream;
use std::thread;

#[derive(Deserialize)]
struct Expected {
    new_tokens: u32,
    noise_floor: HashMap<String, Departures>,
    prompts: Vec<Answer>,
}

/// How another configuration leaves the answers.
#[derive(Deserialize)]
struct Departures {
    identical: usize,
    departed_to_second: usize,
    /// Distances in logits between the best and the second best token, where it leaves.
    gaps: Vec<f32>,
}

/// llama.cpp's answer; its last token is the end of the turn, if it came to that.
#[derive(Deserialize)]
struct Answer {
    user: String,
    prompt_ids: Vec<u32>,
    ids: Vec<u32>,
    seconds: Vec<u32>,
    gaps: Vec<f32>,
}

/// Our answer, without the token that ended it.
struct Ours {
    prompt_tokens: u32,
    ids: Vec<u32>,
    ended: bool,
}

#[test]
fn with_exact_weights_the_answers_are_those_of_llama_cpp() {
    let Expected { new_tokens, prompts, .. } = crate::expected("exact_greedy.json");
    assert!(prompts.len() >= 50, "only {} prompts", prompts.len());
    let ours = departures(&prompts, &answers(crate::exact_model_file(), &prompts, new_tokens));
    ours.report("weights as f32");
    assert!(ours.identical as f64 >= 0.8 * prompts.len() as f64);
    assert_eq!(ours.departed_to_second, ours.gaps.len(), "departures to the second best token");
    assert!(ours.widest() < 0.1);
}

#[test]
fn with_the_file_as_it_is_the_answers_depart_as_llama_cpp_departs_from_itself() {
    let Expected { new_tokens, prompts, noise_floor } = crate::expected("greedy.json");
    let ours = departures(&prompts, &answers(crate::model_file(), &prompts, new_tokens));
    ours.report("the file as it is");
    let floor = || noise_floor.values();
    assert!(2 * ours.identical >= floor().map(|own| own.identical).min().unwrap());
    assert!(ours.departed_to_second as f64 >= 0.75 * ours.gaps.len() as f64);
    assert!(ours.widest() <= 1.25 * floor().map(Departures::widest).fold(0.0, f32::max));
}

impl Departures {
    fn widest(&self) -> f32 {
        self.gaps.iter().copied().fold(0.0, f32::max)
    }

    fn report(&self, what: &str) {
        println!(
            "{what}: {} identical, {} depart, {} of these to the second best token; widest gap {}",
            self.identical,
            self.gaps.len(),
            self.departed_to_second,
            self.widest(),
        );
    }
}

fn departures(prompts: &[Answer], answers: &[Ours]) -> Departures {
    let tokenizer = Tokenizer::from_metadata(Gguf::open(&crate::model_file()).unwrap().metadata()).unwrap();
    let is_end = |id: u32| tokenizer.is_end(id);
    let mut found = Departures { identical: 0, departed_to_second: 0, gaps: Vec::new() };
    for (theirs, ours) in prompts.iter().zip(answers) {
        assert_eq!(ours.prompt_tokens as usize, theirs.prompt_ids.len(), "prompt of {:?}", theirs.user);
        let Some(at) = first_difference(theirs, ours, is_end) else {
            found.identical += 1;
            continue;
        };
        let second =
            ours.ids.get(at).map_or(ours.ended && is_end(theirs.seconds[at]), |id| *id == theirs.seconds[at]);
        found.departed_to_second += usize::from(second);
        found.gaps.push(theirs.gaps[at]);
        println!("{:?} departs at {at}, gap {}, to the second: {second}", theirs.user, theirs.gaps[at]);
    }
    found
}

/// Where our answer leaves theirs: the place of the first token that is another, or of an end that only one has.
fn first_difference(theirs: &Answer, ours: &Ours, is_end: impl Fn(u32) -> bool) -> Option<usize> {
    let ended = theirs.ids.last().is_some_and(|id| is_end(*id));
    let text = &theirs.ids[..theirs.ids.len() - usize::from(ended)];
    let common = text.iter().zip(&ours.ids).take_while(|(a, b)| a == b).count();
    let same = common == text.len() && common == ours.ids.len() && ended == ours.ended;
    (!same).then_some(common)
}

/// Answers of an engine as the appliance runs it, but on a thread.
fn answers(model: File, prompts: &[Answer], new_tokens: u32) -> Vec<Ours> {
    let (front, back) = UnixStream::pair().unwrap();
    let worker = thread::spawn(|| worker::serve(back, model, Settings::default()));
    let engine = Engine::connect(front).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let answers = runtime.block_on(async {
        let mut replies = Vec::new();
        for prompt in prompts {
            replies.push(engine.submit(request(&prompt.user, new_tokens)).await.unwrap());
        }
        let mut answers = Vec::new();
        for reply in replies {
            answers.push(collect(reply).await);
        }
        answers
    });
    drop(engine);
    worker.join().unwrap().unwrap();
    answers
}

fn request(question: &str, new_tokens: u32) -> Request {
    Request {
        prompt: Prompt::Chat(vec![Turn { role: Role::User, content: question.to_owned() }]),
        sampling: Sampling::greedy(new_tokens),
        cache_scope: CacheScope::default(),
        party: "tests".to_owned(),
        priority: 0,
    }
}

async fn collect(mut reply: Reply) -> Ours {
    let mut ids = Vec::new();
    loop {
        match reply.next().await.expect("an end comes last") {
            Event::Token { id, .. } => ids.push(id),
            Event::End(end) => {
                assert!(matches!(end.reason, Finish::Stop | Finish::Length), "{end:?}");
                // The token that ends the text has an event only if text was held back.
                ids.truncate(end.completion_tokens as usize);
                return Ours { prompt_tokens: end.prompt_tokens, ids, ended: end.reason == Finish::Stop };
            }
            Event::Queued { .. } | Event::Started { .. } => {}
        }
    }
}
