//! The long-lived parts, built in one place: the server, the command line and the tests use the same.

use std::sync::Arc;
use std::time::Duration;

use redoubt_store::messages::{self, Finish, Status};
use redoubt_store::{Clock, Store, audit_log, lockouts};

use crate::access::{Access, Standing};
use crate::chat::{Chats, Engines};
use crate::clock::{DAY_US, SECOND_US};
use crate::completions::Completions;
use crate::config::Config;
use crate::directory::Directory;
use crate::embeddings::Embeddings;
use crate::forwarding::collector;
use crate::http::MAX_CONNECTIONS_PER_ADDRESS;
use crate::identity::certificate::Authority;
use crate::identity::{self, Identity};
use crate::metrics::Metrics;
use crate::models::Manifest;
use crate::places::Places;
use crate::random::Random;
use crate::records;
use crate::refusals::Refusals;
use crate::retention::Retention;
use crate::self_tests::SelfTests;
use crate::space::Space;
use crate::unlock::Ways;

/// How often limits are enforced that nobody's request would notice.
const HOUSEKEEPING: Duration = Duration::from_secs(5);
/// How often what runs is compared with the rights to it: an end is promised within a second.
const RIGHTS_EVERY: Duration = Duration::from_millis(400);
/// How soon a session ends whose certificate was revoked.
const CERTIFICATES: Duration = Duration::from_secs(20);

/// Application-wide parts. Clones share them.
#[derive(Clone)]
pub struct App {
    pub config: Arc<Config>,
    pub store: Store,
    pub clock: Arc<dyn Clock>,
    pub random: Arc<dyn Random>,
    pub identity: Identity,
    pub access: Access,
    pub chats: Chats,
    pub completions: Completions,
    pub embeddings: Embeddings,
    /// How long chats are kept, and what keeps them longer.
    pub retention: Retention,
    /// People of an LDAP directory, where one is configured.
    pub directory: Option<Directory>,
    /// Counts refusals of requests that nobody is signed in for.
    pub refusals: Refusals,
    pub metrics: Metrics,
    /// Whether there is space for what is to be recorded.
    pub space: Space,
    /// What opens the store, and how that changes.
    pub ways: Ways,
    /// Held while a backup is made.
    pub backups: Arc<tokio::sync::Mutex<()>>,
    /// How the collector of the records is doing.
    pub collector: collector::State,
    /// How far each process is locked in.
    pub self_tests: SelfTests,
    /// When it was built, on the clock that never goes back.
    pub started_mono_us: u64,
}

/// What an application is built from.
pub struct Parts {
    pub config: Config,
    pub store: Store,
    pub clock: Arc<dyn Clock>,
    pub random: Arc<dyn Random>,
    pub engines: Engines,
    pub model: Manifest,
    /// The model for embeddings, if there is one.
    pub embedding: Option<Manifest>,
    /// The directory, if one is configured.
    pub directory: Option<Directory>,
    /// Whose certificates let people sign in, if any do.
    pub certificates: Option<Authority>,
    /// How far the processes are locked in, as far as that is known yet.
    pub self_tests: SelfTests,
}

impl Parts {
    fn access(&self) -> Access {
        let models = [Some(self.model.clone()), self.embedding.clone()].into_iter().flatten().collect();
        Access::new(self.store.clone(), self.clock.clone(), self.random.clone(), models, &self.config)
    }

    fn chats(&self, access: &Access) -> Chats {
        let (store, clock, random) = (self.store.clone(), self.clock.clone(), self.random.clone());
        Chats::new(store, clock, random, self.engines.clone(), access.clone(), self.model.clone())
    }
}

impl App {
    /// Joins the parts and closes what the last process left open.
    pub fn build(parts: Parts) -> anyhow::Result<Self> {
        let access = parts.access();
        let chats = parts.chats(&access);
        let Parts { config, store, clock, random, engines, model, embedding, .. } = parts;
        close_interrupted_answers(&store)?;
        let (runs, refusals, places) = (access.runs().clone(), Refusals::default(), Places::default());
        let identity = Identity::new(identity::Parts {
            store: store.clone(),
            clock: clock.clone(),
            random: random.clone(),
            refusals: refusals.clone(),
            limits: config.sign_in.clone(),
            directory: parts.directory.clone(),
            directory_settings: config.directory.clone(),
            certificates: parts.certificates,
            on_end: Arc::new(move |session_id| runs.end_session(session_id)),
        })?;
        let embeddings = Embeddings::new(
            store.clone(),
            clock.clone(),
            random.clone(),
            engines.clone(),
            places.clone(),
            access.clone(),
            embedding,
        );
        let completions = Completions::new(
            store.clone(),
            clock.clone(),
            random.clone(),
            engines,
            places,
            access.clone(),
            model,
        );
        Ok(Self {
            retention: Retention::new(store.clone(), clock.clone(), random.clone(), chats.clone(), &config),
            space: Space::new(&config, store.clone(), random.clone()),
            ways: Ways::new(store.clone(), config.data.dir.clone(), config.keys.unlock, clock.clone()),
            config: Arc::new(config),
            backups: Arc::default(),
            started_mono_us: clock.mono_us(),
            store,
            clock,
            random,
            identity,
            access,
            chats,
            completions,
            embeddings,
            directory: parts.directory,
            refusals,
            metrics: Metrics::default(),
            collector: collector::State::default(),
            self_tests: parts.self_tests,
        })
    }

    /// Since it was built.
    pub fn uptime_us(&self) -> u64 {
        self.clock.mono_us().saturating_sub(self.started_mono_us)
    }

    /// How the collector of the records follows; `None` where none is configured.
    ///
    /// # Errors
    /// What the store says.
    pub async fn collector_standing(&self) -> Result<Option<collector::Standing>, redoubt_store::Error> {
        if self.config.audit.collector.is_none() {
            return Ok(None);
        }
        let progress = self.collector.progress();
        let size = self.store.read(audit_log::size).await?;
        let waiting = size.saturating_sub(progress.next);
        Ok(Some(collector::Standing { connected: progress.connected, waiting }))
    }

    /// Runs for as long as the appliance serves: follows the space, expires sessions, writes the counts of refusals.
    pub async fn keep_house(&self) {
        loop {
            if let Err(error) = self.space.look().await {
                tracing::warn!(error = format!("{error:#}"), "the disk's space is looked at again");
            }
            tokio::time::sleep(HOUSEKEEPING).await;
            if let Err(error) = self.tidy().await {
                tracing::warn!(%error, "housekeeping failed and is tried again");
            }
        }
    }

    /// Runs beside [`App::keep_house`], so that a slow directory holds up nothing else: asks it again about its people.
    pub async fn follow_directory(&self) {
        loop {
            tokio::time::sleep(HOUSEKEEPING).await;
            if let Err(error) = self.identity.recheck_due().await {
                tracing::warn!(%error, "people of the directory could not be checked; they are tried again");
            }
        }
    }

    /// Looks again at the certificates with which sessions began, again and again.
    pub async fn follow_certificates(&self) {
        loop {
            tokio::time::sleep(CERTIFICATES).await;
            if let Err(error) = self.identity.recheck_certificates().await {
                tracing::warn!(%error, "the certificates of sessions could not be checked; they are tried again");
            }
        }
    }

    /// Runs for as long as anything is served: ends what runs without the right to it, within a second of its loss.
    pub async fn follow_rights(&self) {
        loop {
            tokio::time::sleep(RIGHTS_EVERY).await;
            if let Err(error) = self.enforce_rights().await {
                tracing::warn!(%error, "what runs could not be compared with the rights to it; tried again");
            }
        }
    }

    /// One round of [`App::follow_rights`].
    pub async fn enforce_rights(&self) -> Result<(), identity::Error> {
        let runs = self.access.runs();
        let standings: Vec<Standing> = runs.standings().into_iter().collect();
        if standings.is_empty() {
            return Ok(());
        }
        for (standing, lapse) in self.identity.lapsed(standings).await? {
            runs.lapsed(&standing, lapse);
        }
        Ok(())
    }

    /// One round of [`App::keep_house`].
    pub async fn tidy(&self) -> anyhow::Result<()> {
        self.identity.enforce_limits().await?;
        self.access.raise_alerts().await?;
        let now = self.clock.now_us();
        let (crowded, refusals) = (self.refusals.take_crowded(), self.refusals.take_finished(now));
        let attempts_us = i64::from(self.config.directory.failed_binds_window_seconds) * SECOND_US;
        self.store
            .write(move |tx| {
                for ip in &crowded {
                    tx.audit(records::connections_limited(ip, MAX_CONNECTIONS_PER_ADDRESS))?;
                }
                for (ip, count) in &refusals {
                    tx.audit(records::refusals_counted(ip, *count))?;
                }
                lockouts::delete_stale(tx, now - 2 * DAY_US)?;
                lockouts::delete_attempts(tx, now - attempts_us)?;
                Ok::<_, redoubt_store::Error>(())
            })
            .await?;
        Ok(())
    }
}

/// An answer that a process left unfinished has failed; its question stays and can be asked again.
fn close_interrupted_answers(store: &Store) -> Result<(), redoubt_store::Error> {
    store.write_blocking(|tx| {
        for (owner, message) in messages::list_streaming(tx)? {
            tx.audit(records::answer_recovered(&message, &owner))?;
            let finish = Finish {
                status: Status::Failed,
                content: message.content,
                finish_reason: Some("error".to_owned()),
                prompt_tokens: None,
                completion_tokens: None,
                cached_tokens: None,
                dropped_turns: None,
                elapsed_ms: None,
            };
            messages::finish(tx, &message.id, &finish)?;
        }
        Ok(())
    })
}
