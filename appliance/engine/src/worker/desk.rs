//! The reading side of the socket: takes orders, refuses what is too much, marks what is cancelled.

use crate::Error;
use crate::protocol::{self, FromWorker, Request, ToWorker};
use crate::schedule::{Ticket, Turns};
use crate::worker::Settings;
use crate::worker::backlog::Backlog;
use crate::worker::embed::Reception;
use crate::worker::prepare::Job;
use std::collections::HashMap;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Weak, mpsc};
use std::time::Instant;

/// Knows every request that is not over yet.
pub(super) struct Desk {
    answers: mpsc::Sender<FromWorker>,
    jobs: mpsc::Sender<Job>,
    backlog: Backlog,
    /// Tickets die with their requests.
    open: HashMap<u64, Weak<Ticket>>,
    /// Requests that may be open at once, of all and of one party.
    limit: usize,
    limit_each: usize,
    /// Of those requests of all, and of one party, so many wait.
    queue: usize,
    queue_each: usize,
    turns: Turns,
    embeddings: Reception,
}

impl Desk {
    /// Within the limits of `settings`; `turns` tells those who are refused when to come again.
    pub(super) fn new(
        answers: mpsc::Sender<FromWorker>,
        jobs: mpsc::Sender<Job>,
        settings: &Settings,
        turns: Turns,
        embeddings: Reception,
    ) -> Desk {
        let Settings { max_parallel, queue, running_each, waiting_each, .. } = *settings;
        Desk {
            answers,
            jobs,
            backlog: Backlog::default(),
            open: HashMap::new(),
            limit: max_parallel.max(1) + queue,
            limit_each: running_each.clamp(1, max_parallel.max(1)) + waiting_each,
            queue,
            queue_each: waiting_each,
            turns,
            embeddings,
        }
    }

    /// Serves the socket until it closes.
    pub(super) fn run(&mut self, mut socket: &UnixStream) -> Result<(), Error> {
        while let Some(message) = protocol::read(&mut socket)? {
            self.take(message)?;
        }
        Ok(())
    }

    /// Ends every open request.
    pub(super) fn cancel_all(&mut self) {
        self.embeddings.cancel_all();
        self.open.drain().filter_map(|(_, ticket)| ticket.upgrade()).for_each(|ticket| ticket.cancel());
    }

    fn take(&mut self, message: ToWorker) -> Result<(), Error> {
        let job = match message {
            ToWorker::Submit { id, request } => match self.submit(id, request) {
                Ok(job) => job,
                Err(refusal) => return self.refuse(id, refusal),
            },
            ToWorker::Measure { id, prompt, max_tokens } => match self.backlog.add(&prompt) {
                Some(parcel) => Job::Measure { id, prompt, max_tokens, parcel },
                None => return self.refuse(id, Error::Busy { retry_after_s: 1 }),
            },
            ToWorker::Cancel { id } => {
                if let Some(ticket) = self.open.get(&id).and_then(Weak::upgrade) {
                    ticket.cancel();
                }
                self.embeddings.cancel(id);
                return Ok(());
            }
            ToWorker::Embed { id, request } => {
                return self.embeddings.take(id, request).or_else(|error| self.refuse(id, error));
            }
            ToWorker::Forget { id, scope } => Job::Forget { id, scope },
            ToWorker::Hello { .. } => return Err(Error::Protocol("greeted twice".to_owned())),
        };
        self.jobs.send(job).map_err(|_| Error::Gone)
    }

    /// Opens a request, or says why not.
    fn submit(&mut self, id: u64, request: Request) -> Result<Job, Error> {
        request.sampling.validate()?;
        self.open.retain(|_, ticket| ticket.strong_count() > 0);
        let own = |ticket: &Weak<Ticket>| ticket.upgrade().is_some_and(|t| **t.party() == request.party);
        if self.open.values().filter(|ticket| own(ticket)).count() >= self.limit_each {
            return Err(Error::Quota { retry_after_s: self.retry_after(self.queue_each) });
        }
        if self.open.len() >= self.limit {
            return Err(Error::Busy { retry_after_s: self.retry_after(self.queue) });
        }
        let busy = || Error::Busy { retry_after_s: self.retry_after(self.queue) };
        let parcel = self.backlog.add(&request.prompt).ok_or_else(busy)?;
        let ticket = Ticket::new(id, &request.party, request.priority, Instant::now());
        self.open.insert(id, Arc::downgrade(&ticket));
        Ok(Job::Submit { ticket, request, parcel })
    }

    fn refuse(&self, id: u64, error: Error) -> Result<(), Error> {
        self.answers.send(FromWorker::Refused { id, why: error.into() }).map_err(|_| Error::Gone)
    }

    /// When a queue of this length has a place again, and not only one for all who were refused.
    fn retry_after(&self, queue: usize) -> u32 {
        self.turns.wait_s(queue.div_ceil(4)).min(60)
    }
}
