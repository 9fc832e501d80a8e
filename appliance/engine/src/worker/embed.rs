//! Embeddings in the engine's process: who may ask, and the thread that computes them beside the answers.
//!
//! A piece is one layer over at most 256 tokens, some 20 ms on two cores. Pieces take turns with the steps of the
//! answers ([`Cores`]), request by request of each party. While answers are being written, the thread rests after each
//! piece for twice the time that it took: people who chat keep two thirds of the machine, and wait for one piece at
//! the most. (A thread of lower priority would be worse on two cores: a step's threads wait for each other many times,
//! and for whichever of them the system has put off.)

use crate::Error;
use crate::embedding::{self, Embedder, Job};
use crate::protocol::{EmbeddingRequest, FromWorker};
use crate::schedule::{Cores, Ticket};
use std::collections::{HashMap, VecDeque};
use std::sync::mpsc::{self, Receiver, RecvError, Sender, TryRecvError};
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Requests that may be open at once; further ones are told to come back.
const MAX_OPEN: usize = 64;
/// How long the thread rests after a piece, in times of that piece, while answers are being written.
const REST: u32 = 2;
/// A piece that took long (a busy machine) does not make the rest endless.
const MAX_REST: Duration = Duration::from_millis(300);

/// Starts the thread, if there is a model for it. It ends when the reception and all requests are gone.
pub(super) fn start(
    embedder: Option<Embedder>,
    cores: Arc<Cores>,
    answers: Sender<FromWorker>,
) -> Result<(Reception, Option<JoinHandle<()>>), Error> {
    let Some(embedder) = embedder else {
        return Ok((Reception { orders: None, open: HashMap::new() }, None));
    };
    let (orders, incoming) = mpsc::channel();
    let worker = Worker { embedder, cores, answers, parties: VecDeque::new() };
    let thread =
        thread::Builder::new().name("engine-embed".to_owned()).spawn(move || worker.run(&incoming))?;
    Ok((Reception { orders: Some(orders), open: HashMap::new() }, Some(thread)))
}

/// A request that was accepted.
struct Order {
    ticket: Arc<Ticket>,
    request: EmbeddingRequest,
}

/// The reading thread's part: refuses what is too much, marks what is cancelled.
pub(super) struct Reception {
    /// `None` without an embedding model.
    orders: Option<Sender<Order>>,
    /// Tickets die with their requests.
    open: HashMap<u64, Weak<Ticket>>,
}

impl Reception {
    /// Passes a request on, or says why not.
    pub(super) fn take(&mut self, id: u64, request: EmbeddingRequest) -> Result<(), Error> {
        let Some(orders) = &self.orders else {
            return Err(Error::invalid("model", "no embedding model is loaded"));
        };
        self.open.retain(|_, ticket| ticket.strong_count() > 0);
        if self.open.len() >= MAX_OPEN {
            return Err(Error::Busy { retry_after_s: 5 });
        }
        embedding::check(&request.inputs)?;
        let ticket = Ticket::new(id, &request.party, 0, Instant::now());
        self.open.insert(id, Arc::downgrade(&ticket));
        orders.send(Order { ticket, request }).map_err(|_| Error::Gone)
    }

    pub(super) fn cancel(&self, id: u64) {
        if let Some(ticket) = self.open.get(&id).and_then(Weak::upgrade) {
            ticket.cancel();
        }
    }

    /// Ends every open request.
    pub(super) fn cancel_all(&mut self) {
        self.open.drain().filter_map(|(_, ticket)| ticket.upgrade()).for_each(|ticket| ticket.cancel());
    }
}

/// One request, waiting or half done.
struct Open {
    order: Order,
    /// Made when its first turn comes, because making tokens takes time, too.
    job: Option<Job>,
}

/// The thread's part.
struct Worker {
    embedder: Embedder,
    cores: Arc<Cores>,
    answers: Sender<FromWorker>,
    /// Parties in the order of their turns, each with its requests; none is empty.
    parties: VecDeque<VecDeque<Open>>,
}

impl Worker {
    /// Works until nobody can send orders any more and all are done.
    fn run(mut self, orders: &Receiver<Order>) {
        while self.take_orders(orders) {
            if let Some(party) = self.parties.pop_front() {
                self.serve(party);
            }
        }
    }

    /// Waits for an order only if there is nothing to do. `false` when it is all over.
    fn take_orders(&mut self, orders: &Receiver<Order>) -> bool {
        if self.parties.is_empty() {
            match orders.recv() {
                Ok(order) => self.push(order),
                Err(RecvError) => return false,
            }
        }
        loop {
            match orders.try_recv() {
                Ok(order) => self.push(order),
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => return true,
            }
        }
    }

    fn push(&mut self, order: Order) {
        let is_same = |party: &&mut VecDeque<Open>| {
            party.iter().any(|open| open.order.request.party == order.request.party)
        };
        let party = self.parties.iter_mut().find(is_same);
        let open = Open { order, job: None };
        match party {
            Some(party) => party.push_back(open),
            None => self.parties.push_back(VecDeque::from([open])),
        }
    }

    /// One piece of the party's first request; then the next party has its turn.
    fn serve(&mut self, mut party: VecDeque<Open>) {
        let Some(open) = party.front_mut() else { return };
        let id = open.order.ticket.id();
        let answer = match self.advance(open) {
            Ok(None) => None,
            Ok(Some(embeddings)) => Some(FromWorker::Embedded { id, embeddings }),
            Err(error) => Some(FromWorker::Refused { id, why: error.into() }),
        };
        if let Some(answer) = answer {
            // Fails only where the connection has ended, and then this ends, too.
            let _gone = self.answers.send(answer);
            party.pop_front();
        }
        if !party.is_empty() {
            self.parties.push_back(party);
        }
    }

    /// The vectors, if this was the last piece.
    fn advance(&self, open: &mut Open) -> Result<Option<crate::Embeddings>, Error> {
        if open.order.ticket.is_cancelled() {
            return Err(Error::invalid("input", "was cancelled"));
        }
        let job = match &mut open.job {
            Some(job) => job,
            None => open.job.insert(Job::new(&self.embedder, &open.order.request.inputs)?),
        };
        let turn = self.cores.other();
        let started = Instant::now();
        job.step(&self.embedder)?;
        let took = started.elapsed();
        drop(turn);
        if self.cores.are_answers_running() {
            thread::sleep((took * REST).min(MAX_REST));
        }
        Ok(if job.is_done() { open.job.take().map(Job::finish) } else { None })
    }
}
