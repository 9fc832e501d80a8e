//! `redoubt serve`: binds the address, opens the models, supervises front and engine.

use std::net::TcpListener;
use std::path::PathBuf;

use anyhow::Context as _;
use redoubt_engine::worker::{Files, Settings};
use serde_json::Value;

use crate::config::{Config, Policy};
use crate::control;
use crate::front::FrontSettings;
use crate::lockdown::Egress;
use crate::models::{self, Models};
use crate::processes::{self, DirectoryPlan, Pids, Plan};

/// The only place where names of servers are looked up.
pub(super) const HOSTS: &str = "/etc/hosts";

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The configuration file
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let config = Config::load(&arguments.config)?;
    let models = models::open_all(&config.models, &config.data.dir.join("model-checksum.json"))?;
    let listener = TcpListener::bind(&config.listen.address)
        .with_context(|| format!("listen.address = {}", config.listen.address))?;
    let address = config.listen.address.clone();
    supervise(config, listener, models, |_, _| say(&format!("Redoubt serves at https://{address}")))
}

#[expect(clippy::print_stdout, reason = "tells the operator that it is ready")]
fn say(text: &str) {
    println!("{text}");
}

/// What the front reads outside its data directory.
pub(super) fn read_outside(config: &Config) -> Vec<PathBuf> {
    let single = [Some(&config.keys.file), config.listen.certificate.as_ref(), config.listen.key.as_ref()];
    let outside = single.into_iter().flatten().chain(config.certificates.paths());
    outside.filter(|path| !path.starts_with(&config.data.dir)).cloned().collect()
}

/// Runs the appliance until it is told to stop.
pub(super) fn supervise(
    config: Config,
    listener: TcpListener,
    models: Models,
    ready: impl FnOnce(&Pids, Value),
) -> anyhow::Result<()> {
    let Models { chat, embedding } = models;
    let (embedding, embedding_files) = embedding.map(|model| (model.manifest, model.files)).unzip();
    let engine = Settings {
        embedding_tokens: embedding.as_ref().map(|manifest| manifest.context),
        ..config.models.engine(chat.manifest.context)
    };
    let policy = policy(&config);
    let directory = config.directory.is_configured().then(|| plan_directory(&config));
    let data_dir = config.data.dir.clone();
    // Says who has it, where somebody has.
    redoubt_store::check_free(&data_dir)?;
    let control =
        control::listen(&data_dir).with_context(|| format!("control.sock in {}", data_dir.display()))?;
    let read = read_outside(&config);
    let settings = FrontSettings { config, model: chat.manifest, embedding, software: super::software()? };
    let front = serde_json::to_value(settings)?;
    let models = Files { model: chat.file, embedding: embedding_files };
    processes::supervise(
        Plan { listener, control, models, engine, front, policy, data_dir, read, directory },
        ready,
    )
}

fn policy(config: &Config) -> Egress {
    match config.egress.policy {
        Policy::Strict => Egress::Strict,
        Policy::Report => Egress::Report,
    }
}

/// What the directory's processes are started with.
pub(super) fn plan_directory(config: &Config) -> DirectoryPlan {
    DirectoryPlan { config: config.directory.clone(), hosts: HOSTS.into(), policy: policy(config) }
}
