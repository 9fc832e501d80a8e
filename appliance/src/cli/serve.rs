//! `redoubt serve`: binds the address, opens the models, supervises front and engine.

use std::io;
use std::net::TcpListener;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use redoubt_engine::worker::{Files, Settings};
use serde_json::Value;

use super::handed;
use super::voice::{remark, say};
use crate::config::{Config, Form, Opening, Policy};
use crate::control;
use crate::front::FrontSettings;
use crate::lockdown::Egress;
use crate::models::{self, Models};
use crate::processes::{self, CollectorPlan, DirectoryPlan, Manager, Pids, Plan};

/// The only place where names of servers are looked up.
pub(super) const HOSTS: &str = "/etc/hosts";

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The configuration file
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let mut config = Config::load(&arguments.config)?;
    handed::take_credentials(&mut config, std::env::var_os("CREDENTIALS_DIRECTORY").as_ref().map(Path::new));
    let models = models::open_all(&config.models, &config.data.dir.join("model-checksum.json"))?;
    let listener = match handed::listener().context("standard input")? {
        Some(handed) => handed,
        None => TcpListener::bind(&config.listen.address)
            .with_context(|| format!("listen.address = {}", config.listen.address))?,
    };
    let address = listener.local_addr().context("the listener's address")?;
    let forwards = config.audit.standard_output != Form::Off;
    supervise(config, listener, models, move |_, _| {
        // Where standard output has records, it has nothing else.
        let announce = if forwards { remark } else { say };
        announce(&format!("Redoubt serves at https://{address}"));
    })
}

/// What the front reads outside its data directory.
pub(super) fn read_outside(config: &Config) -> Vec<PathBuf> {
    let key = (config.keys.unlock == Opening::File).then_some(&config.keys.file);
    let single = [key, config.listen.certificate.as_ref(), config.listen.key.as_ref()];
    let collector = config.audit.collector.iter().map(|collector| &collector.ca);
    let outside = single.into_iter().flatten().chain(config.certificates.paths()).chain(collector);
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
    let standard_output = match config.audit.standard_output {
        Form::Off => None,
        Form::Json => Some(io::stdout().as_fd().try_clone_to_owned().context("standard output")?),
    };
    let directory = config.directory.is_configured().then(|| plan_directory(&config));
    let collector = plan_collector(&config)?;
    let manager = Manager::from_environment().context("NOTIFY_SOCKET")?;
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
        Plan {
            listener,
            control,
            models,
            engine,
            front,
            policy,
            standard_output,
            data_dir,
            read,
            directory,
            collector,
            manager,
        },
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

fn plan_collector(config: &Config) -> anyhow::Result<Option<CollectorPlan>> {
    let Some(collector) = &config.audit.collector else { return Ok(None) };
    let (host, port) = collector.target().context("audit.collector.address is not host and port")?;
    Ok(Some(CollectorPlan { host, port, hosts: HOSTS.into(), policy: policy(config) }))
}
