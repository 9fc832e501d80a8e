//! A new secret, and where it was put: a file, a credential, a person's head, paper.

use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;
use redoubt_store::keys::{KeyFile, Kind, RecoveryKey, Secret};
use ring::rand::SystemRandom;
use serde_json::Value;
use zeroize::Zeroizing;

use super::super::Usage;
use super::super::ask;
use super::super::voice::say;
use super::credential;
use crate::config::Config;

#[derive(clap::Args)]
pub(super) struct Destination {
    /// Where to write the new key file or credential, which must not exist
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
}

pub(super) struct Made {
    secret: Secret,
    written: Option<PathBuf>,
    /// The name by which the service reads a credential.
    name: String,
}

impl Made {
    /// Makes it and puts it where it belongs, before any slot knows it: a key that is nowhere must open nothing.
    pub(super) fn new(kind: Kind, destination: &Destination, config: &Config) -> anyhow::Result<Self> {
        let random = SystemRandom::new();
        let name = config.keys.file.file_name().map(|name| name.to_string_lossy().into_owned());
        let name = name.context("keys.file names no file")?;
        let is_file = matches!(kind, Kind::KeyFile | Kind::Credential);
        if is_file != destination.to.is_some() {
            let why =
                if is_file { "--to says where to write it" } else { "--to is for key files and credentials" };
            return Err(Usage(why.to_owned()).into());
        }
        let secret = match (kind, &destination.to) {
            (Kind::KeyFile, Some(path)) => {
                let file = KeyFile::generate(&random)?;
                file.save(path)?;
                Secret::KeyFile(file)
            }
            (Kind::Credential, Some(path)) => {
                let file = KeyFile::generate(&random)?;
                credential::seal(&file, &name, path)?;
                Secret::Credential(file)
            }
            (Kind::Passphrase, _) => Secret::Passphrase(ask::new_passphrase()?),
            _ => Secret::RecoveryKey(RecoveryKey::generate(&random)?),
        };
        Ok(Self { secret, written: destination.to.clone(), name })
    }

    pub(super) fn secret(&self) -> &Secret {
        &self.secret
    }

    pub(super) fn written(&self) -> Option<&PathBuf> {
        self.written.as_ref()
    }

    /// What is to be put on paper.
    pub(super) fn printed(&self) -> Option<Zeroizing<String>> {
        match &self.secret {
            Secret::RecoveryKey(key) => Some(key.to_text()),
            _ => None,
        }
    }

    /// Takes a file away again that became no slot.
    pub(super) fn settle(&self, outcome: anyhow::Result<Value>) -> anyhow::Result<Value> {
        if let (Err(_), Some(path)) = (&outcome, &self.written) {
            fs::remove_file(path).with_context(|| path.display().to_string())?;
        }
        outcome
    }

    pub(super) fn tell(&self) {
        match (&self.secret, &self.written) {
            (Secret::RecoveryKey(key), _) => {
                say(&format!("\n  {}\n\nIt is shown this once.", key.to_text().as_str()));
            }
            (Secret::KeyFile(_), Some(path)) => {
                say(&format!("It is in {}: take that medium away.", path.display()));
            }
            (Secret::Credential(_), Some(path)) => say(&format!(
                "It is in {0}, sealed for this machine. In a drop-in of the service (systemctl edit redoubt.service):\n\n\
                 [Service]\nLoadCredential=\nLoadCredentialEncrypted={1}:{0}",
                path.display(),
                self.name
            )),
            _ => {}
        }
    }
}
