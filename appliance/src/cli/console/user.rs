//! `redoubt user`: people.

use anyhow::Context as _;
use clap::{Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::client::{Console, escape};
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
    /// Everybody, or those whose name holds a word
    List { word: Option<String> },
    /// One person
    Show { name: String },
    /// Make a local account; prints its password once
    Add {
        name: String,
        #[arg(long, value_enum)]
        role: Role,
        #[arg(long, value_name = "NAME")]
        display_name: Option<String>,
    },
    /// Give a person another role; ends their sessions
    Role { name: String, role: Role },
    /// Keep a person out; ends their sessions
    Disable { name: String },
    /// Let a disabled person in again
    Enable { name: String },
    /// Forget a person's failed attempts
    Unlock { name: String },
    /// Take a person's authenticator back; the next sign-in enrols another
    ResetCode { name: String },
    /// Give a local account a new password, printed once
    Password { name: String },
    /// Where each right of a person comes from
    Explain { name: String },
    /// A person's keys for programs
    Keys { name: String },
    /// Revoke a key for programs
    RevokeKey { name: String, key: String },
}

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum Role {
    Analyst,
    Admin,
    Auditor,
}

impl Role {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Analyst => "analyst",
            Self::Admin => "admin",
            Self::Auditor => "auditor",
        }
    }
}

const COLUMNS: &[(&str, &str)] = &[
    ("NAME", "username"),
    ("ROLE", "role"),
    ("STATE", "state"),
    ("FROM", "source"),
    ("AUTHENTICATOR", "enrolled"),
    ("GROUPS", "groups"),
    ("SESSIONS", "sessions"),
    ("LAST SEEN", "last_seen_at"),
];

const FACTS: &[(&str, &str)] = &[
    ("user name", "username"),
    ("name", "display_name"),
    ("id", "id"),
    ("role", "role"),
    ("role from", "role_source"),
    ("account from", "source"),
    ("state", "state"),
    ("directory says", "directory_state"),
    ("locked until", "locked_until"),
    ("authenticator", "enrolled"),
    ("groups", "groups"),
    ("sessions", "sessions"),
    ("last seen", "last_seen_at"),
    ("made", "created_at"),
];

const KEY_COLUMNS: &[(&str, &str)] = &[
    ("ID", "id"),
    ("NAME", "name"),
    ("SCOPES", "scopes"),
    ("WORKSPACE", "workspace.name"),
    ("EXPIRES", "expires_at"),
    ("LAST USED", "last_used_at"),
];

/// A part of an explanation: its title, its field, and the columns to show.
type Section = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

const EXPLANATION: [Section; 5] = [
    ("Groups", "groups", &[("NAME", "name"), ("BECAUSE", "because")]),
    ("Workspaces", "workspaces", &[("NAME", "name"), ("BECAUSE", "because")]),
    ("Models", "models", &[("MODEL", "id"), ("WORKSPACE", "workspace"), ("BECAUSE", "because")]),
    ("Permissions", "permissions", &[("PERMISSION", "name"), ("ALLOWED", "allowed"), ("BECAUSE", "because")]),
    ("Quotas", "quotas", &[("QUOTA", "name"), ("VALUE", "value"), ("BECAUSE", "because")]),
];

impl Command for Arguments {
    fn target(&self) -> &Target {
        &self.target
    }

    fn run(&self, console: &Console) -> anyhow::Result<()> {
        let target = &self.target;
        match &self.verb {
            Verb::List { word } => {
                let query = word.as_ref().map(|word| format!("?query={}", escape(word))).unwrap_or_default();
                let items = console.list(&format!("/api/v1/admin/people{query}"))?;
                target.show(&json!({ "items": items }), |_| {
                    print::table(COLUMNS, &items, "Nobody of that name.")
                });
            }
            Verb::Show { name } => {
                let person = find(console, name)?;
                target.show(&person, |person| print::facts(FACTS, person));
            }
            Verb::Add { name, role, display_name } => {
                self.add(console, name, *role, display_name.as_deref())?;
            }
            Verb::Role { name, role } => {
                let person = change(console, name, &json!({"role": role.as_str()}))?;
                target.show(&person, |_| print::sentence(&format!("{name} is {} now.", role.as_str())));
            }
            Verb::Disable { name } => {
                let person = change(console, name, &json!({"disabled": true}))?;
                target.show(&person, |_| {
                    print::sentence(&format!("{name} is disabled; every session has ended."))
                });
            }
            Verb::Enable { name } => {
                let person = change(console, name, &json!({"disabled": false}))?;
                target.show(&person, |_| print::sentence(&format!("{name} may sign in again.")));
            }
            Verb::Unlock { name } => self.act(console, name, "unlock", "may try again at once")?,
            Verb::ResetCode { name } => {
                self.act(console, name, "totp-reset", "enrols another authenticator at the next sign-in")?;
            }
            Verb::Password { name } => {
                let person = find(console, name)?;
                let made = console.post(&path(&person, "/password")?, &json!({}))?;
                target.show(&made, |made| told_password(name, made));
            }
            Verb::Explain { name } => {
                let person = find(console, name)?;
                let answer = console.get(&path(&person, "/explain")?)?;
                target.show(&answer, |answer| explain(name, answer));
            }
            Verb::Keys { name } => {
                let person = find(console, name)?;
                let items = console.list(&path(&person, "/keys")?)?;
                target.show(&json!({ "items": items }), |_| print::table(KEY_COLUMNS, &items, "No keys."));
            }
            Verb::RevokeKey { name, key } => {
                let person = find(console, name)?;
                let answer = console.delete(&path(&person, &format!("/keys/{}", escape(key)))?)?;
                target.show(&answer, |_| print::sentence(&format!("The key {key} is revoked.")));
            }
        }
        Ok(())
    }
}

impl Arguments {
    fn add(
        &self,
        console: &Console,
        name: &str,
        role: Role,
        display_name: Option<&str>,
    ) -> anyhow::Result<()> {
        let mut body = json!({"username": name, "role": role.as_str()});
        if let Some(display_name) = display_name {
            body["display_name"] = json!(display_name);
        }
        let made = console.post("/api/v1/admin/people", &body)?;
        self.target.show(&made, |made| told_password(name, made));
        Ok(())
    }

    fn act(&self, console: &Console, name: &str, what: &str, told: &str) -> anyhow::Result<()> {
        let person = find(console, name)?;
        let answer = console.post(&path(&person, &format!("/{what}"))?, &json!({}))?;
        self.target.show(&answer, |_| print::sentence(&format!("{name} {told}.")));
        Ok(())
    }
}

/// The person of this user name. Spellings are the appliance's to judge, so the one item that it finds counts too.
pub(super) fn find(console: &Console, name: &str) -> anyhow::Result<Value> {
    let items = console.list(&format!("/api/v1/admin/people?query={}", escape(name)))?;
    let folded = name.trim().to_lowercase();
    let found = items.iter().find(|person| person["username"].as_str() == Some(&folded));
    found
        .cloned()
        .with_context(|| format!("there is nobody of the name {name:?}; `redoubt user list` shows everybody"))
}

fn change(console: &Console, name: &str, changes: &Value) -> anyhow::Result<Value> {
    let person = find(console, name)?;
    console.patch(&path(&person, "")?, changes)
}

fn path(person: &Value, rest: &str) -> anyhow::Result<String> {
    let id = person["id"].as_str().context("the appliance named no id")?;
    Ok(format!("/api/v1/admin/people/{}{rest}", escape(id)))
}

fn told_password(name: &str, made: &Value) {
    let password = made["password"].as_str().unwrap_or_default();
    print::sentence(&format!(
        "{name}, password {password}\nIt is shown once. The first sign-in enrols an authenticator."
    ));
}

fn explain(name: &str, answer: &Value) {
    let role = &answer["role"];
    let word = |value: &Value| value.as_str().unwrap_or("–").to_owned();
    print::sentence(&format!("{name} is {}: {}\n", word(&role["value"]), word(&role["because"])));
    for (title, field, columns) in EXPLANATION {
        print::sentence(title);
        print::table(columns, answer[field].as_array().map_or(&[][..], Vec::as_slice), "none");
        print::sentence("");
    }
}
