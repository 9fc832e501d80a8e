//! `redoubt retention`: which chats would go, and that they go now.

use clap::Subcommand;
use serde_json::json;

use super::client::Console;
use super::{Command, Target, print};

#[derive(clap::Args)]
pub(in super::super) struct Arguments {
    #[command(flatten)]
    target: Target,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// What would go now, and how much a legal hold keeps; nothing changes
    Preview,
    /// Delete or archive what is due now, instead of at the configured hour
    Run,
}

const OUTLOOK: &[(&str, &str)] = &[
    ("WORKSPACE", "name"),
    ("DAYS", "days"),
    ("THEN", "action"),
    ("DUE", "due"),
    ("HELD", "held"),
    ("OLDEST", "oldest"),
];
const DONE: &[(&str, &str)] = &[
    ("WORKSPACE", "name"),
    ("DELETED", "deleted"),
    ("ARCHIVED", "archived"),
    ("HELD", "held"),
    ("FAILED", "failed"),
];
const NOTHING: &str = "Every workspace keeps its chats; `redoubt workspace retention` changes that.";

impl Command for Arguments {
    fn target(&self) -> &Target {
        &self.target
    }

    fn run(&self, console: &Console) -> anyhow::Result<()> {
        let (answer, columns) = match &self.verb {
            Verb::Preview => (console.get("/api/v1/admin/retention/preview")?, OUTLOOK),
            Verb::Run => (console.post("/api/v1/admin/retention/run", &json!({}))?, DONE),
        };
        let items = answer["items"].as_array().cloned().unwrap_or_default();
        self.target.show(&answer, |_| print::table(columns, &items, NOTHING));
        Ok(())
    }
}
