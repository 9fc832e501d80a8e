//! Embeddings for programs: recorded like completions, kept nowhere, ended with their request.

use std::sync::Arc;

use redoubt_engine::{EmbeddingRequest, embedding};
use redoubt_store::usage::Account;
use redoubt_store::{Clock, Store, api_keys};

use crate::access::{Access, Admission, Ask, Verdict};
use crate::chat::{self, Engines};
use crate::identity::ApiCaller;
use crate::models::Manifest;
use crate::places::{Place, Places};
use crate::random::{self, Random};
use crate::records::{self, EmbeddingEnd};

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
    pub async fn make(
        &self,
        caller: ApiCaller,
        inputs: Vec<String>,
    ) -> Result<redoubt_engine::Embeddings, chat::Error> {
        embedding::check(&inputs).map_err(chat::refusal)?;
        let model = self.model.clone().filter(|model| caller.rights.may_use(&model.id));
        let model = model.ok_or(chat::Error::NoSuchModel)?;
        let engine = self.engines.present().ok_or(chat::Error::Busy { retry_after_seconds: 2 })?;
        let place = self.places.take(&caller)?;
        let (id, now) = (random::id(self.random.as_ref())?, self.clock.now_us());
        let draft = records::embedding_started(&caller, &id, &records::model(&model), inputs.len());
        // A token is at least a byte, and each text is begun and ended by one more.
        let bytes = inputs.iter().map(|input| input.len() as u64 + 2).sum();
        let ask = Ask {
            account: account(&caller, &model),
            quotas: caller.rights.quotas,
            prompt_tokens: 0,
            further_tokens: bytes,
            refusal: records::key_request_refused(&caller, &records::model(&model)),
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
        admission.start();
        let request = EmbeddingRequest { inputs, party: caller.user.id.clone() };
        let mut running = Running {
            embeddings: self.clone(),
            model,
            caller,
            id,
            finished: false,
            _places: (place, admission),
        };
        let made = engine.embed(request).await;
        let (reason, prompt_tokens) = match &made {
            Ok(made) => ("stop", made.prompt_tokens),
            Err(_) => ("error", 0),
        };
        running.finish(reason, prompt_tokens).await?;
        made.map_err(chat::refusal)
    }
}

/// A request whose end is not recorded yet.
struct Running {
    embeddings: Embeddings,
    model: Arc<Manifest>,
    caller: ApiCaller,
    id: String,
    finished: bool,
    _places: (Place, Admission),
}

impl Running {
    async fn finish(&mut self, reason: &'static str, prompt_tokens: u32) -> Result<(), chat::Error> {
        self.finished = true;
        let end = EmbeddingEnd { reason, prompt_tokens, embedding_id: &self.id };
        let draft = records::embedding_ended(&self.caller, &records::model(&self.model), &end);
        let account = account(&self.caller, &self.model);
        let underway = self.embeddings.access.underway().clone();
        self.embeddings
            .store
            .write(move |tx| {
                tx.audit(draft)?;
                Ok(underway.settle(tx, &account, prompt_tokens.into(), 0)?)
            })
            .await
    }
}

impl Drop for Running {
    /// The client went away in the middle: the engine stops, and the record says so.
    fn drop(&mut self) {
        if self.finished {
            return;
        }
        let end = EmbeddingEnd { reason: "cancelled", prompt_tokens: 0, embedding_id: &self.id };
        let draft = records::embedding_ended(&self.caller, &records::model(&self.model), &end);
        let (store, id) = (self.embeddings.store.clone(), self.id.clone());
        tokio::spawn(async move {
            if let Err(error) = store.write(move |tx| tx.audit(draft).map(|_| ())).await {
                tracing::error!(%error, embedding = id, "the end of a request for embeddings is not recorded");
            }
        });
    }
}

fn account(caller: &ApiCaller, model: &Manifest) -> Account {
    let (user_id, workspace) = (caller.user.id.clone(), caller.workspace.id.clone());
    Account { user_id, workspace, model: model.id.clone() }
}
