//! Runs many answers at once: who starts, who goes next, and what everybody is told.
//!
//! Each step carries the next token of every answer that is being written, then pieces of the prompts that are
//! still being read, party by party. So nobody's long prompt stalls anybody's answer for longer than a step.

mod cores;
mod pace;
mod queue;
mod sequence;
mod step;
#[cfg(test)]
#[cfg(feature = "fixture")]
mod tests;

pub(crate) use cores::Cores;
pub(crate) use sequence::{Order, Ticket};

use crate::model::Model;
use crate::model::cache::Pool;
use crate::model::forward::Runner;
use crate::protocol::FromWorker;
use crate::{Event, Finish};
use pace::Pace;
use queue::Queue;
use sequence::Sequence;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvError, Sender, TryRecvError};

/// All answers of one model.
pub(crate) struct Scheduler {
    model: Arc<Model>,
    pool: Pool,
    runner: Runner,
    pace: Pace,
    waiting: Queue,
    /// Oldest first: where memory runs out, the youngest gives way.
    running: Vec<Sequence>,
    most: usize,
    /// Counts steps, to tell who was served last.
    now: u64,
    cores: Arc<Cores>,
}

impl Scheduler {
    /// A scheduler of up to `most` answers at once with a cache of `cache_bytes`.
    pub(crate) fn new(model: Arc<Model>, most: usize, cache_bytes: u64) -> Scheduler {
        let pool = Pool::new(model.shape(), model.info().context, cache_bytes);
        Scheduler {
            runner: Runner::new(&model),
            model,
            pool,
            pace: Pace::default(),
            waiting: Queue::default(),
            running: Vec::new(),
            most: most.max(1),
            now: 0,
            cores: Arc::default(),
        }
    }

    /// What each step waits for its turn in.
    pub(crate) fn cores(&self) -> Arc<Cores> {
        Arc::clone(&self.cores)
    }

    /// Works until nobody can send orders any more and all answers have ended.
    pub(crate) fn run(&mut self, orders: &Receiver<Order>, answers: &Sender<FromWorker>) {
        while self.take_orders(orders) {
            self.drop_cancelled(answers);
            self.admit(answers);
            self.tell_positions(answers);
            let cores = Arc::clone(&self.cores);
            let _turn = cores.step();
            self.step(answers);
        }
    }

    /// Waits for an order only if there is nothing to do. `false` when it is all over.
    fn take_orders(&mut self, orders: &Receiver<Order>) -> bool {
        if self.running.is_empty() && self.waiting.is_empty() {
            match orders.recv() {
                Ok(order) => self.waiting.push(Sequence::new(order)),
                Err(RecvError) => return false,
            }
        }
        loop {
            match orders.try_recv() {
                Ok(order) => self.waiting.push(Sequence::new(order)),
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => return true,
            }
        }
    }

    fn drop_cancelled(&mut self, answers: &Sender<FromWorker>) {
        let cancelled = self.running.extract_if(.., |sequence| sequence.is_cancelled());
        for mut sequence in cancelled.chain(self.waiting.take_cancelled()) {
            self.pool.release(&mut sequence.table);
            sequence.end(Finish::Cancelled, None, answers);
        }
    }

    /// Starts what there is room for: a place, and blocks for the whole prompt. One alone always fits.
    fn admit(&mut self, answers: &Sender<FromWorker>) {
        while self.running.len() < self.most {
            let Some(next) = self.waiting.peek() else { return };
            let promised: usize = self.running.iter().map(Sequence::missing_blocks).sum();
            if !self.running.is_empty() && promised + next.missing_blocks() > self.pool.available() {
                return;
            }
            let Some(mut sequence) = self.waiting.pop() else { return };
            sequence.start(answers);
            self.running.push(sequence);
        }
    }

    fn tell_positions(&mut self, answers: &Sender<FromWorker>) {
        self.waiting.for_each_position(|sequence, position| {
            if sequence.position != position {
                sequence.position = position;
                sequence.tell(Event::Queued { position }, answers);
            }
        });
    }
}
