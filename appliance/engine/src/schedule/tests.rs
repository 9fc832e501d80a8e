//! What depends on the order of steps, step by step and without a clock.

mod places;
mod sharing;

use super::{Limits, Order, Owner, Scheduler, Task, Ticket, Turns};
use crate::context::Fitted;
use crate::fixture::Tiny;
use crate::model::Options;
use crate::protocol::FromWorker;
use crate::{CacheScope, End, Event, Finish, Model, Sampling};
use std::io::Seek;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};

struct Bench {
    scheduler: Scheduler,
    orders: Sender<Task>,
    incoming: Receiver<Task>,
    answers: Sender<FromWorker>,
    events: Receiver<FromWorker>,
}

/// Enough for all answers of a test.
const LIMITS: Limits = Limits { running: 8, running_each: 8, cache_bytes: 1 << 30 };

impl Bench {
    fn new(limits: Limits) -> Bench {
        let mut file = tempfile::tempfile().unwrap();
        Tiny { context: 4096, ..Tiny::default() }.write(&file).unwrap();
        file.rewind().unwrap();
        let model = Model::load(&file, &Options { threads: 1, ..Options::default() }).unwrap();
        let (orders, incoming) = mpsc::channel();
        let (answers, events) = mpsc::channel();
        let scheduler = Scheduler::new(Arc::new(model), limits, Turns::default());
        Bench { scheduler, orders, incoming, answers, events }
    }

    /// A request of `party`, in a scope of its own.
    fn order(&self, id: u64, party: &str, prompt: usize, max_tokens: u32) -> Arc<Ticket> {
        let tokens = (0..prompt).map(|n| (n * 31 % 256) as u32).collect();
        let scope = CacheScope { shared: party.to_owned(), private: party.to_owned() };
        self.order_tokens(id, party, &scope, 0, tokens, max_tokens)
    }

    /// A short request of a party of its own, with this priority.
    fn order_before(&self, id: u64, priority: i32) {
        let party = format!("party {id}");
        let scope = CacheScope { shared: party.clone(), private: party.clone() };
        self.order_ticket(
            Ticket::new(id, &party, priority, std::time::Instant::now()),
            &scope,
            0,
            vec![1; 5],
            2,
        );
    }

    /// A request whose first `common` tokens are of a system prompt.
    fn order_tokens(
        &self,
        id: u64,
        party: &str,
        scope: &CacheScope,
        common: usize,
        tokens: Vec<u32>,
        max_tokens: u32,
    ) -> Arc<Ticket> {
        let ticket = Ticket::new(id, party, 0, std::time::Instant::now());
        self.order_ticket(Arc::clone(&ticket), scope, common, tokens, max_tokens);
        ticket
    }

    fn order_ticket(
        &self,
        ticket: Arc<Ticket>,
        scope: &CacheScope,
        common: usize,
        tokens: Vec<u32>,
        max_tokens: u32,
    ) {
        let order = Order {
            ticket,
            prompt: Fitted { tokens, dropped_turns: 0 },
            sampling: Sampling { ignore_eos: true, ..Sampling::greedy(max_tokens) },
            owner: Owner::new(scope, common),
        };
        self.orders.send(Task::Answer(order)).unwrap();
    }

    /// One round; what was told in it.
    fn round(&mut self) -> Vec<(u64, Event)> {
        assert!(self.scheduler.take_orders(&self.incoming));
        self.scheduler.round(&self.answers);
        let told = self.events.try_iter().map(|message| match message {
            FromWorker::Event { id, event } => (id, event),
            other => panic!("not an event: {other:?}"),
        });
        told.collect()
    }

    /// Rounds until all of these have ended; everything that was told.
    fn finish(&mut self, ids: &[u64]) -> Vec<(u64, Event)> {
        let mut told = Vec::new();
        while !ids.iter().all(|of| end_of(&told, *of).is_some()) {
            told.extend(self.round());
        }
        told
    }
}

fn end_of(events: &[(u64, Event)], of: u64) -> Option<&End> {
    events.iter().find_map(|(id, event)| match event {
        Event::End(end) if *id == of => Some(end),
        _ => None,
    })
}

/// Ids and logarithms of the probabilities, to the last bit.
fn answer_of(events: &[(u64, Event)], of: u64) -> Vec<(u32, u32)> {
    let token = |(id, event): &(u64, Event)| match event {
        Event::Token { id: token, logprob, .. } if *id == of => Some((*token, logprob.to_bits())),
        _ => None,
    };
    events.iter().filter_map(token).collect()
}

fn tokens_of(events: &[(u64, Event)], of: u64) -> usize {
    events.iter().filter(|(id, event)| *id == of && matches!(event, Event::Token { .. })).count()
}

#[test]
fn two_equal_requests_get_equal_shares_while_both_run() {
    let mut bench = Bench::new(LIMITS);
    bench.order(1, "a", 600, 100);
    bench.order(2, "b", 600, 100);
    let mut told = Vec::new();
    while tokens_of(&told, 1) < 100 || tokens_of(&told, 2) < 100 {
        told.extend(bench.round());
    }
    let token = |of: u64| move |(id, event): &(u64, Event)| *id == of && matches!(event, Event::Token { .. });
    let begun = told.iter().position(token(1)).unwrap().max(told.iter().position(token(2)).unwrap());
    let over = told.iter().rposition(token(1)).unwrap().min(told.iter().rposition(token(2)).unwrap());
    let (one, two) = (tokens_of(&told[begun..=over], 1), tokens_of(&told[begun..=over], 2));
    let share = one as f64 / (one + two) as f64;
    assert!(one + two > 150 && (0.4..=0.6).contains(&share), "{one} and {two}");
}

#[test]
fn a_long_prompt_does_not_keep_a_running_answer_from_its_next_token() {
    let mut bench = Bench::new(LIMITS);
    bench.order(1, "a", 5, 2000);
    while tokens_of(&bench.round(), 1) == 0 {}
    bench.order(2, "b", 3000, 5);
    let mut rounds = 0;
    loop {
        let told = bench.round();
        assert_eq!(tokens_of(&told, 1), 1);
        rounds += 1;
        if tokens_of(&told, 2) > 0 {
            break;
        }
    }
    assert!(rounds > 3000 / crate::model::forward::MOST_ROWS, "{rounds}");
}

#[test]
fn prompts_of_one_party_do_not_hold_up_those_of_another() {
    let mut bench = Bench::new(LIMITS);
    bench.order(1, "many", 2000, 1);
    bench.order(2, "many", 2000, 1);
    bench.order(3, "one", 300, 1);
    let mut told = Vec::new();
    while tokens_of(&told, 3) == 0 {
        told.extend(bench.round());
    }
    assert_eq!((tokens_of(&told, 1), tokens_of(&told, 2)), (0, 0));
}

#[test]
fn a_cancelled_answer_gets_no_further_token() {
    let mut bench = Bench::new(LIMITS);
    let ticket = bench.order(1, "a", 5, 2000);
    bench.order(2, "b", 5, 2000);
    while tokens_of(&bench.round(), 1) == 0 {}
    ticket.cancel();
    let told = bench.round();
    assert_eq!((tokens_of(&told, 1), tokens_of(&told, 2)), (0, 1));
    assert_eq!(end_of(&told, 1).map(|end| end.reason), Some(Finish::Cancelled));
}
