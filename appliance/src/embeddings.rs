//! Embeddings for programs: recorded like completions, kept nowhere, ended with their request.

use std::sync::Arc;

use redoubt_engine::{EmbeddingRequest, Engine, embedding};
use redoubt_store::usage::Account;
use redoubt_store::{Clock, Store, api_keys};

use crate::access::{Access, Admission, Ask, Run, Verdict};
use crate::chat::{self, Engines};
use crate::durable::{Teller, insist, patiently};
use crate::identity::ApiCaller;
use crate::models::Manifest;
use crate::places::{Place, Places};
use crate::random::{self, Random};
use crate::records::{self, EmbeddingEnd};

/// Bytes of a token, as texts go.
const BYTES_A_TOKEN: usize = 4;

/// The model that makes embeddings, if there is one, and the way to it.
#[derive(Clone)]
pub struct Embeddings {
    store: Store,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    engines: Engines,
    places: Places,
    access: Access,
    model: Option<Arc<Manifest>>,
}

impl Embeddings {
    pub fn new(
        store: Store,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        engines: Engines,
        places: Places,
        access: Access,
        model: Option<Manifest>,
    ) -> Self {
        Self { store, clock, random, engines, places, access, model: model.map(Arc::new) }
    }

    pub fn model(&self) -> Option<&Manifest> {
        self.model.as_deref()
    }

    /// Numbers of one vector; `None` while there is no engine.
    pub fn dimensions(&self) -> Option<u32> {
        Some(self.engines.present()?.embedding()?.dimensions)
    }

    /// Records that embeddings were asked for, has them made, and records how that ended before anybody sees them.
    pub async fn make(&self, caller: ApiCaller, inputs: Vec<String>) -> Made {
        embedding::check(&inputs).map_err(chat::refusal)?;
        let model = self.model.clone().filter(|model| caller.rights.may_use(&model.id));
        let model = model.ok_or(chat::Error::NoSuchModel)?;
        let engine = self.engines.present().ok_or(chat::Error::Busy { retry_after_seconds: 2 })?;
        let place = self.places.take(&caller)?;
        let id = random::id(self.random.as_ref())?;
        let run = self.access.runs().enter(caller.standing(&model.id));
        let (tell, told) = Teller::new();
        let work = Work { embeddings: self.clone(), model, caller, id, run, place };
        tokio::spawn(work.run(engine, inputs, tell));
        told.await.unwrap_or_else(|_| Err(chat::not_recorded()))
    }
}

/// What whoever asked is told.
type Made = Result<redoubt_engine::Embeddings, chat::Error>;

/// A request in a task of its own, which ends it in the log whoever hangs up when.
struct Work {
    embeddings: Embeddings,
    model: Arc<Manifest>,
    caller: ApiCaller,
    id: String,
    run: Run,
    place: Place,
}

impl Work {
    async fn run(self, engine: Engine, inputs: Vec<String>, mut tell: Teller<Made>) {
        let start = self.record_start(&inputs);
        let admission = match patiently(start, || tell.tell(Err(chat::not_recorded()))).await {
            Ok(admission) => admission,
            Err(error) => return tell.tell(Err(error)),
        };
        admission.start();
        if tell.has_told() {
            return self.end("cancelled", 0, admission, |_| ()).await;
        }
        // The engine does not say how far it came with a request that was given up.
        let estimate = estimate(&inputs).min(admission.answer_tokens(0));
        let request = EmbeddingRequest { inputs, party: self.caller.user.id.clone() };
        let mut notice = self.run.notice();
        let (reason, tokens, made) = tokio::select! {
            biased;
            lapse = notice.lapsed() => (lapse.as_str(), estimate, Err(chat::Error::Lapsed(lapse))),
            () = tell.is_alone() => ("cancelled", estimate, Err(chat::not_recorded())),
            made = engine.embed(request) => match made {
                Ok(made) => ("stop", made.prompt_tokens, Ok(made)),
                Err(error) => ("error", 0, Err(chat::refusal(error))),
            },
        };
        let first = |written| tell.tell(if written { made } else { Err(chat::not_recorded()) });
        self.end(reason, tokens, admission, first).await;
    }

    /// The record of the start, if there is room for it and the key still opens what it opened.
    async fn record_start(&self, inputs: &[String]) -> Result<Admission, chat::Error> {
        let (caller, model) = (&self.caller, records::model(&self.model));
        let draft = records::embedding_started(caller, &self.id, &model, inputs.len());
        // A token is at least a byte, and each text is begun and ended by one more.
        let bytes = inputs.iter().map(|input| input.len() as u64 + 2).sum();
        let ask = Ask {
            account: account(caller, &self.model),
            quotas: caller.rights.quotas,
            prompt_tokens: 0,
            further_tokens: bytes,
            refusal: records::key_request_refused(caller, &model),
        };
        let Embeddings { store, clock, access, .. } = &self.embeddings;
        let (key_id, underway, now) = (caller.key_id.clone(), access.underway().clone(), clock.now_us());
        let standing = caller.standing(&self.model.id);
        let verdict = store
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

    /// Records the end before anybody sees the vectors.
    async fn end(self, reason: &'static str, tokens: u32, admission: Admission, first: impl FnOnce(bool)) {
        let end = EmbeddingEnd { reason, prompt_tokens: tokens, embedding_id: &self.id };
        let mut places = Some((admission, self.place));
        let first = |written| {
            if written {
                // Whoever hears of the end may ask again at once: there is room then.
                places = None;
            }
            first(written);
        };
        let write = || record_end(&self.embeddings, &self.caller, &self.model, &end);
        insist(&self.id, write, first).await;
        drop(places);
    }
}

async fn record_end(
    embeddings: &Embeddings,
    caller: &ApiCaller,
    model: &Manifest,
    end: &EmbeddingEnd<'_>,
) -> Result<(), chat::Error> {
    let draft = records::embedding_ended(caller, &records::model(model), end);
    let (account, tokens) = (account(caller, model), end.prompt_tokens.into());
    let underway = embeddings.access.underway().clone();
    embeddings
        .store
        .write_settled(move |tx| {
            tx.audit(draft)?;
            Ok(underway.settle(tx, &account, tokens, 0)?)
        })
        .await
}

/// About how many tokens texts have, where nobody counted them.
fn estimate(inputs: &[String]) -> u32 {
    let tokens: usize = inputs.iter().map(|input| input.len() / BYTES_A_TOKEN + 2).sum();
    u32::try_from(tokens).unwrap_or(u32::MAX)
}

fn account(caller: &ApiCaller, model: &Manifest) -> Account {
    let (user_id, workspace) = (caller.user.id.clone(), caller.workspace.id.clone());
    Account { user_id, workspace, model: model.id.clone() }
}
