//! `redoubt session`: who is signed in.

use anyhow::Context as _;
use clap::Subcommand;
use serde_json::json;

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
    /// Every session
    List,
    /// End a session by its id, or all of a person
    End {
        #[arg(required_unless_present = "user", conflicts_with = "user")]
        id: Option<String>,
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
    },
}

const COLUMNS: &[(&str, &str)] = &[
    ("ID", "id"),
    ("USER", "user.username"),
    ("ADDRESS", "address"),
    ("SIGNED IN", "created_at"),
    ("LAST SEEN", "last_seen_at"),
    ("ENDS", "expires_at"),
];

impl Command for Arguments {
    fn target(&self) -> &Target {
        &self.target
    }

    fn run(&self, console: &Console) -> anyhow::Result<()> {
        match &self.verb {
            Verb::List => {
                let items = console.list("/api/v1/admin/sessions")?;
                self.target.show(&json!({ "items": items }), |_| {
                    print::table(COLUMNS, &items, "Nobody is signed in.")
                });
            }
            Verb::End { id: Some(id), .. } => {
                let answer = console.delete(&format!("/api/v1/admin/sessions/{}", escape(id)))?;
                self.target.show(&answer, |_| print::sentence("The session has ended."));
            }
            Verb::End { user: Some(name), .. } => {
                let person = user::find(console, name)?;
                let id = person["id"].as_str().context("the appliance named no id")?;
                let answer = console.delete(&format!("/api/v1/admin/people/{}/sessions", escape(id)))?;
                self.target
                    .show(&answer, |_| print::sentence(&format!("Every session of {name} has ended.")));
            }
            // clap asks for one of the two.
            Verb::End { .. } => {}
        }
        Ok(())
    }
}
