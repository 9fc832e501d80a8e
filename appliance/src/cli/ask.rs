//! Asks for secrets: on a terminal without showing them, else a line of standard input each.

use std::io::{self, BufRead as _, IsTerminal as _};

use anyhow::{Context as _, bail};
use redoubt_store::keys::{Passphrase, RecoveryKey, Secret};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use super::voice::ask as prompt_for;
use crate::config::{Config, Opening};
use crate::unlock::Unlock;

/// More than any key, in bytes.
const MAX_LINE: u64 = 4096;

/// What the configuration opens the store by.
pub(super) fn configured(config: &Config) -> anyhow::Result<Unlock> {
    match config.keys.unlock {
        Opening::File => Ok(Unlock::KeyFile(config.keys.file.clone())),
        Opening::Console => Ok(Unlock::Given(passphrase_or_recovery_key()?)),
    }
}

pub(super) fn passphrase_or_recovery_key() -> anyhow::Result<Secret> {
    let typed = line("Passphrase or recovery key: ")?;
    match RecoveryKey::parse(&typed) {
        Ok(key) => Ok(Secret::RecoveryKey(key)),
        Err(_) => Ok(Secret::Passphrase(Passphrase::parse(&typed)?)),
    }
}

pub(super) fn recovery_key() -> anyhow::Result<RecoveryKey> {
    Ok(RecoveryKey::parse(line("Recovery key: ")?.trim())?)
}

pub(super) fn passphrase() -> anyhow::Result<Passphrase> {
    Ok(Passphrase::parse(&line("Passphrase: ")?)?)
}

/// A new passphrase: typed twice where nobody sees what is typed.
pub(super) fn new_passphrase() -> anyhow::Result<Passphrase> {
    let typed = line("New passphrase: ")?;
    let passphrase = Passphrase::parse(&typed)?;
    passphrase.check_new()?;
    if io::stdin().is_terminal() && *line("The same again: ")? != *typed {
        bail!("the two were not the same; nothing was changed");
    }
    Ok(passphrase)
}

/// A line, without its end; empty where standard input is over.
pub(super) fn line(prompt: &str) -> anyhow::Result<Zeroizing<String>> {
    let stdin = io::stdin();
    let _hidden = if stdin.is_terminal() {
        prompt_for(prompt);
        Some(Hidden::begin()?)
    } else {
        None
    };
    let mut typed = Zeroizing::new(String::with_capacity(MAX_LINE as usize));
    io::Read::take(stdin.lock(), MAX_LINE).read_line(&mut typed)?;
    let end = typed.trim_end_matches(['\r', '\n']).len();
    typed.truncate(end);
    Ok(typed)
}

/// While it lives, a terminal does not show what is typed.
struct Hidden(Termios);

impl Hidden {
    fn begin() -> anyhow::Result<Self> {
        let shown = tcgetattr(io::stdin()).context("the terminal")?;
        let mut hidden = shown.clone();
        hidden.local_modes.remove(LocalModes::ECHO);
        tcsetattr(io::stdin(), OptionalActions::Flush, &hidden).context("the terminal")?;
        Ok(Self(shown))
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        // A terminal that is gone shows nothing anyway.
        let _gone = tcsetattr(io::stdin(), OptionalActions::Flush, &self.0);
        super::voice::remark("");
    }
}
