//! `redoubt key`: what opens the store, and the data key itself.

mod credential;
mod made;
mod rotate_data;

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::{Subcommand, ValueEnum};
use redoubt_store::keys::{KeyFile, Kind, Secret};
use serde_json::{Value, json};

use self::made::{Destination, Made};
use super::ask;
use super::console::{Command, Console, Target, print};

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    target: Target,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// What opens the store: each way, where it is kept, and since when
    List,
    /// Add another way of opening the store
    Add {
        /// Of which kind
        way: Way,
        #[command(flatten)]
        destination: Destination,
        /// Where it is kept, for the list: "safe in room 12"
        #[arg(long, default_value = "", hide_default_value = true)]
        label: String,
    },
    /// Remove a way of opening the store, by its id in the list
    ///
    /// Backups that were made before still open by it. Against that helps another data key: rotate-data.
    Remove { id: String },
    /// Give a slot another secret, by its id in the list: the old key file, passphrase or recovery key opens nothing any more
    Rotate {
        id: String,
        #[command(flatten)]
        destination: Destination,
    },
    /// Try whether a key opens the store, before it is needed. Nothing changes
    Test {
        /// Of which kind
        way: Way,
        /// The key file
        #[arg(long, value_name = "FILE", required_if_eq_any([("way", "key-file"), ("way", "credential")]))]
        file: Option<PathBuf>,
    },
    /// Open the store of an appliance that waits for it (keys.unlock = "console")
    ///
    /// Asks for the passphrase or the recovery key, or reads it from standard input.
    Unlock,
    /// Encrypt everything anew, under another data key; the appliance must be stopped
    ///
    /// The store is written into a new file beside the old one, with everything else that is sealed, checked, and put in the
    /// place of the data directory, which is kept under another name. What opens it then: the key by which it is opened now,
    /// that of keys.file, the key files given, the passphrases that are typed again, and a new recovery key, which is printed once.
    RotateData(rotate_data::Arguments),
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Way {
    /// A file of 32 random bytes, on a medium that is kept apart
    KeyFile,
    /// The same, sealed by systemd for this machine only: by its TPM, where it has one
    Credential,
    /// What somebody knows
    Passphrase,
    /// What is printed once, and kept on paper
    RecoveryKey,
}

impl From<Way> for Kind {
    fn from(way: Way) -> Self {
        match way {
            Way::KeyFile => Self::KeyFile,
            Way::Credential => Self::Credential,
            Way::Passphrase => Self::Passphrase,
            Way::RecoveryKey => Self::RecoveryKey,
        }
    }
}

const SLOTS: &[(&str, &str)] = &[("ID", "id"), ("KIND", "kind"), ("MADE", "made"), ("KEPT", "label")];
const ALL: &str = "/api/v1/console/slots";

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    match &arguments.verb {
        Verb::RotateData(rotation) => rotate_data::run(&arguments.target, rotation),
        Verb::Unlock => arguments.unlock(),
        _ => super::console::run(arguments),
    }
}

impl Command for Arguments {
    fn target(&self) -> &Target {
        &self.target
    }

    fn run(&self, console: &Console) -> anyhow::Result<()> {
        match &self.verb {
            Verb::List => {
                let answer = console.get(ALL)?;
                let slots = answer["items"].as_array().cloned().unwrap_or_default();
                self.target.show(&answer, |_| print::table(SLOTS, &slots, "No key opens this store."));
            }
            Verb::Add { way, destination, label } => {
                let made = Made::new((*way).into(), destination, &self.target.config()?)?;
                let body = given(made.secret(), Some(label));
                let slot = made.settle(console.post(ALL, &body))?;
                self.tell(&slot, &made, "opens the store, too");
            }
            Verb::Rotate { id, destination } => {
                let made = Made::new(kind_of(console, id)?, destination, &self.target.config()?)?;
                let path = format!("{ALL}/{id}/secret");
                let slot = made.settle(console.post(&path, &given(made.secret(), None)))?;
                self.tell(&slot, &made, "opens the store; what was in its place opens nothing any more");
            }
            Verb::Remove { id } => {
                let kind = kind_of(console, id)?;
                console.delete(&format!("{ALL}/{id}"))?;
                self.target.show(&json!({"removed": id}), |_| {
                    print::sentence(&format!(
                        "The {kind} opens the store no more; backups made before, it does."
                    ));
                });
            }
            Verb::Test { way, file } => {
                let secret = to_test((*way).into(), file.as_ref())?;
                let slot = console.post(&format!("{ALL}/test"), &given(&secret, None))?;
                self.target.show(&slot, |slot| {
                    let id = slot["id"].as_str().unwrap_or_default();
                    print::sentence(&format!("It opens the store (slot {id})."));
                });
            }
            Verb::Unlock | Verb::RotateData(_) => {}
        }
        Ok(())
    }
}

impl Arguments {
    fn tell(&self, slot: &Value, made: &Made, what: &str) {
        let mut answer = slot.clone();
        answer["written"] = json!(made.written());
        answer["recovery_key"] = json!(made.printed().as_ref().map(|text| text.as_str()));
        self.target.show(&answer, |_| {
            print::sentence(&format!("The {} {what}.", made.secret().kind()));
            made.tell();
        });
    }

    fn unlock(&self) -> anyhow::Result<()> {
        let config = self.target.config()?;
        let console = Console::served_at(&config.data.dir)?.context(
            "nobody serves this data directory: start the appliance, which then waits for the key",
        )?;
        console.post("/api/v1/console/unlock", &given(&ask::passphrase_or_recovery_key()?, None))?;
        self.target.show(&json!({"unlocked": true}), |_| {
            print::sentence("The store is open, and the appliance starts.")
        });
        Ok(())
    }
}

/// A secret as the console's API takes it.
fn given(secret: &Secret, label: Option<&str>) -> Value {
    let text = match secret {
        Secret::KeyFile(file) | Secret::Credential(file) => data_encoding::BASE64.encode(file.bytes()),
        Secret::Passphrase(passphrase) => passphrase.as_str().to_owned(),
        Secret::RecoveryKey(key) => key.to_text().to_string(),
    };
    let mut given = json!({"kind": secret.kind().tag(), "secret": text});
    if let Some(label) = label {
        given["label"] = json!(label);
    }
    given
}

fn to_test(kind: Kind, file: Option<&PathBuf>) -> anyhow::Result<Secret> {
    let load = || anyhow::Ok(KeyFile::load(file.context("--file names the key file")?)?);
    Ok(match kind {
        Kind::KeyFile => Secret::KeyFile(load()?),
        Kind::Credential => Secret::Credential(load()?),
        Kind::Passphrase => Secret::Passphrase(ask::passphrase()?),
        Kind::RecoveryKey => Secret::RecoveryKey(ask::recovery_key()?),
    })
}

fn kind_of(console: &Console, id: &str) -> anyhow::Result<Kind> {
    let answer = console.get(ALL)?;
    let slots = answer["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    let Some(slot) = slots.iter().find(|slot| slot["id"] == id) else {
        bail!("the store has no slot {id}; `redoubt key list` shows them")
    };
    slot["kind"].as_str().and_then(Kind::from_tag).context("the appliance's answer cannot be read")
}
