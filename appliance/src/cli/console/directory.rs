//! `redoubt directory`: does the directory answer, and what do its groups mean here.

use anyhow::bail;
use clap::Subcommand;
use serde_json::{Value, json};

use super::client::{Console, escape};
use super::user::Role;
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
    /// What is configured, and whether it answered lately
    Status,
    /// Bind for real and say what was found; with a name, look that person up
    Test { name: Option<String> },
    /// What directory groups mean here
    Mappings,
    /// Let a directory group (its DN) mean a role or a group
    Map {
        directory_group: String,
        #[arg(long, value_enum, conflicts_with = "to", required_unless_present = "to")]
        role: Option<Role>,
        #[arg(long, value_name = "GROUP")]
        to: Option<String>,
    },
    /// Take a mapping back, by its id
    Unmap { id: String },
    /// What the mappings would give to a person, or change for everybody known; nothing is changed
    DryRun { name: Option<String> },
}

const STATUS: &[(&str, &str)] = &[
    ("configured", "configured"),
    ("state", "state"),
    ("servers", "servers"),
    ("method", "method"),
    ("base", "base"),
    ("last answer", "last_answer_at"),
];
const STEPS: &[(&str, &str)] =
    &[("STEP", "name"), ("WELL", "ok"), ("MS", "elapsed_ms"), ("FOUND", "found"), ("ADVICE", "advice")];
const MAPPINGS: &[(&str, &str)] = &[
    ("ID", "id"),
    ("DIRECTORY GROUP", "directory_group"),
    ("ROLE", "role"),
    ("GROUP", "group.name"),
    ("IN THE CONFIGURATION", "configured"),
];
const CHANGES: &[(&str, &str)] = &[("USER", "username"), ("FROM", "from"), ("TO", "to")];

impl Command for Arguments {
    fn target(&self) -> &Target {
        &self.target
    }

    fn run(&self, console: &Console) -> anyhow::Result<()> {
        let target = &self.target;
        match &self.verb {
            Verb::Status => {
                let answer = console.get("/api/v1/admin/directory")?;
                target.show(&answer, |answer| print::facts(STATUS, answer));
            }
            Verb::Test { name } => {
                let report = console.post("/api/v1/admin/directory/test", &asked(name.as_deref()))?;
                target.show(&report, |report| {
                    print::table(STEPS, items(report, "steps"), "Nothing was tried.")
                });
                if report["ok"] != json!(true) {
                    bail!("the directory does not work");
                }
            }
            Verb::Mappings => {
                let found = console.list("/api/v1/admin/mappings")?;
                target.show(&json!({ "items": found }), |_| {
                    print::table(MAPPINGS, &found, "No directory group means anything here.");
                });
            }
            Verb::Map { directory_group, role, to } => {
                let mut body = json!({ "directory_group": directory_group });
                if let Some(role) = role {
                    body["role"] = json!(role.as_str());
                }
                if let Some(to) = to {
                    body["group"] = group::find(console, to)?["id"].clone();
                }
                let made = console.post("/api/v1/admin/mappings", &body)?;
                target.show(&made, |made| print::table(MAPPINGS, std::slice::from_ref(made), ""));
            }
            Verb::Unmap { id } => {
                let answer = console.delete(&format!("/api/v1/admin/mappings/{}", escape(id)))?;
                target.show(&answer, |_| print::sentence("The mapping is gone."));
            }
            Verb::DryRun { name } => {
                let answer = console.post("/api/v1/admin/mappings/dry-run", &asked(name.as_deref()))?;
                target.show(&answer, |answer| told(name.is_some(), answer));
            }
        }
        Ok(())
    }
}

fn asked(name: Option<&str>) -> Value {
    name.map_or_else(|| json!({}), |name| json!({ "username": name }))
}

fn items<'a>(answer: &'a Value, field: &str) -> &'a [Value] {
    answer[field].as_array().map_or(&[][..], Vec::as_slice)
}

fn told(one: bool, answer: &Value) {
    if one {
        print::facts(&[("DN", "person.dn"), ("role", "role"), ("groups", "groups")], answer);
        print::sentence("");
    }
    print::table(CHANGES, items(answer, "changes"), "Nothing would change.");
}
