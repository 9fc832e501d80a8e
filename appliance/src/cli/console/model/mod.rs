//! `redoubt model`: which models there are, and which groups may use them.

mod import;

use std::path::Path;

use anyhow::bail;
use clap::Subcommand;
use serde_json::{Value, json};

use super::client::Console;
use super::{Command, Target, group, print};
use crate::models;

pub(in super::super) use import::{INSPECT, inspect};

#[derive(clap::Args)]
pub(in super::super) struct Arguments {
    #[command(flatten)]
    target: Target,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Every model and who may use it
    List,
    /// Let a group use a model; `everyone` is the group of all analysts
    Grant { model: String, group: String },
    /// Take that back
    Revoke { model: String, group: String },
    /// Bring a model in from a medium: checked, copied, recorded, and from then on read-only
    ///
    /// Nothing is taken that nobody vouches for: a model whose sum this version knows, a manifest that one of the keys in
    /// --signers signed (`ssh-keygen -Y sign -n model@redoubt -f KEY MODEL.toml`), or weights whose sum you give. Weights that
    /// were cut for the medium (NAME.000, NAME.001, ...) are joined. The file's structure is read in the engine's cage.
    Import(import::Arguments),
}

const COLUMNS: &[(&str, &str)] = &[
    ("MODEL", "id"),
    ("TITLE", "title"),
    ("KIND", "kind"),
    ("RUNNING", "available"),
    ("GRANTED TO", "groups"),
];

/// An import is asked of nobody: the appliance may lack the very model that is brought in, and then cannot answer.
pub(in super::super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    match &arguments.verb {
        Verb::Import(import) => import.run(&arguments.target),
        _ => super::run(arguments),
    }
}

impl Command for Arguments {
    fn target(&self) -> &Target {
        &self.target
    }

    fn run(&self, console: &Console) -> anyhow::Result<()> {
        match &self.verb {
            Verb::List => self.list(console),
            // Needs no more than the store, see [`run`].
            Verb::Import(arguments) => arguments.run(&self.target),
            Verb::Grant { model, group } => self.set(console, model, group, true),
            Verb::Revoke { model, group } => self.set(console, model, group, false),
        }
    }
}

const INSTALLED: &[(&str, &str)] = &[("ALSO HERE", "id"), ("TITLE", "title"), ("FILE", "file")];

impl Arguments {
    fn list(&self, console: &Console) -> anyhow::Result<()> {
        let items = console.list("/api/v1/admin/models")?;
        let used = self.target.config()?.models.file;
        let installed: Vec<Value> = models::in_folder(used.parent().unwrap_or(Path::new(".")))
            .iter()
            .filter(|manifest| !items.iter().any(|item| item["id"] == json!(manifest.id)))
            .map(|manifest| {
                json!({"id": manifest.id, "title": manifest.title, "file": used.with_file_name(&manifest.file)})
            })
            .collect();
        self.target.show(&json!({ "items": items, "installed": installed }), |_| {
            print::table(COLUMNS, &items, "No models.");
            if !installed.is_empty() {
                print::sentence("");
                print::table(INSTALLED, &installed, "");
            }
        });
        Ok(())
    }

    fn set(&self, console: &Console, model: &str, name: &str, granted: bool) -> anyhow::Result<()> {
        let known = console.list("/api/v1/admin/models")?;
        if granted && !known.iter().any(|item| item["id"] == json!(model)) {
            bail!("there is no model {model:?}; `redoubt model list` shows them");
        }
        let group = group::find(console, name)?;
        let mut models = group["models"].as_array().cloned().unwrap_or_default();
        models.retain(|id| id != model);
        if granted {
            models.push(json!(model));
        }
        let changed = console.patch(&group::path(&group, "")?, &json!({ "models": models }))?;
        let told = if granted { "may" } else { "may not" };
        self.target.show(&changed, |_| print::sentence(&format!("The group {name} {told} use {model}.")));
        Ok(())
    }
}
