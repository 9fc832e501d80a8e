//! `redoubt model import`: from a medium into the folder of models.

use std::fs::{self, File};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use redoubt_engine::ModelInfo;
use redoubt_store::Clock;
use ring::rand::SystemRandom;
use serde_json::json;

use super::super::super::progress::Progress;
use super::super::super::voice::{remark, say};
use super::super::super::{Usage, ask, software};
use super::super::{Console, Target};
use crate::clock::SystemClock;
use crate::config::Config;
use crate::front::open_store;
use crate::identity::By;
use crate::lockdown::{self, Cage, Egress};
use crate::models::import::{Import, Imported, Voucher};
use crate::models::{self, Manifest};
use crate::records;

/// Hidden verb of the child that reads a header.
pub(in super::super::super) const INSPECT: &str = "@inspect";
/// What a model without a manifest is offered with, at most; in tokens.
const CONTEXT: u32 = 8192;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// On the medium: a manifest (MODEL.toml) with its weights beside it, or weights alone (MODEL.gguf)
    #[arg(value_name = "FILE")]
    path: PathBuf,
    /// The SHA-256 sum of the weights, from paper: you vouch for them
    #[arg(long, value_name = "HEX")]
    sha256: Option<String>,
    /// Who may sign manifests: keys as `ssh-keygen` has them, one a line
    #[arg(long, value_name = "FILE", default_value = "/etc/redoubt/model-signers")]
    signers: PathBuf,
    /// Where to, where that is not the folder that models.file of the configuration is in
    #[arg(long, value_name = "FOLDER")]
    into: Option<PathBuf>,
}

impl Arguments {
    pub(super) fn run(&self, target: &Target) -> anyhow::Result<()> {
        let config = target.config()?;
        let Asked { manifest, voucher } = self.asked()?;
        let folder = match &self.into {
            Some(folder) => folder.clone(),
            None => config.models.file.parent().unwrap_or(Path::new("/")).to_owned(),
        };
        let mut import = Import::begin(manifest.clone(), &folder)?;
        let mut progress = Progress::new("copying", Some(import.size()));
        let from = self.path.parent().unwrap_or(Path::new("."));
        let copied = import.copy(from, |bytes| progress.add(bytes));
        progress.end();
        let weights = copied?;
        if manifest.embedding.is_none() {
            judge(&in_a_cage(weights)?);
        }
        let imported = Imported {
            id: manifest.id.clone(),
            sha256: manifest.sha256.clone(),
            size: manifest.size,
            licence: manifest.licence.clone(),
            voucher: voucher.to_string(),
        };
        record(&config, &imported)?;
        let path = import.finish()?;
        tell(target, &manifest, &voucher, &path);
        Ok(())
    }

    /// What is to come in, and who vouches for it.
    fn asked(&self) -> anyhow::Result<Asked> {
        if let Some(sum) = self.sha256.as_ref().filter(|sum| !is_sum(sum)) {
            return Err(Usage(format!("{sum} is no SHA-256 sum: 64 hexadecimal digits")).into());
        }
        let (manifest, path) = if self.path.extension().is_some_and(|extension| extension == "toml") {
            (Manifest::read(&self.path)?, self.path.clone())
        } else {
            (self.manifest_of_weights()?, self.path.clone())
        };
        let voucher = Voucher::of(&manifest, &path, self.sha256.as_deref(), &self.signers)?;
        Ok(Asked { manifest, voucher })
    }

    /// That of a known name, or one that is made of what the file says of itself.
    fn manifest_of_weights(&self) -> anyhow::Result<Manifest> {
        let name = self.path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if let Some(known) = models::built_in().into_iter().find(|manifest| manifest.file == name) {
            return Ok(known);
        }
        let Some(sum) = &self.sha256 else {
            bail!(
                "{}: nobody vouches for it: give its sum with --sha256, or a signed manifest in its place",
                self.path.display()
            );
        };
        let file = File::open(&self.path).with_context(|| self.path.display().to_string())?;
        let info = in_a_cage(&file)?;
        let manifest = Manifest {
            id: name.trim_end_matches(".gguf").to_ascii_lowercase(),
            title: info.name.chars().filter(|each| !each.is_control()).take(100).collect(),
            file: name.to_owned(),
            size: fs::metadata(&self.path)?.len(),
            sha256: sum.to_ascii_lowercase(),
            context: info.context.min(CONTEXT),
            system: None,
            temperature: None,
            top_p: None,
            licence: info.license.unwrap_or_else(|| "unknown".to_owned()),
            source: "imported without a manifest".to_owned(),
            embedding: None,
        };
        manifest.check().map_err(|why| anyhow::anyhow!("{}: {why}", self.path.display()))?;
        Ok(manifest)
    }
}

struct Asked {
    manifest: Manifest,
    voucher: Voucher,
}

fn is_sum(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The body of the hidden verb: what a header says, read where nothing else can be reached.
pub(in super::super::super) fn inspect() -> anyhow::Result<()> {
    let file = File::from(std::io::stdin().as_fd().try_clone_to_owned()?);
    lockdown::enter(&Cage::Engine, Egress::Report)?;
    say(&serde_json::to_string(&redoubt_engine::inspect(&file)?)?);
    Ok(())
}

/// What the engine can make of a file: asked of a child, because the bytes are foreign.
fn in_a_cage(file: &File) -> anyhow::Result<ModelInfo> {
    let mut command = Command::new("/proc/self/exe");
    command.arg(INSPECT).env_clear().stdin(Stdio::from(file.try_clone()?));
    let output = command.output().context("a process that reads the model's header")?;
    if output.status.success() {
        return Ok(serde_json::from_slice(&output.stdout)?);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    bail!("the engine cannot run this model: {}", said.trim().trim_start_matches("redoubt: "));
}

fn judge(info: &ModelInfo) {
    if !info.has_template {
        remark("redoubt: note: this model has no chat template, so it completes texts and cannot chat");
    }
}

/// Before the model has its name: nothing comes in without a trace.
fn record(config: &Config, imported: &Imported) -> anyhow::Result<()> {
    let data_dir = &config.data.dir;
    if let Some(console) = Console::served_at(data_dir)? {
        console.post("/api/v1/console/models", &serde_json::to_value(imported)?)?;
        return Ok(());
    }
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let store = open_store(data_dir, &ask::configured(config)?, &software()?, clock, &SystemRandom::new())?;
    let draft = records::model_imported(&By::console(), imported);
    store.write_blocking(move |tx| {
        tx.audit(draft)?;
        tx.checkpoint().map(|_| ())
    })?;
    Ok(store.close()?)
}

fn tell(target: &Target, manifest: &Manifest, voucher: &Voucher, path: &Path) {
    if target.json() {
        say(&json!({"id": manifest.id, "file": path, "sha256": manifest.sha256, "voucher": voucher.to_string()}).to_string());
        return;
    }
    let by = match voucher {
        Voucher::Version => "this version knows its sum".to_owned(),
        Voucher::Sum => "its sum is the one that you gave".to_owned(),
        Voucher::Signature(fingerprint) => format!("its manifest is signed by {fingerprint}"),
    };
    let key = if manifest.embedding.is_some() { "embedding" } else { "file" };
    say(&format!("{} ({}) is here: {by}.", manifest.id, manifest.title));
    say("To use it, say in the configuration, and start the appliance anew:\n");
    say(&format!("  [models]\n  {key} = {path:?}"));
}
