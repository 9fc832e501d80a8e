//! `redoubt serve`: binds the address, opens the model, supervises front and engine.

use std::net::TcpListener;
use std::path::PathBuf;

use anyhow::Context as _;
use serde_json::Value;

use crate::config::{Config, Policy};
use crate::front::FrontSettings;
use crate::lockdown::Egress;
use crate::models::{self, Checked};
use crate::processes::{self, Pids, Plan};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The configuration file
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let config = Config::load(&arguments.config)?;
    let checked = models::open(&config.models.file, &config.data.dir.join("model-checksum.json"))?;
    let listener = TcpListener::bind(&config.listen.address)
        .with_context(|| format!("listen.address = {}", config.listen.address))?;
    let address = config.listen.address.clone();
    supervise(config, listener, checked, |_, _| say(&format!("Redoubt serves at https://{address}")))
}

#[expect(clippy::print_stdout, reason = "tells the operator that it is ready")]
fn say(text: &str) {
    println!("{text}");
}

/// Runs the appliance until it is told to stop.
pub(super) fn supervise(
    config: Config,
    listener: TcpListener,
    model: Checked,
    ready: impl FnOnce(&Pids, Value),
) -> anyhow::Result<()> {
    let engine = config.models.engine(model.manifest.context);
    let policy = match config.egress.policy {
        Policy::Strict => Egress::Strict,
        Policy::Report => Egress::Report,
    };
    let data_dir = config.data.dir.clone();
    let outside = [Some(&config.keys.file), config.listen.certificate.as_ref(), config.listen.key.as_ref()];
    let read = outside.into_iter().flatten().filter(|path| !path.starts_with(&data_dir)).cloned().collect();
    let settings = FrontSettings { config, model: model.manifest, software: super::software()? };
    let front = serde_json::to_value(settings)?;
    processes::supervise(Plan { listener, model: model.file, engine, front, policy, data_dir, read }, ready)
}
