//! `redoubt group`: groups and the rights that they carry.

use anyhow::Context as _;
use clap::Subcommand;
use serde_json::{Map, Value, json};

use super::client::{Console, escape};
use super::{Command, Target, print, user};

#[derive(clap::Args)]
pub(in super::super) struct Arguments {
    #[command(flatten)]
    target: Target,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Every group
    List,
    /// One group, and who is in it
    Show { group: String },
    /// Make a group
    Add { group: String },
    /// Delete a group; its rights are gone with it
    Remove { group: String },
    /// Call a group otherwise
    Rename { group: String, name: String },
    /// Put a person into a group
    Join { group: String, user: String },
    /// Take a person out of a group
    Leave { group: String, user: String },
    /// Allow something: `file_upload`, `export`, `api_keys`, `model_parameters`, `delete_own_chats`, `see_usage`
    Allow { group: String, permission: String },
    /// Deny something, whatever other groups allow
    Deny { group: String, permission: String },
    /// Say nothing of it any more
    Unset { group: String, permission: String },
    /// Limits; what is not named stays, `none` takes one away
    Quota {
        group: String,
        #[arg(long, value_name = "N|none")]
        requests_per_day: Option<String>,
        #[arg(long, value_name = "N|none")]
        tokens_per_day: Option<String>,
        /// Answers at once
        #[arg(long, value_name = "N|none")]
        parallel: Option<String>,
        /// Place in the queue: who has more is served first
        #[arg(long, value_name = "N|none", allow_hyphen_values = true)]
        priority: Option<String>,
    },
}

const COLUMNS: &[(&str, &str)] = &[
    ("NAME", "name"),
    ("MEMBERS", "members"),
    ("MODELS", "models"),
    ("PERMISSIONS", "permissions"),
    ("QUOTAS", "quotas"),
    ("DIRECTORY GROUPS", "mappings"),
];
const MEMBER_COLUMNS: &[(&str, &str)] = &[("MEMBER", "username"), ("SOURCE", "source")];

impl Command for Arguments {
    fn target(&self) -> &Target {
        &self.target
    }

    fn run(&self, console: &Console) -> anyhow::Result<()> {
        let target = &self.target;
        match &self.verb {
            Verb::List => {
                let items = console.list("/api/v1/admin/groups")?;
                target.show(&json!({ "items": items }), |_| print::table(COLUMNS, &items, "No groups."));
            }
            Verb::Show { group } => {
                let mut group = find(console, group)?;
                let members = console.list(&path(&group, "/members")?)?;
                group["members"] = json!(members);
                let lower: Vec<(String, &str)> =
                    COLUMNS.iter().map(|(heading, field)| (heading.to_lowercase(), *field)).collect();
                let facts: Vec<(&str, &str)> =
                    lower.iter().map(|(name, field)| (name.as_str(), *field)).collect();
                target.show(&group, |group| {
                    print::facts(&facts, group);
                    print::sentence("");
                    print::table(MEMBER_COLUMNS, &members, "Nobody is in it.");
                });
            }
            Verb::Add { group } => {
                let made = console.post("/api/v1/admin/groups", &json!({ "name": group }))?;
                target.show(&made, |_| print::sentence(&format!("There is a group {group} now.")));
            }
            Verb::Remove { group } => {
                let answer = console.delete(&path(&find(console, group)?, "")?)?;
                target.show(&answer, |_| print::sentence(&format!("The group {group} is gone.")));
            }
            Verb::Rename { group, name } => {
                self.change(console, group, &json!({ "name": name }))?;
            }
            Verb::Join { group, user } => {
                let answer = console.put(&member(console, group, user)?)?;
                target.show(&answer, |_| print::sentence(&format!("{user} is in {group}.")));
            }
            Verb::Leave { group, user } => {
                let answer = console.delete(&member(console, group, user)?)?;
                target.show(&answer, |_| print::sentence(&format!("{user} is not in {group} any more.")));
            }
            Verb::Allow { group, permission } => self.permit(console, group, permission, Some("allow"))?,
            Verb::Deny { group, permission } => self.permit(console, group, permission, Some("deny"))?,
            Verb::Unset { group, permission } => self.permit(console, group, permission, None)?,
            Verb::Quota { group, requests_per_day, tokens_per_day, parallel, priority } => {
                let given = [
                    ("requests_per_day", requests_per_day),
                    ("tokens_per_day", tokens_per_day),
                    ("parallel", parallel),
                    ("priority", priority),
                ];
                let mut quotas = find(console, group)?["quotas"].clone();
                for (name, value) in given {
                    if let Some(value) = value {
                        quotas[name] = quota(name, value)?;
                    }
                }
                self.change(console, group, &json!({ "quotas": quotas }))?;
            }
        }
        Ok(())
    }
}

impl Arguments {
    fn change(&self, console: &Console, group: &str, changes: &Value) -> anyhow::Result<()> {
        let changed = console.patch(&path(&find(console, group)?, "")?, changes)?;
        self.target.show(&changed, |changed| print::table(COLUMNS, std::slice::from_ref(changed), ""));
        Ok(())
    }

    fn permit(
        &self,
        console: &Console,
        group: &str,
        permission: &str,
        effect: Option<&str>,
    ) -> anyhow::Result<()> {
        let mut permissions: Map<String, Value> =
            find(console, group)?["permissions"].as_object().cloned().unwrap_or_default();
        match effect {
            Some(effect) => permissions.insert(permission.to_owned(), json!(effect)),
            None => permissions.remove(permission),
        };
        self.change(console, group, &json!({ "permissions": permissions }))
    }
}

/// The group of this name or id.
pub(super) fn find(console: &Console, name: &str) -> anyhow::Result<Value> {
    let groups = console.list("/api/v1/admin/groups")?;
    let found = groups.iter().find(|group| [&group["name"], &group["id"]].contains(&&json!(name)));
    found.cloned().with_context(|| format!("there is no group {name:?}; `redoubt group list` shows them"))
}

pub(super) fn path(group: &Value, rest: &str) -> anyhow::Result<String> {
    let id = group["id"].as_str().context("the appliance named no id")?;
    Ok(format!("/api/v1/admin/groups/{}{rest}", escape(id)))
}

fn member(console: &Console, group: &str, user: &str) -> anyhow::Result<String> {
    let person = user::find(console, user)?;
    let id = person["id"].as_str().context("the appliance named no id")?;
    path(&find(console, group)?, &format!("/members/{}", escape(id)))
}

fn quota(name: &str, value: &str) -> anyhow::Result<Value> {
    if value == "none" {
        return Ok(Value::Null);
    }
    let number: i64 =
        value.parse().with_context(|| format!("--{}: {value:?} is no number", name.replace('_', "-")))?;
    Ok(json!(number))
}
