//! `redoubt workspace`: compartments, who is in them, what they show and use.

use std::io::Read as _;

use anyhow::Context as _;
use clap::Subcommand;
use serde_json::{Value, json};

use super::client::{Console, escape};
use super::{Command, Target, group, print, user};

#[derive(clap::Args)]
pub(in super::super) struct Arguments {
    #[command(flatten)]
    target: Target,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Every workspace
    List,
    /// One workspace
    Show { workspace: String },
    /// Make a workspace; nobody is in it at first
    Add { workspace: String },
    /// Delete a workspace that has no chats
    Remove { workspace: String },
    /// Call a workspace otherwise
    Rename { workspace: String, name: String },
    /// Let in a person or a group
    LetIn {
        workspace: String,
        #[command(flatten)]
        who: Who,
    },
    /// Take a person or a group out
    PutOut {
        workspace: String,
        #[command(flatten)]
        who: Who,
    },
    /// The classification banner; without a text it is the appliance's own
    Marking {
        workspace: String,
        #[arg(default_value = "")]
        text: String,
        #[arg(long, value_name = "#rrggbb", default_value = "")]
        background: String,
        #[arg(long, value_name = "#rrggbb", default_value = "")]
        color: String,
    },
    /// The models that may be used in it; none named = every granted one
    Models { workspace: String, models: Vec<String> },
    /// How long its chats are kept after their last change; without days for ever
    Retention {
        workspace: String,
        /// 1 to 36500
        days: Option<u32>,
        /// Then into a sealed file, from which an admin can put it back, instead of deleting it
        #[arg(long)]
        archive: bool,
    },
    /// What every prompt begins with, read from standard input; empty = nothing
    SystemPrompt { workspace: String },
}

#[derive(clap::Args)]
#[group(required = true, multiple = false)]
struct Who {
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    #[arg(long, value_name = "NAME")]
    group: Option<String>,
}

const COLUMNS: &[(&str, &str)] = &[
    ("NAME", "name"),
    ("MARKING", "marking.text"),
    ("GROUPS", "groups"),
    ("PEOPLE", "people"),
    ("MODELS", "models"),
    ("CHATS", "chats"),
];
const FACTS: &[(&str, &str)] = &[
    ("name", "name"),
    ("id", "id"),
    ("marking", "marking.text"),
    ("groups", "groups"),
    ("people", "people"),
    ("models", "models"),
    ("chats", "chats"),
    ("days kept", "retention_days"),
    ("then", "retention_action"),
    ("system prompt", "system_prompt"),
];

impl Command for Arguments {
    fn target(&self) -> &Target {
        &self.target
    }

    fn run(&self, console: &Console) -> anyhow::Result<()> {
        let target = &self.target;
        match &self.verb {
            Verb::List => {
                let items = console.list("/api/v1/admin/workspaces")?;
                target.show(&json!({ "items": items }), |_| print::table(COLUMNS, &items, "No workspaces."));
            }
            Verb::Show { workspace } => {
                target.show(&find(console, workspace)?, |found| print::facts(FACTS, found));
            }
            Verb::Add { workspace } => {
                let made = console.post("/api/v1/admin/workspaces", &json!({ "name": workspace }))?;
                target.show(&made, |_| {
                    print::sentence(&format!("There is a workspace {workspace} now, and nobody in it."))
                });
            }
            Verb::Remove { workspace } => {
                let answer = console.delete(&path(&find(console, workspace)?)?)?;
                target.show(&answer, |_| print::sentence(&format!("The workspace {workspace} is gone.")));
            }
            Verb::Rename { workspace, name } => self.change(console, workspace, &json!({ "name": name }))?,
            Verb::LetIn { workspace, who } => self.member(console, workspace, who, true)?,
            Verb::PutOut { workspace, who } => self.member(console, workspace, who, false)?,
            Verb::Marking { workspace, text, background, color } => {
                let marking = if text.is_empty() {
                    Value::Null
                } else {
                    json!({"text": text, "background": background, "color": color})
                };
                self.change(console, workspace, &json!({ "marking": marking }))?;
            }
            Verb::Models { workspace, models } => {
                self.change(console, workspace, &json!({ "models": models }))?
            }
            Verb::Retention { workspace, days, archive } => {
                let action = if *archive { "archive" } else { "delete" };
                let changes = json!({"retention_days": days, "retention_action": action});
                self.change(console, workspace, &changes)?;
            }
            Verb::SystemPrompt { workspace } => {
                let mut text = String::new();
                std::io::stdin().read_to_string(&mut text).context("standard input")?;
                self.change(console, workspace, &json!({"system_prompt": text.trim_end()}))?;
            }
        }
        Ok(())
    }
}

impl Arguments {
    fn change(&self, console: &Console, workspace: &str, changes: &Value) -> anyhow::Result<()> {
        let changed = console.patch(&path(&find(console, workspace)?)?, changes)?;
        self.target.show(&changed, |changed| print::facts(FACTS, changed));
        Ok(())
    }

    fn member(&self, console: &Console, name: &str, who: &Who, inside: bool) -> anyhow::Result<()> {
        let workspace = find(console, name)?;
        let (field, found) = match who {
            Who { user: Some(user), .. } => ("people", user::find(console, user)?),
            Who { group, .. } => ("groups", group::find(console, group.as_deref().unwrap_or_default())?),
        };
        let present = workspace[field].as_array().cloned().unwrap_or_default();
        let mut ids: Vec<Value> = present.into_iter().map(|item| item["id"].clone()).collect();
        ids.retain(|id| *id != found["id"]);
        if inside {
            ids.push(found["id"].clone());
        }
        self.change(console, name, &json!({ field: ids }))
    }
}

fn find(console: &Console, name: &str) -> anyhow::Result<Value> {
    let all = console.list("/api/v1/admin/workspaces")?;
    let found = all.iter().find(|workspace| [&workspace["name"], &workspace["id"]].contains(&&json!(name)));
    found
        .cloned()
        .with_context(|| format!("there is no workspace {name:?}; `redoubt workspace list` shows them"))
}

fn path(workspace: &Value) -> anyhow::Result<String> {
    let id = workspace["id"].as_str().context("the appliance named no id")?;
    Ok(format!("/api/v1/admin/workspaces/{}", escape(id)))
}
