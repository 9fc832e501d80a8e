//! `redoubt restore`: goes on from a backup, or from an earlier state of the data directory.

mod backup;
mod rollback;

use std::path::PathBuf;

use super::Usage;
use super::console::Target;
use super::opening::By;

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    target: Target,
    /// The backup, as `redoubt backup` wrote it
    #[arg(value_name = "BACKUP", conflicts_with = "acknowledge_rollback")]
    backup: Option<PathBuf>,
    /// Only try it: restore it beside the data directory, open and check it, and delete it again. Nothing else is touched
    #[arg(long, requires = "backup")]
    drill: bool,
    #[command(flatten)]
    by: By,
    /// The data directory was taken back to an earlier state on purpose: write that into the audit log, with the
    /// checkpoint that is lost and the one that it goes on from
    #[arg(long)]
    acknowledge_rollback: bool,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    match &arguments.backup {
        Some(path) => backup::run(arguments, path),
        None if arguments.acknowledge_rollback => rollback::run(&arguments.target, &arguments.by),
        None => {
            Err(Usage("say what to do: a backup to restore, or --acknowledge-rollback".to_owned()).into())
        }
    }
}
