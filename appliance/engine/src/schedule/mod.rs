//! Runs many answers at once: who starts, who goes next, and what everybody is told.
//!
//! Each step carries the next token of every answer that is being written, then pieces of the prompts that are
//! still being read, party by party. So nobody's long prompt stalls anybody's answer for longer than a step.

mod cache;
mod cores;
mod forecast;
mod pace;
mod places;
mod prefixes;
mod queue;
mod sequence;
mod step;
#[cfg(test)]
#[cfg(feature = "fixture")]
mod tests;

pub(crate) use cache::Owner;
pub(crate) use cores::Cores;
pub(crate) use forecast::Turns;
pub(crate) use sequence::{Order, Task, Ticket};

use crate::model::Model;
use crate::model::forward::Runner;
use crate::protocol::FromWorker;
use crate::{CacheScope, Finish};
use cache::Cache;
use forecast::Forecast;
use pace::Pace;
use queue::Queue;
use sequence::Sequence;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvError, Sender, TryRecvError};

/// How much may happen at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Answers that run.
    pub(crate) running: usize,
    /// Answers of one party that run.
    pub(crate) running_each: usize,
    /// Memory for keys and values.
    pub(crate) cache_bytes: u64,
}

/// All answers of one model.
pub(crate) struct Scheduler {
    model: Arc<Model>,
    cache: Cache,
    runner: Runner,
    pace: Pace,
    forecast: Forecast,
    waiting: Queue,
    /// In the order in which they got their places: where memory runs out, the last one gives way.
    running: Vec<Sequence>,
    /// What is to leave the cache, by the id of who asked for it.
    forgetting: Vec<(u64, CacheScope)>,
    most: usize,
    /// Counts steps, to tell who was served last.
    now: u64,
    cores: Arc<Cores>,
    /// Counts rows, for tests of what was not computed twice.
    #[cfg(test)]
    rows: usize,
}

impl Scheduler {
    /// A scheduler within `limits`, which tells `turns` how fast places become free.
    pub(crate) fn new(model: Arc<Model>, limits: Limits, turns: Turns) -> Scheduler {
        Scheduler {
            cache: Cache::new(&model, limits.cache_bytes),
            runner: Runner::new(&model),
            model,
            pace: Pace::default(),
            forecast: Forecast::new(turns),
            waiting: Queue::new(limits.running_each),
            running: Vec::new(),
            forgetting: Vec::new(),
            most: limits.running.max(1),
            now: 0,
            cores: Arc::default(),
            #[cfg(test)]
            rows: 0,
        }
    }

    /// What each step waits for its turn in.
    pub(crate) fn cores(&self) -> Arc<Cores> {
        Arc::clone(&self.cores)
    }

    /// Works until nobody can send orders any more and all answers have ended.
    pub(crate) fn run(&mut self, orders: &Receiver<Task>, answers: &Sender<FromWorker>) {
        while self.take_orders(orders) {
            self.round(answers);
        }
    }

    fn round(&mut self, answers: &Sender<FromWorker>) {
        self.drop_cancelled(answers);
        self.forget(answers);
        self.admit(answers);
        self.tell_positions(answers);
        let cores = Arc::clone(&self.cores);
        let _turn = cores.step();
        self.step(answers);
    }

    /// Waits for an order only if there is nothing to do. `false` when it is all over.
    fn take_orders(&mut self, orders: &Receiver<Task>) -> bool {
        if self.running.is_empty() && self.waiting.is_empty() {
            match orders.recv() {
                Ok(task) => self.take_up(task),
                Err(RecvError) => return false,
            }
        }
        loop {
            match orders.try_recv() {
                Ok(task) => self.take_up(task),
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => return true,
            }
        }
    }

    fn take_up(&mut self, task: Task) {
        match task {
            Task::Answer(order) => self.waiting.push(Sequence::new(order)),
            Task::Forget { id, scope } => self.forgetting.push((id, scope)),
        }
    }

    /// After whatever was cancelled has left its blocks.
    fn forget(&mut self, answers: &Sender<FromWorker>) {
        for (id, scope) in std::mem::take(&mut self.forgetting) {
            self.cache.forget(&scope);
            // Nobody takes it any more where the front is gone.
            let _gone = answers.send(FromWorker::Forgotten { id });
        }
    }

    fn drop_cancelled(&mut self, answers: &Sender<FromWorker>) {
        let cancelled: Vec<Sequence> =
            self.running.extract_if(.., |sequence| sequence.is_cancelled()).collect();
        for sequence in cancelled.into_iter().chain(self.waiting.take_cancelled()) {
            self.end(sequence, Finish::Cancelled, None, answers);
        }
    }

    /// The last word to a sequence that neither waits nor runs any more.
    fn end(
        &mut self,
        mut sequence: Sequence,
        reason: Finish,
        error: Option<String>,
        answers: &Sender<FromWorker>,
    ) {
        sequence.release(&mut self.cache);
        if sequence.has_started() {
            self.forecast.learn(sequence.age());
        }
        sequence.end(reason, error, answers);
    }
}
