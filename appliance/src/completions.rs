//! Completions for programs: recorded like a chat's answers, but kept nowhere and ended with their request.

use std::sync::Arc;

use redoubt_engine::{End, Event, Finish, Reply, Request};
use redoubt_store::usage::Account;
use redoubt_store::{Clock, Store, api_keys};

use crate::access::{Access, Admission, Ask, Verdict};
use crate::chat::{self, Engines};
use crate::clock::SECOND_US;
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

/// A completion that is being written. Dropping it ends it.
pub struct Running {
    pub completion: Completion,
    reply: Reply,
    caller: ApiCaller,
    completions: Completions,
    finished: bool,
    prompt_tokens: u32,
    /// Tokens written so far.
    tokens: u32,
    /// Until its end is recorded.
    admission: Option<Admission>,
    _place: Place,
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
    pub async fn start(&self, caller: ApiCaller, mut request: Request) -> Result<Running, chat::Error> {
        let engine = self.engines.present().ok_or(chat::Error::Busy { retry_after_seconds: 2 })?;
        let place = self.places.take(&caller)?;
        let measure = engine.measure(request.prompt.clone(), request.sampling.max_tokens).await;
        let prompt_tokens = measure.map_err(chat::refusal)?.prompt_tokens;
        let now = self.clock.now_us();
        let completion = Completion {
            id: random::id(self.random.as_ref())?,
            created_s: now / SECOND_US,
            model: self.model.id.clone(),
        };
        let draft = records::completion_started(&caller, &completion.id, &records::model(&self.model));
        let ask = Ask {
            account: self.account(&caller),
            quotas: caller.rights.quotas,
            prompt_tokens: prompt_tokens.into(),
            further_tokens: request.sampling.max_tokens.into(),
            refusal: records::key_request_refused(&caller, &records::model(&self.model)),
        };
        let (key_id, underway) = (caller.key_id.clone(), self.access.underway().clone());
        let verdict = self
            .store
            .write(move |tx| {
                api_keys::touch(tx, &key_id, now)?;
                let verdict = underway.admit(tx, ask)?;
                if matches!(verdict, Verdict::Admitted(_)) {
                    tx.audit(draft)?;
                }
                Ok::<_, chat::Error>(verdict)
            })
            .await?;
        let admission = verdict.admitted()?;
        let most = admission.answer_tokens(prompt_tokens.into());
        request.sampling.max_tokens = request.sampling.max_tokens.min(most);
        let reply = match engine.submit(request).await {
            Ok(reply) => reply,
            Err(error) => {
                let completion_id = &completion.id;
                let (prompt_tokens, completion_tokens) = (0, 0);
                let end = CompletionEnd { reason: "error", prompt_tokens, completion_tokens, completion_id };
                self.record_end(&caller, &end).await?;
                return Err(chat::refusal(error));
            }
        };
        Ok(Running {
            completion,
            reply,
            caller,
            completions: self.clone(),
            finished: false,
            prompt_tokens,
            tokens: 0,
            admission: Some(admission),
            _place: place,
        })
    }

    async fn record_end(&self, caller: &ApiCaller, end: &CompletionEnd<'_>) -> Result<(), chat::Error> {
        let draft = records::completion_ended(caller, &records::model(&self.model), end);
        let (account, prompt_tokens, completion_tokens) =
            (self.account(caller), end.prompt_tokens.into(), end.completion_tokens.into());
        let underway = self.access.underway().clone();
        self.store
            .write(move |tx| {
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
    pub async fn next(&mut self) -> Option<Event> {
        let event = self.reply.next().await;
        self.tokens += u32::from(matches!(event, Some(Event::Token { .. })));
        if matches!(event, Some(Event::Started { .. })) {
            self.admission.iter().for_each(Admission::start);
        }
        event
    }

    /// Records how it ended. The caller tells the client only after that.
    pub async fn finish(&mut self, end: &End) -> Result<(), chat::Error> {
        self.finished = true;
        let end = CompletionEnd {
            reason: reason(end.reason),
            prompt_tokens: end.prompt_tokens,
            completion_tokens: end.completion_tokens,
            completion_id: &self.completion.id,
        };
        self.completions.record_end(&self.caller, &end).await?;
        // Whoever hears of the end may ask again at once: there is room then.
        self.admission = None;
        Ok(())
    }
}

impl Drop for Running {
    /// The client went away in the middle: the engine stops, and the record says so.
    fn drop(&mut self) {
        if self.finished {
            return;
        }
        self.reply.cancel();
        let (completions, caller, id) =
            (self.completions.clone(), self.caller.clone(), self.completion.id.clone());
        // What was read and written counts, whoever waits for it.
        let (prompt_tokens, completion_tokens) = (self.prompt_tokens, self.tokens);
        tokio::spawn(async move {
            let reason = "cancelled";
            let end = CompletionEnd { reason, prompt_tokens, completion_tokens, completion_id: &id };
            if let Err(error) = completions.record_end(&caller, &end).await {
                tracing::error!(%error, completion = id, "the end of a completion is not recorded");
            }
        });
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
