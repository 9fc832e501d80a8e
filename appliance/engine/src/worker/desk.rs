//! The reading side of the socket: takes orders, refuses what is too much, marks what is cancelled.

use crate::Error;
use crate::protocol::{self, FromWorker, ToWorker};
use crate::schedule::Ticket;
use crate::worker::embed::Reception;
use crate::worker::prepare::Job;
use std::collections::HashMap;
use std::os::unix::net::UnixStream;
use std::sync::{Weak, mpsc};
use std::time::Instant;

/// Knows every request that is not over yet.
pub(super) struct Desk {
    answers: mpsc::Sender<FromWorker>,
    jobs: mpsc::Sender<Job>,
    /// Tickets die with their requests.
    open: HashMap<u64, Weak<Ticket>>,
    limit: usize,
    embeddings: Reception,
}

impl Desk {
    /// `limit` requests may be open at once.
    pub(super) fn new(
        answers: mpsc::Sender<FromWorker>,
        jobs: mpsc::Sender<Job>,
        limit: usize,
        embeddings: Reception,
    ) -> Desk {
        Desk { answers, jobs, open: HashMap::new(), limit, embeddings }
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
            ToWorker::Submit { id, request } => {
                self.open.retain(|_, ticket| ticket.strong_count() > 0);
                if self.open.len() >= self.limit {
                    return self.refuse(id, Error::Busy { retry_after_s: self.wait() });
                }
                if let Err(error) = request.sampling.validate() {
                    return self.refuse(id, error);
                }
                let ticket = Ticket::new(id, Instant::now());
                self.open.insert(id, std::sync::Arc::downgrade(&ticket));
                Job::Submit { ticket, request }
            }
            ToWorker::Measure { id, prompt, max_tokens } => Job::Measure { id, prompt, max_tokens },
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
            ToWorker::Hello { .. } => return Err(Error::Protocol("greeted twice".to_owned())),
        };
        self.jobs.send(job).map_err(|_| Error::Gone)
    }

    fn refuse(&self, id: u64, error: Error) -> Result<(), Error> {
        self.answers.send(FromWorker::Refused { id, why: error.into() }).map_err(|_| Error::Gone)
    }

    /// A guess at when a place is free: a second for every ten requests in front.
    fn wait(&self) -> u32 {
        u32::try_from(self.limit / 10).unwrap_or(u32::MAX).clamp(1, 60)
    }
}
