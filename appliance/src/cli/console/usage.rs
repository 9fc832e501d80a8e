//! `redoubt usage` and `redoubt alert`: what was used, and what stood out.

use clap::{Subcommand, ValueEnum};
use serde_json::json;

use super::client::{Console, escape};
use super::{Command, Target, print};

#[derive(clap::Args)]
pub(in super::super) struct Arguments {
    #[command(flatten)]
    target: Target,
    /// Of so many days
    #[arg(long, default_value_t = 30)]
    days: u32,
    /// A line for each of these
    #[arg(long, value_enum, default_value = "person")]
    by: By,
}

#[derive(Clone, Copy, ValueEnum)]
enum By {
    Person,
    Model,
    Workspace,
}

const USAGE: &[(&str, &str)] = &[
    ("NAME", "name"),
    ("REQUESTS", "requests"),
    ("PROMPT TOKENS", "prompt_tokens"),
    ("ANSWER TOKENS", "completion_tokens"),
    ("REFUSALS", "refusals"),
];

impl Command for Arguments {
    fn target(&self) -> &Target {
        &self.target
    }

    fn run(&self, console: &Console) -> anyhow::Result<()> {
        let by = match self.by {
            By::Person => "person",
            By::Model => "model",
            By::Workspace => "workspace",
        };
        let items = console.list(&format!("/api/v1/admin/usage?days={}&by={by}", self.days))?;
        self.target.show(&json!({ "items": items }), |_| print::table(USAGE, &items, "Nothing was used."));
        Ok(())
    }
}

#[derive(clap::Args)]
pub(in super::super) struct AlertArguments {
    #[command(flatten)]
    target: Target,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// What stood out, the newest first
    List,
    /// Say that an alert was seen
    Acknowledge { id: String },
}

const ALERTS: &[(&str, &str)] = &[
    ("ID", "id"),
    ("RULE", "rule"),
    ("AT", "raised_at"),
    ("COUNT", "count"),
    ("THRESHOLD", "threshold"),
    ("SEEN BY", "acknowledged_by"),
];

impl Command for AlertArguments {
    fn target(&self) -> &Target {
        &self.target
    }

    fn run(&self, console: &Console) -> anyhow::Result<()> {
        match &self.verb {
            Verb::List => {
                let items = console.list("/api/v1/admin/alerts")?;
                self.target
                    .show(&json!({ "items": items }), |_| print::table(ALERTS, &items, "Nothing stood out."));
            }
            Verb::Acknowledge { id } => {
                let answer =
                    console.post(&format!("/api/v1/admin/alerts/{}/acknowledge", escape(id)), &json!({}))?;
                self.target.show(&answer, |_| print::sentence("Seen."));
            }
        }
        Ok(())
    }
}
