//! What an admin does, on the console: people, groups, models, workspaces, sessions, the directory.
//!
//! Each command is a request to the appliance's own API by `control.sock` ([`client`]), so that the page and the console do
//! the same things by the same code, and each is recorded, here under the name `console`. Where nobody serves the data
//! directory, the command opens the store itself and asks itself ([`alone`]).

mod alone;
mod client;
mod directory;
mod download;
mod group;
mod model;
pub(super) mod print;
mod retention;
mod session;
mod usage;
mod user;
mod workspace;

use std::path::PathBuf;

use serde_json::Value;

use crate::config::Config;

pub(super) use client::Console;
pub(super) use directory::Arguments as Directory;
pub(super) use download::Body;
pub(super) use group::Arguments as Group;
pub(super) use model::{Arguments as Model, INSPECT, inspect, run as run_model};
pub(super) use retention::Arguments as Retention;
pub(super) use session::Arguments as Session;
pub(super) use usage::{AlertArguments as Alert, Arguments as Usage};
pub(super) use user::Arguments as User;
pub(super) use workspace::Arguments as Workspace;

const DEFAULT_CONFIG: &str = "/etc/redoubt/redoubt.toml";

/// Which appliance, and how to answer.
#[derive(clap::Args)]
pub(super) struct Target {
    /// The appliance's configuration file
    #[arg(long, value_name = "FILE", global = true, default_value = DEFAULT_CONFIG)]
    config: PathBuf,
    /// Its data directory, where that is not what the configuration says
    #[arg(long, value_name = "DIR", global = true)]
    data: Option<PathBuf>,
    /// Print the answer as JSON
    #[arg(long, global = true)]
    json: bool,
}

impl Target {
    pub(super) fn config(&self) -> anyhow::Result<Config> {
        // A data directory alone is enough: a demo has no configuration file, and keeps its key beside its store.
        let given = self.data.as_ref().map(std::path::absolute).transpose()?;
        let mut config = match &given {
            Some(_) if !self.config.exists() => Config::default(),
            _ => Config::load(&self.config)?,
        };
        if let Some(data_dir) = given {
            let own_key = data_dir.join("store.key");
            if own_key.exists() {
                config.keys.file = own_key;
            }
            config.data.dir = data_dir;
        }
        Ok(config)
    }

    /// Whether the answer is wanted as JSON.
    pub(super) fn json(&self) -> bool {
        self.json
    }

    pub(super) fn open(&self) -> anyhow::Result<Console> {
        let config = self.config()?;
        Console::served_at(&config.data.dir)?.map_or_else(|| alone::open(config), Ok)
    }

    /// Prints an answer: as it came with `--json`, else as `table` shows it.
    pub(super) fn show(&self, answer: &Value, table: impl FnOnce(&Value)) {
        if self.json { print::json(answer) } else { table(answer) }
    }
}

/// What each group of commands does with its arguments.
pub(super) trait Command {
    fn target(&self) -> &Target;
    fn run(&self, console: &Console) -> anyhow::Result<()>;
}

pub(super) fn run(command: &impl Command) -> anyhow::Result<()> {
    command.run(&command.target().open()?)
}
