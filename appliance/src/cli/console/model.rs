//! `redoubt model`: which models there are, and which groups may use them.

use anyhow::bail;
use clap::Subcommand;
use serde_json::json;

use super::client::Console;
use super::{Command, Target, group, print};

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
}

const COLUMNS: &[(&str, &str)] = &[
    ("MODEL", "id"),
    ("TITLE", "title"),
    ("KIND", "kind"),
    ("RUNNING", "available"),
    ("GRANTED TO", "groups"),
];

impl Command for Arguments {
    fn target(&self) -> &Target {
        &self.target
    }

    fn run(&self, console: &Console) -> anyhow::Result<()> {
        match &self.verb {
            Verb::List => {
                let items = console.list("/api/v1/admin/models")?;
                self.target.show(&json!({ "items": items }), |_| print::table(COLUMNS, &items, "No models."));
                Ok(())
            }
            Verb::Grant { model, group } => self.set(console, model, group, true),
            Verb::Revoke { model, group } => self.set(console, model, group, false),
        }
    }
}

impl Arguments {
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
