//! Turns prompts into tokens beside the running steps: template, tokenizer, context.

use crate::CacheScope;
use crate::context;
use crate::model::Model;
use crate::protocol::{FromWorker, Measure, Prompt, Request};
use crate::schedule::{Order, Owner, Task, Ticket};
use crate::worker::backlog::Parcel;
use std::sync::{Arc, mpsc};

/// What the reading thread passes on.
pub(super) enum Job {
    Submit { ticket: Arc<Ticket>, request: Request, parcel: Parcel },
    Measure { id: u64, prompt: Prompt, max_tokens: u32, parcel: Parcel },
    Forget { id: u64, scope: CacheScope },
}

/// Does one job after the other.
pub(super) struct Preparer {
    model: Arc<Model>,
    answers: mpsc::Sender<FromWorker>,
    orders: mpsc::Sender<Task>,
}

impl Preparer {
    pub(super) fn new(
        model: Arc<Model>,
        answers: mpsc::Sender<FromWorker>,
        orders: mpsc::Sender<Task>,
    ) -> Preparer {
        Preparer { model, answers, orders }
    }

    /// Works until the reading thread or the scheduler has ended.
    pub(super) fn run(self, jobs: &mpsc::Receiver<Job>) {
        while let Ok(job) = jobs.recv() {
            if self.work(job).is_none() {
                return;
            }
        }
    }

    /// `None` where nobody takes the result any more.
    fn work(&self, job: Job) -> Option<()> {
        match job {
            // Behind all that was submitted before it.
            Job::Forget { id, scope } => self.orders.send(Task::Forget { id, scope }).ok(),
            Job::Measure { id, prompt, max_tokens, parcel: _until_measured } => {
                let answer = match context::fit(&self.model, &prompt, max_tokens) {
                    Ok(fitted) => FromWorker::Measured {
                        id,
                        measure: Measure {
                            prompt_tokens: fitted.tokens.len().try_into().unwrap_or(u32::MAX),
                            dropped_turns: fitted.dropped_turns,
                            context: self.model.info().context,
                        },
                    },
                    Err(error) => FromWorker::Refused { id, why: error.into() },
                };
                self.answers.send(answer).ok()
            }
            Job::Submit { ticket, request, parcel: _until_ordered } => {
                let id = ticket.id();
                match context::fit(&self.model, &request.prompt, request.sampling.max_tokens) {
                    Ok(prompt) => {
                        self.answers.send(FromWorker::Accepted { id }).ok()?;
                        let common = context::common_tokens(&self.model, &request.prompt, &prompt);
                        let owner = Owner::new(&request.cache_scope, common);
                        let order = Order { ticket, prompt, sampling: request.sampling, owner };
                        self.orders.send(Task::Answer(order)).ok()
                    }
                    Err(error) => self.answers.send(FromWorker::Refused { id, why: error.into() }).ok(),
                }
            }
        }
    }
}
