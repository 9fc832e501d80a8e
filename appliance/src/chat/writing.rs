//! An answer while it is written: from the record of its start to the record of its end, in a task of its own, so that
//! it goes on without a reader, can be re-attached, and ends in the log whoever hangs up when.

use redoubt_engine::{Engine, Event, Finish, Prompt, Reply, Request};
use redoubt_store::messages::{self, Status};

use super::answer::{Answer, Ended, Failure, Place, Usage};
use super::send::{Plan, account, cache_scope, not_recorded, refusal};
use super::{Chats, Error};
use crate::access::{Admission, Lapse, Member, Run};
use crate::durable::{Teller, insist, patiently};
use crate::records;

/// Holds a chat's one place for a running answer, and the person's place among what is under way.
pub(super) struct Reservation {
    pub(super) chats: Chats,
    pub(super) chat_id: String,
    pub(super) answer: Answer,
    /// Where the answer hears that the right to it is lost.
    pub(super) run: Run,
    pub(super) admission: Option<Admission>,
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.chats.running().remove(&self.chat_id);
    }
}

impl Chats {
    /// All steps of the way. `tell` hears whether there is an answer to follow.
    pub(super) async fn write(
        self,
        engine: Engine,
        member: Member,
        mut plan: Plan,
        mut reserved: Reservation,
        mut tell: Teller<Result<(), Error>>,
    ) {
        let admission =
            match patiently(self.write_start(&member, &plan), || tell.tell(Err(not_recorded()))).await {
                Ok(admission) => admission,
                Err(error) => return tell.tell(Err(error)),
            };
        let most = admission.answer_tokens(plan.prompt_tokens.into());
        plan.sampling.max_tokens = plan.sampling.max_tokens.min(most);
        reserved.admission = Some(admission);
        // Whoever was told that nothing began does not wait for an answer.
        let submitted = match tell.has_told() {
            true => Err(not_recorded()),
            false => engine.submit(self.request(&member, &mut plan)).await.map_err(refusal),
        };
        match submitted {
            Ok(reply) => {
                tell.tell(Ok(()));
                let (mut ended, lapse) = follow(reply, &reserved).await;
                let elapsed_us = self.clock.now_us() - plan.answer.created_at;
                ended.elapsed_ms = u64::try_from(elapsed_us / 1000).unwrap_or_default();
                self.end(&member, &plan, reserved, ended, lapse, |_| ()).await;
            }
            // The question stays, its answer has failed: both are as recorded.
            Err(error) => {
                let ended = outcome(Finish::Error, Usage::default(), Some(Failure::Engine));
                let refuse = |_| tell.tell(Err(error));
                self.end(&member, &plan, reserved, ended, None, refuse).await;
            }
        }
    }

    fn request(&self, member: &Member, plan: &mut Plan) -> Request {
        Request {
            prompt: Prompt::Chat(std::mem::take(&mut plan.turns)),
            sampling: plan.sampling.clone(),
            cache_scope: cache_scope(&self.model.id, &plan.chat.scope()),
            party: member.id().to_owned(),
            priority: member.rights.priority(),
        }
    }

    /// The outcome into the store, and then to the readers. What holds the answer's places is kept until it is written.
    async fn end(
        &self,
        member: &Member,
        plan: &Plan,
        reserved: Reservation,
        ended: Ended,
        lapse: Option<Lapse>,
        also: impl FnOnce(bool),
    ) {
        let answer = reserved.answer.clone();
        let mut reserved = Some(reserved);
        let first = |written| {
            if written {
                // Whoever hears of the end may ask again at once: there is room then.
                reserved = None;
                answer.end(ended.clone());
            } else {
                // No record, no answer: readers are told so, while the outcome waits for the store to work again.
                let error = Some(Failure::Unrecorded);
                answer.end(Ended { status: Status::Failed, error, ..ended.clone() });
            }
            also(written);
        };
        let write = || self.write_end(member, plan, &answer, &ended, lapse);
        insist(&answer.answer_id, write, first).await;
        drop(reserved);
    }

    async fn write_end(
        &self,
        member: &Member,
        plan: &Plan,
        answer: &Answer,
        ended: &Ended,
        lapse: Option<Lapse>,
    ) -> Result<(), Error> {
        let (member, chat, message) = (member.clone(), plan.chat.clone(), plan.answer.clone());
        let (model, usage) = (records::model(&self.model), ended.usage);
        let (account, underway) = (account(&plan.chat, &self.model.id), self.access.underway().clone());
        let finish = messages::Finish {
            status: ended.status,
            finish_reason: Some(ended.finish_reason.to_owned()),
            content: answer.text(),
            prompt_tokens: Some(ended.usage.prompt_tokens),
            completion_tokens: Some(ended.usage.completion_tokens),
            cached_tokens: Some(ended.usage.cached_tokens),
            dropped_turns: Some(plan.dropped_turns),
            elapsed_ms: Some(ended.elapsed_ms),
        };
        self.store
            .write_settled(move |tx| {
                tx.audit(records::inference_ended(&member, &chat, &message.id, &model, &finish, lapse))?;
                let (prompt_tokens, completion_tokens) = (usage.prompt_tokens, usage.completion_tokens);
                underway.settle(tx, &account, prompt_tokens.into(), completion_tokens.into())?;
                // The chat may have been deleted meanwhile; then there is nothing left to write into.
                messages::finish(tx, &message.id, &finish)?;
                Ok(())
            })
            .await
    }
}

/// Copies the engine's words into the answer until it ends; a stop, or the loss of the right to it, ends it within a token.
async fn follow(mut reply: Reply, reserved: &Reservation) -> (Ended, Option<Lapse>) {
    let (answer, mut notice, mut is_cancelled) = (&reserved.answer, reserved.run.notice(), false);
    let ended = loop {
        let event = tokio::select! {
            event = reply.next() => event,
            () = answer.stopped(), if !is_cancelled => {
                is_cancelled = true;
                reply.cancel();
                continue;
            }
            _ = notice.lapsed(), if !is_cancelled => {
                is_cancelled = true;
                reply.cancel();
                continue;
            }
        };
        match event {
            Some(Event::Queued { position, wait_s }) => answer.queued(Place { position, wait_s }),
            Some(Event::Started { .. }) => {
                answer.started();
                reserved.admission.iter().for_each(Admission::start);
            }
            Some(Event::Token { text, .. }) => answer.push(&text),
            Some(Event::End(end)) => {
                let usage = Usage {
                    prompt_tokens: end.prompt_tokens,
                    completion_tokens: end.completion_tokens,
                    cached_tokens: end.cached_tokens,
                };
                let failure = (end.reason == Finish::Error).then_some(Failure::Engine);
                break outcome(end.reason, usage, failure);
            }
            None => break outcome(Finish::Error, Usage::default(), Some(Failure::Engine)),
        }
    };
    let lapse = notice.lapse().filter(|_| ended.status == Status::Stopped);
    (ended, lapse)
}

fn outcome(reason: Finish, usage: Usage, error: Option<Failure>) -> Ended {
    let (status, finish_reason) = match reason {
        Finish::Stop => (Status::Done, "stop"),
        Finish::Length => (Status::Done, "length"),
        Finish::Cancelled => (Status::Stopped, "cancelled"),
        Finish::Error => (Status::Failed, "error"),
    };
    Ended { status, finish_reason, usage, elapsed_ms: 0, error }
}
