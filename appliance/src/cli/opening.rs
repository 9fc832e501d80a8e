//! By what a command opens a store, where that is not what the configuration says.

use std::path::PathBuf;

use redoubt_store::keys::Secret;

use super::ask;
use crate::config::Config;
use crate::unlock::Unlock;

#[derive(clap::Args)]
pub(super) struct By {
    /// Open it by this key file
    #[arg(long, value_name = "FILE", group = "opening")]
    key_file: Option<PathBuf>,
    /// Open it by the recovery key, which is asked for (or read from standard input)
    #[arg(long, group = "opening")]
    recovery_key: bool,
    /// Open it by the passphrase, which is asked for (or read from standard input)
    #[arg(long, group = "opening")]
    passphrase: bool,
}

impl By {
    pub(super) fn unlock(&self, config: &Config) -> anyhow::Result<Unlock> {
        if let Some(path) = &self.key_file {
            return Ok(Unlock::KeyFile(path.clone()));
        }
        if self.recovery_key {
            return Ok(Unlock::Given(Secret::RecoveryKey(ask::recovery_key()?)));
        }
        if self.passphrase {
            return Ok(Unlock::Given(Secret::Passphrase(ask::passphrase()?)));
        }
        ask::configured(config)
    }
}
