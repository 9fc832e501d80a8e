//! Completions for programs: recorded like a chat's answers, but kept nowhere and ended with their request.

use std::sync::Arc;

use redoubt_engine::{End, Engine, Event, Finish, Reply, Request};
use redoubt_store::usage::Account;
use redoubt_store::{Clock, Store, api_keys};
use tokio::sync::mpsc;

use crate::access::{Access, Admission, Ask, Lapse, Notice, Run, Verdict};
use crate::chat::{self, Engines};
use crate::clock::SECOND_US;
use crate::durable::{Teller, insist, patiently};
use crate::identity::ApiCaller;
use crate::models::Manifest;
use crate::places::{Place, Places};
use crate::random::{self, Random};
use crate::records::{self, CompletionEnd};

/// The completions that are running.
#[derive(Clone)]
pub struct Completions {
    store: Store,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    engines: Engines,
    model: Arc<Manifest>,
    places: Places,
    access: Access,
}

/// What a completion is called.
#[derive(Clone, Debug)]
pub struct Completion {
    pub id: String,
    /// Unix time in seconds.
    pub created_s: i64,
    pub model: String,
}

/// A completion that is being written, as its request sees it. Dropping it ends it.
pub struct Running {
    pub completion: Completion,
    words: mpsc::UnboundedReceiver<Result<Event, chat::Error>>,
    notice: Notice,
}

/// The same as its own task sees it, which ends it in the log whoever hangs up when.
struct Work {
    completions: Completions,
    caller: ApiCaller,
    completion: Completion,
    words: mpsc::UnboundedSender<Result<Event, chat::Error>>,
    run: Run,
    place: Place,
}

impl Completions {
    pub fn new(
        store: Store,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        engines: Engines,
        places: Places,
        access: Access,
        model: Manifest,
    ) -> Self {
        Self { store, clock, random, engines, model: Arc::new(model), places, access }
    }

    /// Records that an answer was asked for, then asks.
    pub async fn start(&self, caller: ApiCaller, request: Request) -> Result<Running, chat::Error> {
        let engine = self.engines.present().ok_or(chat::Error::Busy { retry_after_seconds: 2 })?;
        let place = self.places.take(&caller)?;
        let measure = engine.measure(request.prompt.clone(), request.sampling.max_tokens).await;
        let prompt_tokens = measure.map_err(chat::refusal)?.prompt_tokens;
        let completion = Completion {
            id: random::id(self.random.as_ref())?,
            created_s: self.clock.now_us() / SECOND_US,
            model: self.model.id.clone(),
        };
        let run = self.access.runs().enter(caller.standing(&self.model.id));
        let (words, received) = mpsc::unbounded_channel();
        let running = Running { completion: completion.clone(), words: received, notice: run.notice() };
        let (tell, told) = Teller::new();
        let work = Work { completions: self.clone(), caller, completion, words, run, place };
        tokio::spawn(work.run(engine, request, prompt_tokens, tell));
        told.await.unwrap_or_else(|_| Err(chat::not_recorded()))?;
        Ok(running)
    }

    /// The record of the start, if there is room for it and the key still opens what it opened.
    async fn record_start(
        &self,
        caller: &ApiCaller,
        completion: &Completion,
        request: &Request,
        prompt_tokens: u32,
    ) -> Result<Admission, chat::Error> {
        let draft = records::completion_started(caller, &completion.id, &records::model(&self.model));
        let ask = Ask {
            account: self.account(caller),
            quotas: caller.rights.quotas,
            prompt_tokens: prompt_tokens.into(),
            further_tokens: request.sampling.max_tokens.into(),
            refusal: records::key_request_refused(caller, &records::model(&self.model)),
        };
        let (key_id, underway) = (caller.key_id.clone(), self.access.underway().clone());
        let (standing, now) = (caller.standing(&self.model.id), self.clock.now_us());
        let verdict = self
            .store
            .write_settled(move |tx| {
                standing.confirm(tx)?;
                api_keys::touch(tx, &key_id, now)?;
                let verdict = underway.admit(tx, ask)?;
                if matches!(verdict, Verdict::Admitted(_)) {
                    tx.audit(draft)?;
                }
                Ok::<_, chat::Error>(verdict)
            })
            .await?;
        Ok(verdict.admitted()?)
    }

    async fn record_end(&self, caller: &ApiCaller, end: &CompletionEnd<'_>) -> Result<(), chat::Error> {
        let draft = records::completion_ended(caller, &records::model(&self.model), end);
        let (account, prompt_tokens, completion_tokens) =
            (self.account(caller), end.prompt_tokens.into(), end.completion_tokens.into());
        let underway = self.access.underway().clone();
        self.store
            .write_settled(move |tx| {
                tx.audit(draft)?;
                Ok(underway.settle(tx, &account, prompt_tokens, completion_tokens)?)
            })
            .await
    }

    fn account(&self, caller: &ApiCaller) -> Account {
        let (user_id, workspace) = (caller.user.id.clone(), caller.workspace.id.clone());
        Account { user_id, workspace, model: self.model.id.clone() }
    }
}

impl Running {
    /// The next event; an error is the last one. The end comes when it is recorded.
    pub async fn next(&mut self) -> Option<Result<Event, chat::Error>> {
        tokio::select! {
            biased;
            // What is written but not yet sent is not sent any more either.
            lapse = self.notice.lapsed() => Some(Err(chat::Error::Lapsed(lapse))),
            word = self.words.recv() => word,
        }
    }
}

impl Work {
    async fn run(
        self,
        engine: Engine,
        mut request: Request,
        prompt_tokens: u32,
        mut tell: Teller<Result<(), chat::Error>>,
    ) {
        let start = self.completions.record_start(&self.caller, &self.completion, &request, prompt_tokens);
        let admission = match patiently(start, || tell.tell(Err(chat::not_recorded()))).await {
            Ok(admission) => admission,
            Err(error) => return tell.tell(Err(error)),
        };
        let most = admission.answer_tokens(prompt_tokens.into());
        request.sampling.max_tokens = request.sampling.max_tokens.min(most);
        // Nobody waits for it any more.
        if tell.has_told() || self.words.is_closed() {
            return self.end("cancelled", None, admission, |_| ()).await;
        }
        match engine.submit(request).await {
            Ok(reply) => {
                tell.tell(Ok(()));
                let (end, why) = self.pump(reply, &admission).await;
                let tokens = end.as_ref().map(|end| (end.prompt_tokens, end.completion_tokens));
                let words = self.words.clone();
                let first = |written| {
                    let last = end.filter(|_| written).map(Event::End).ok_or_else(chat::not_recorded);
                    // Whoever is gone need not be told.
                    let _gone = words.send(last);
                };
                self.end(why, tokens, admission, first).await;
            }
            Err(error) => {
                let refuse = |_| tell.tell(Err(chat::refusal(error)));
                self.end("error", None, admission, refuse).await;
            }
        }
    }

    /// Hands the engine's words on until it ends, which it does within a token of the client's going or the loss of the
    /// right to it. Returns the end, if the engine told one, and how it came.
    async fn pump(&self, mut reply: Reply, admission: &Admission) -> (Option<End>, &'static str) {
        let (mut notice, mut is_cancelled) = (self.run.notice(), false);
        loop {
            let event = tokio::select! {
                event = reply.next() => event,
                _ = notice.lapsed(), if !is_cancelled => {
                    is_cancelled = true;
                    reply.cancel();
                    continue;
                }
                () = self.words.closed(), if !is_cancelled => {
                    is_cancelled = true;
                    reply.cancel();
                    continue;
                }
            };
            match event {
                Some(Event::End(end)) => {
                    let lapse = notice.lapse().filter(|_| end.reason == Finish::Cancelled);
                    let why = lapse.map_or(reason(end.reason), Lapse::as_str);
                    return (Some(end), why);
                }
                Some(event) => {
                    if matches!(event, Event::Started { .. }) {
                        admission.start();
                    }
                    // Its going is noticed above.
                    let _gone = self.words.send(Ok(event));
                }
                None => return (None, "error"),
            }
        }
    }

    /// Records the end; the places are free again, and `first` hears of it, when that is done.
    async fn end(
        self,
        reason: &'static str,
        tokens: Option<(u32, u32)>,
        admission: Admission,
        first: impl FnOnce(bool),
    ) {
        let Self { completions, caller, completion, place, .. } = self;
        let (prompt_tokens, completion_tokens) = tokens.unwrap_or_default();
        let end = CompletionEnd { reason, prompt_tokens, completion_tokens, completion_id: &completion.id };
        let mut places = Some((admission, place));
        let first = |written| {
            if written {
                // Whoever hears of the end may ask again at once: there is room then.
                places = None;
            }
            first(written);
        };
        insist(&completion.id, || completions.record_end(&caller, &end), first).await;
        drop(places);
    }
}

fn reason(reason: Finish) -> &'static str {
    match reason {
        Finish::Stop => "stop",
        Finish::Length => "length",
        Finish::Cancelled => "cancelled",
        Finish::Error => "error",
    }
}
