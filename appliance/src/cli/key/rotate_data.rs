//! `redoubt key rotate-data`: everything under another data key, in a new data directory that takes the old one's place.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use redoubt_store::keys::{Description, KeyFile, KeySlots, Kind, Passphrase, RecoveryKey, Secret, Slot};
use redoubt_store::{Clock, check_free};
use ring::rand::SystemRandom;
use serde_json::json;
use zeroize::Zeroizing;

use super::super::ask;
use super::super::beside::Draft;
use super::super::console::Target;
use super::super::opening::By;
use super::super::software;
use super::super::voice::{say, tell};
use crate::clock::{SystemClock, rfc3339};
use crate::config::Config;
use crate::control;
use crate::front::open_store;
use crate::unlock::{self, Rotated, Unlock};

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    by: By,
    /// Another key file that is to open the store afterwards, as it does now; may be repeated
    #[arg(long, value_name = "FILE")]
    keep: Vec<PathBuf>,
    /// Delete the data directory of before, which the old keys open, instead of keeping it under another name
    #[arg(long)]
    discard_old: bool,
}

pub(super) fn run(target: &Target, arguments: &Arguments) -> anyhow::Result<()> {
    let config = target.config()?;
    let data_dir = &config.data.dir;
    let stopped = || format!("{}: stop the appliance first", data_dir.display());
    check_free(data_dir).with_context(stopped)?;
    if control::connect(data_dir)?.is_some() {
        bail!(stopped());
    }
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let (random, software) = (SystemRandom::new(), software()?);
    let unlock = arguments.by.unlock(&config)?;
    let store = open_store(data_dir, &unlock, &software, clock.clone(), &random)?;
    let keys = Keys::collect(&config, unlock, arguments, &rfc3339(clock.now_us()))?;
    let draft = Draft::new(data_dir, "rotation")?;
    tell("writing everything anew, and checking it");
    let rotated = unlock::rotate(&store, data_dir, draft.path(), &keys.secrets, &software, clock, &random)?;
    store.close()?;
    let before = draft
        .take_place(data_dir)?
        .filter(|before| !arguments.discard_old || fs::remove_dir_all(before).is_err());
    report(target, &config, &keys, rotated, before.as_ref());
    Ok(())
}

/// What opens the store afterwards.
struct Keys {
    secrets: Vec<(Secret, Description)>,
    /// The new one, if there was one.
    recovery_key: Option<Zeroizing<String>>,
    /// What opens it no more.
    dropped: Vec<Slot>,
}

impl Keys {
    fn collect(config: &Config, unlock: Unlock, arguments: &Arguments, now: &str) -> anyhow::Result<Self> {
        let slots = KeySlots::load(&config.data.dir)?;
        let opening = unlock.secret()?;
        let mut left: Vec<Slot> = slots.slots().to_vec();
        let mut keys = Self { secrets: Vec::new(), recovery_key: None, dropped: Vec::new() };
        if opening.kind() != Kind::RecoveryKey {
            keys.carry(&slots, &mut left, opening, now)?;
        }
        for path in &arguments.keep {
            keys.carry(&slots, &mut left, Secret::KeyFile(KeyFile::load(path)?), now)
                .with_context(|| path.display().to_string())?;
        }
        // The next start asks for it, whatever it is opened by today.
        if let Ok(file) = KeyFile::load(&config.keys.file).map(Secret::KeyFile)
            && slots.open(&file).is_ok()
        {
            keys.carry(&slots, &mut left, file, now)?;
        }
        for slot in left {
            keys.renew(&slots, slot, now)?;
        }
        if !keys.secrets.iter().any(|(secret, _)| config.keys.unlock.takes(secret.kind())) {
            bail!(
                "nothing that keys.unlock = {:?} asks for would open it at the next start; nothing was changed",
                config.keys.unlock.as_str()
            );
        }
        Ok(keys)
    }

    /// Another slot for a secret that has one.
    fn carry(
        &mut self,
        slots: &KeySlots,
        left: &mut Vec<Slot>,
        secret: Secret,
        now: &str,
    ) -> anyhow::Result<()> {
        let slot = slots.open(&secret)?.1;
        // Given twice, it is one.
        if !left.iter().any(|other| other.id() == slot.id()) {
            return Ok(());
        }
        left.retain(|other| other.id() != slot.id());
        let secret = match (slot.kind(), secret) {
            (Kind::Credential, Secret::KeyFile(file)) => Secret::Credential(file),
            (_, secret) => secret,
        };
        self.secrets.push((secret, describe(slot, now)));
        Ok(())
    }

    /// A slot whose secret nobody has given yet: paper is printed anew, and a person asked.
    fn renew(&mut self, slots: &KeySlots, slot: Slot, now: &str) -> anyhow::Result<()> {
        match slot.kind() {
            Kind::RecoveryKey if self.recovery_key.is_none() => {
                let key = RecoveryKey::generate(&SystemRandom::new())?;
                self.recovery_key = Some(key.to_text());
                self.secrets.push((Secret::RecoveryKey(key), describe(&slot, now)));
            }
            Kind::Passphrase => match ask_again(slots, &slot)? {
                Some(passphrase) => self.secrets.push((Secret::Passphrase(passphrase), describe(&slot, now))),
                None => self.dropped.push(slot),
            },
            _ => self.dropped.push(slot),
        }
        Ok(())
    }
}

/// The passphrase of this slot; `None` if nothing is typed.
fn ask_again(slots: &KeySlots, slot: &Slot) -> anyhow::Result<Option<Passphrase>> {
    let name = if slot.label().is_empty() { slot.id() } else { slot.label() };
    let typed = ask::line(&format!("Passphrase of {name:?} (nothing: it is dropped): "))?;
    if typed.is_empty() {
        return Ok(None);
    }
    let secret = Secret::Passphrase(Passphrase::parse(&typed)?);
    if slots.open(&secret)?.1.id() != slot.id() {
        bail!("that is another slot's passphrase; nothing was changed");
    }
    Ok(Some(Passphrase::parse(&typed)?))
}

fn describe(slot: &Slot, now: &str) -> Description {
    Description { label: slot.label().to_owned(), made: now.to_owned() }
}

fn report(target: &Target, config: &Config, keys: &Keys, rotated: Rotated, before: Option<&PathBuf>) {
    let recovery_key = keys.recovery_key.as_ref().map(|text| text.as_str());
    let dropped: Vec<&str> = keys.dropped.iter().map(Slot::id).collect();
    if target.json() {
        let told = json!({
            "data": config.data.dir, "before": before, "slots": rotated.slots, "records": rotated.records,
            "archives": rotated.archives, "recovery_key": recovery_key, "dropped": dropped,
        });
        return say(&told.to_string());
    }
    say(&format!(
        "{} is under another data key now: {} audit records, {} archives, {} ways of opening it.",
        config.data.dir.display(),
        rotated.records,
        rotated.archives,
        rotated.slots
    ));
    for slot in &keys.dropped {
        say(&format!("The {} {} opens it no more: nobody gave it.", slot.kind(), slot.id()));
    }
    if let Some(text) = recovery_key {
        say(&format!("The new recovery key, shown this once:\n\n  {text}\n"));
    }
    match before {
        Some(before) => say(&format!(
            "What was there before is in {}, and the old keys open it, as they do backups: delete it when you are sure.",
            before.display()
        )),
        None => {
            say("What was there before is deleted. Backups of before open by the old keys: make a new one.")
        }
    }
}
