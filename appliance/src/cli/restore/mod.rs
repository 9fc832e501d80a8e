//! `redoubt restore`: goes on from a backup, or from an earlier state of the data directory.

mod backup;
mod older;
mod rollback;
mod snapshot;

use std::path::PathBuf;

use redoubt_store::Version;

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
    /// A newer version wrote the store last, and this older one is to go on with it: write that into the audit log. Refused
    /// where the newer one changed how the store is laid out
    #[arg(long, conflicts_with_all = ["backup", "acknowledge_rollback"])]
    acknowledge_downgrade: bool,
    /// Put this copy of the data directory, made while nothing was served, in its place; needs no key. The next start records
    /// it. What was there is kept under another name
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["backup", "acknowledge_rollback", "acknowledge_downgrade", "opening"])]
    snapshot: Option<PathBuf>,
    /// The version that is left by that, for the record
    #[arg(long, value_name = "VERSION", requires = "snapshot")]
    leaving: Option<Version>,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let Arguments { target, by, .. } = arguments;
    match (&arguments.backup, &arguments.snapshot) {
        (Some(path), _) => backup::run(arguments, path),
        (None, Some(folder)) => snapshot::run(target, folder, arguments.leaving),
        (None, None) if arguments.acknowledge_rollback => rollback::run(target, by),
        (None, None) if arguments.acknowledge_downgrade => older::run(target, by),
        (None, None) => Err(Usage(
            "say what to do: a backup to restore, --snapshot, --acknowledge-rollback or --acknowledge-downgrade"
                .to_owned(),
        )
        .into()),
    }
}
