//! The body of the front's process: opens the store, waits for the engine, serves until told to stop.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use redoubt_audit::{Draft, Origin};
use redoubt_engine::Engine;
use redoubt_store::keys::KeySlots;
use redoubt_store::{Clock, DataKey, OnDurable, Options, Store, Witness};
use ring::rand::SystemRandom;
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, mpsc};

use crate::app::{App, Parts};
use crate::audit::anchor::Anchor;
use crate::audit::journal::Announced;
use crate::chat::Engines;
use crate::clock::SystemClock;
use crate::config::{Config, Opening};
use crate::directory::Directory;
use crate::forwarding::{Collector, StandardOutput};
use crate::http::{self, tls};
use crate::identity::certificate::Authority;
use crate::lockdown::Process;
use crate::logs::{self, Logs};
use crate::models::Manifest;
use crate::processes::FrontParts;
use crate::random::{self, Random};
use crate::records;
use crate::self_tests::SelfTests;
use crate::start;
use crate::unlock::Unlock;
use crate::versions::{self, Left};

/// How long a front whose disk failed goes on telling whoever asks.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// For what was recorded last to be read from standard output.
const LAST_LINES: Duration = Duration::from_secs(1);
const TRIM_LOGS_EVERY: Duration = Duration::from_secs(60);

/// What the supervisor passes to the front without looking at it.
#[derive(Serialize, Deserialize)]
pub struct FrontSettings {
    pub config: Config,
    pub model: Manifest,
    pub embedding: Option<Manifest>,
    /// Version and hash of the executable, for the records.
    pub software: String,
}

/// The store of a data folder. Its log must extend the anchor beside it, which follows the log from then on.
///
/// # Errors
/// [`crate::audit::anchor::Error::NotExtended`], and whatever keeps the store from being opened.
pub fn open_store(
    data_dir: &Path,
    unlock: &Unlock,
    software: &str,
    clock: Arc<dyn Clock>,
    random: &dyn Random,
) -> anyhow::Result<Store> {
    let store = open_store_as_it_is(data_dir, unlock, software, clock, random)?;
    Anchor::in_folder(data_dir).check(&store)?;
    versions::settle(&store, software)?;
    Ok(store)
}

/// [`open_store`] without a look at the anchor.
///
/// # Errors
/// Whatever keeps the store from being opened.
pub fn open_store_as_it_is(
    data_dir: &Path,
    unlock: &Unlock,
    software: &str,
    clock: Arc<dyn Clock>,
    random: &dyn Random,
) -> anyhow::Result<Store> {
    let slots = KeySlots::load(data_dir)?;
    let key = unlock.open(&slots)?;
    let origin = origin(slots.install_id(), software, random)?;
    Ok(Store::open(store_options(data_dir), key, clock, origin)?)
}

/// Where the store lies, and that its checkpoints go to the anchor.
pub fn store_options(data_dir: &Path) -> Options {
    let witness: Arc<dyn Witness> = Arc::new(Anchor::in_folder(data_dir));
    Options { witness: Some(witness), ..Options::at(database_path(data_dir)) }
}

/// The origin of this boot's records.
pub fn origin(install_id: &str, software: &str, random: &dyn Random) -> anyhow::Result<Origin> {
    let boot = random::id(random)?;
    Ok(Origin { origin: format!("redoubt/{install_id}"), boot, software: software.to_owned() })
}

pub fn database_path(data_dir: &Path) -> PathBuf {
    data_dir.join("redoubt.db")
}

/// Serves; returns when the supervisor says so.
pub fn serve(mut parts: FrontParts) -> anyhow::Result<()> {
    let settings: FrontSettings =
        serde_json::from_value(parts.settings.clone()).context("the front's settings")?;
    let config = settings.config;
    let max_log_bytes = u64::from(config.log.max_total_mib) << 20;
    let logs = logs::to_folder(&config.data.dir.join("logs"), &config.log.level, max_log_bytes)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let random: Arc<dyn Random> = Arc::new(SystemRandom::new());
    let output = parts.standard_output.take().map(StandardOutput::start).transpose()?.map(Arc::new);
    let news = Arc::new(Notify::new());
    let on_durable = Some(tell(output.clone(), news.clone()));
    let witness: Arc<dyn Witness> = Arc::new(Announced(Anchor::in_folder(&config.data.dir)));
    let options = Options { on_durable, witness: Some(witness), ..store_options(&config.data.dir) };
    let Some(opened) = key(&config, &parts, &clock)? else { return Ok(()) };
    let origin = origin(&opened.install_id, &settings.software, random.as_ref())?;
    let store = Store::open(options, opened.key, clock.clone(), origin)?;
    settle(&store, &config.data.dir, &settings.software)?;
    let unseal = |purpose: &str, aad: &[u8], sealed: &[u8]| store.unseal(purpose, aad, sealed);
    let certificates = Authority::load(&config.certificates)?;
    let tls = tls::server_config(&config.data.dir, &config.listen, certificates.as_ref(), unseal)?;
    let engines = Engines::default();
    let (model, embedding) = (settings.model, settings.embedding);
    let directory = config.directory.is_configured().then(|| Directory::new(&config.directory));
    let (kept, present) = (store.clone(), engines.clone());
    let lockdown = parts.report.clone();
    let self_tests = SelfTests::default();
    self_tests.keep(Process::Front, lockdown.clone());
    let configuration = config.sha256().context("the configuration")?;
    let app = App::build(Parts {
        config,
        store: kept,
        clock,
        random,
        engines: present,
        model,
        embedding,
        directory,
        certificates,
        self_tests,
    })?;
    let model = records::model(app.chats.model());
    let embedding = app.embeddings.model().map(records::model);
    let booted = records::booted(&lockdown.to_string(), &model, embedding.as_ref());
    let tested = records::egress_tested(Process::Front, &lockdown);
    let left = Left::read(&app.config.data.dir)?.map(|left| left.record(&store)).transpose()?;
    let begun = [left, Some(booted), opened.given, Some(tested)].into_iter().flatten().collect();
    start::record(&store, begun, configuration)?;
    Left::forget(&app.config.data.dir)?;
    tracing::info!(report = %parts.report, "locked in");
    let served = actix_web::rt::System::new().block_on(run(app, parts, tls, engines, logs, news));
    let recorded = store.write_blocking(|tx| {
        tx.audit(records::stopped())?;
        tx.checkpoint()
    });
    store.close()?;
    if let Some(output) = output {
        output.finish(LAST_LINES);
    }
    // Of a store that failed this is an error, too, so that the supervisor opens it anew.
    served.and(recorded.map(|_| ()).map_err(anyhow::Error::from))
}

/// What opens the store, and the record of who gave it.
struct Opened {
    install_id: String,
    key: DataKey,
    given: Option<Draft>,
}

/// The key, from its file or from whoever is at the console; `None` if the end came before that.
fn key(config: &Config, parts: &FrontParts, clock: &Arc<dyn Clock>) -> anyhow::Result<Option<Opened>> {
    let data_dir = &config.data.dir;
    let slots = KeySlots::load(data_dir)?;
    let install_id = slots.install_id().to_owned();
    if config.keys.unlock == Opening::File {
        let key = Unlock::KeyFile(config.keys.file.clone()).open(&slots)?;
        return Ok(Some(Opened { install_id, key, given: None }));
    }
    parts.control.waits()?;
    let (console, shutdown) = (parts.console.try_clone()?, parts.control.clone());
    let waited =
        http::wait_for_key(console, data_dir, clock.clone(), async move { shutdown.shutdown().await });
    let Some(unlocked) = actix_web::rt::System::new().block_on(waited)? else { return Ok(None) };
    parts.control.opens()?;
    let given = records::store_unlocked(&unlocked.slot, unlocked.failures);
    Ok(Some(Opened { install_id, key: unlocked.key, given: Some(given) }))
}

/// What must be so before a store is served.
fn settle(store: &Store, data_dir: &Path, software: &str) -> anyhow::Result<()> {
    Anchor::in_folder(data_dir).check(store)?;
    start::require_key(store)?;
    keep_reserve(store);
    start::check_after_disorder(store)?;
    Ok(versions::settle(store, software)?)
}

/// Before anything is written: a start on a full disk writes into what the reserve leaves.
fn keep_reserve(store: &Store) {
    match store.keep_reserve() {
        Ok(true) => {}
        Ok(false) => tracing::error!("the disk is full: there is no room for the reserve"),
        Err(error) => tracing::warn!(%error, "there is no reserve for the case of a full disk"),
    }
}

/// Resolves when the front is to end: because it was told to, or because its disk failed under a commit. What the disk has
/// then is not known, so nothing is tried again: the next start looks.
async fn over(told: impl Future<Output = ()>, failed: impl Future<Output = ()>) {
    tokio::select! {
        () = told => {}
        () = failed => {
            tracing::error!("the store takes no writes any more: the front ends and is started again");
            tokio::time::sleep(LAST_WORDS).await;
        }
    }
}

/// Who hears of records that are on the disk.
fn tell(output: Option<Arc<StandardOutput>>, news: Arc<Notify>) -> OnDurable {
    OnDurable::new(move |records| {
        if let Some(output) = &output {
            output.push(&records);
        }
        news.notify_one();
    })
}

async fn run(
    app: App,
    parts: FrontParts,
    tls: rustls::ServerConfig,
    engines: Engines,
    logs: Logs,
    news: Arc<Notify>,
) -> anyhow::Result<()> {
    let FrontParts {
        listener,
        console,
        engines: mut sockets,
        directories,
        collectors,
        control,
        mut lockdowns,
        ..
    } = parts;
    let tests = app.self_tests.clone();
    tests.record_next(&mut lockdowns, &app.store).await.context("the supervisor gave no engine")??;
    actix_web::rt::spawn(tests.follow(lockdowns, app.store.clone()));
    if let Some(settings) = &app.config.audit.collector {
        let (store, data_dir, state) =
            (app.store.clone(), app.config.data.dir.clone(), app.collector.clone());
        let collector = Collector::new(settings, store, data_dir, news, state)?;
        actix_web::rt::spawn(collector.run(collectors));
    }
    if let Some(directory) = app.directory.clone() {
        actix_web::rt::spawn(follow_directories(directories, directory));
    }
    connect_next(&mut sockets, &engines).await.context("the supervisor gave no engine")??;
    let (keeper, restarts) = (app.clone(), app.clone());
    let (follower, judge, retention) = (app.clone(), app.clone(), app.retention.clone());
    actix_web::rt::spawn(async move { keeper.keep_house().await });
    actix_web::rt::spawn(async move { follower.follow_directory().await });
    actix_web::rt::spawn(async move { judge.follow_certificates().await });
    actix_web::rt::spawn(async move { retention.follow().await });
    actix_web::rt::spawn(follow_engines(sockets, engines, restarts));
    actix_web::rt::spawn(keep_logs_small(logs));
    control.ready(serde_json::json!({"ca": tls::ca_path(&app.config.data.dir)}))?;
    let over = over(control.shutdown(), app.store.failure());
    http::run(app, http::Listeners { lan: Some((listener, tls)), console }, over).await?;
    Ok(())
}

/// Waits for the next engine's socket and until its model is loaded; `None` when the supervisor is gone.
async fn connect_next(
    sockets: &mut mpsc::UnboundedReceiver<std::os::unix::net::UnixStream>,
    engines: &Engines,
) -> Option<anyhow::Result<()>> {
    let socket = sockets.recv().await?;
    let connected = tokio::task::spawn_blocking(move || Engine::connect(socket)).await;
    Some(match connected {
        Ok(Ok(engine)) => {
            engines.replace(engine);
            Ok(())
        }
        Ok(Err(error)) => Err(error.into()),
        Err(error) => Err(error.into()),
    })
}

/// Takes over each engine that the supervisor starts in place of a dead one.
async fn follow_engines(
    mut sockets: mpsc::UnboundedReceiver<std::os::unix::net::UnixStream>,
    engines: Engines,
    app: App,
) {
    while let Some(connected) = connect_next(&mut sockets, &engines).await {
        match connected {
            Ok(()) => {
                let model = records::model(app.chats.model());
                let recorded = app.store.write(move |tx| tx.audit(records::engine_restarted(&model))).await;
                tracing::warn!(recorded = recorded.is_ok(), "a new engine took over");
            }
            Err(error) => tracing::error!("an engine did not start: {error:#}"),
        }
    }
}

/// Takes over each directory's process that the supervisor starts.
async fn follow_directories(
    mut sockets: mpsc::UnboundedReceiver<std::os::unix::net::UnixStream>,
    directory: Directory,
) {
    while let Some(socket) = sockets.recv().await {
        if let Err(error) = directory.connect(socket) {
            tracing::error!(%error, "the directory's process cannot be asked");
        }
    }
}

async fn keep_logs_small(logs: Logs) {
    loop {
        if let Err(error) = logs.trim() {
            tracing::warn!(%error, folder = %logs.folder().display(), "old logs could not be deleted");
        }
        tokio::time::sleep(TRIM_LOGS_EVERY).await;
    }
}
