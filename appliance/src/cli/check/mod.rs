//! `redoubt check`: would this appliance start, and is what it keeps whole? Looks, and changes nothing.
//!
//! One file a subject. Each returns an [`Outcome`]; what one learns that others need (the key, whether the appliance
//! is being served) it returns beside it.

mod audit_keys;
mod certificate;
mod client_certificates;
mod clock;
mod collector;
mod configuration;
mod devices;
mod directory;
mod disk;
mod embeddings;
mod keys;
mod listen;
mod lockdown;
mod memory;
mod models;
mod outcome;
mod progress;
mod store;
mod table;

use std::path::PathBuf;

use serde_json::json;

use super::voice::say;
use crate::clock::SystemClock;
use crate::config::Config;
use outcome::{Code, Outcome, Status};
use store::Looked;

pub(super) use lockdown::{CageArguments, VERB, enter_cage};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The configuration file
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Print one line of JSON
    #[arg(long)]
    json: bool,
    /// Also ask the directory, with a real bind of its service account
    #[arg(long)]
    bind: bool,
}

/// Something failed; the table has said what.
#[derive(Debug, thiserror::Error)]
#[error("failed: {subjects}")]
pub(super) struct NotOk {
    subjects: String,
    pub(super) code: u8,
}

/// A row of the table.
struct Row {
    subject: &'static str,
    outcome: Outcome,
}

/// The subjects in the table's order.
const SUBJECTS: [&str; 15] = [
    "configuration",
    "clock",
    "keys",
    "store",
    "audit keys",
    "disk",
    "models",
    "embeddings",
    "directory",
    "collector",
    "devices",
    "listen",
    "certificate",
    "smart cards",
    "lockdown",
];

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let (configuration, config) = configuration::check(&arguments.config);
    let outcomes = match config {
        Some(config) => check_all(configuration, &config, arguments.bind),
        None => check_little(configuration),
    };
    let rows: Vec<Row> =
        SUBJECTS.into_iter().zip(outcomes).map(|(subject, outcome)| Row { subject, outcome }).collect();
    let failed = |row: &&Row| row.outcome.status() == Status::Failed;
    if arguments.json {
        let ok = !rows.iter().any(|row| failed(&row));
        let checks: Vec<_> = rows.iter().map(|row| row.outcome.to_json(row.subject)).collect();
        say(&json!({"ok": ok, "checks": checks}).to_string());
    } else {
        table::print(&rows);
    }
    let code = rows.iter().filter_map(|row| row.outcome.code()).max();
    code.map_or(Ok(()), |code| {
        let subjects: Vec<&str> = rows.iter().filter(failed).map(|row| row.subject).collect();
        Err(NotOk { subjects: subjects.join(", "), code: code.status() }.into())
    })
}

fn check_all(configuration: Outcome, config: &Config, bind: bool) -> [Outcome; 15] {
    let clock = SystemClock::new();
    let timed = clock::check(&clock, config);
    let opened = keys::check(config);
    let Looked { outcome: store, usage, epochs } =
        store::check(config, opened.key.as_ref(), opened.install_id.as_deref());
    let embeddings = embeddings::check(config);
    let models = models::check(config, &usage, embeddings.bytes);
    let certificate = certificate::check(config, opened.key.as_ref(), &clock);
    [
        configuration,
        timed,
        opened.outcome,
        store,
        audit_keys::check(epochs),
        disk::check(config),
        models,
        embeddings.outcome,
        directory::check(config, bind),
        collector::check(config),
        devices::check(config),
        listen::check(config, &usage),
        certificate,
        client_certificates::check(config, &clock),
        lockdown::check(config),
    ]
}

/// Where nothing says what there is to check.
fn check_little(configuration: Outcome) -> [Outcome; 15] {
    let mut outcomes = SUBJECTS.map(|_| Outcome::skipped("not looked at: the configuration is not usable"));
    outcomes[0] = configuration;
    outcomes
}
