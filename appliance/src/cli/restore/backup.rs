//! Restoring a backup. **Invariant:** the data directory is what it was, or the restored one: everything happens in a folder
//! beside it, which takes its place at the end.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use redoubt_store::keys::{Description, KeyFile, KeySlots, Secret};
use redoubt_store::{Clock, Store, Tx, audit_checkpoints, audit_log, check_free, sessions};
use ring::rand::SystemRandom;
use serde_json::json;

use super::super::beside::Draft;
use super::super::progress::Progress;
use super::super::software;
use super::super::voice::say;
use super::Arguments;
use crate::audit::anchor::Anchor;
use crate::backup::{Backup, Summary};
use crate::clock::{SystemClock, rfc3339};
use crate::config::{Config, Opening};
use crate::control;
use crate::front::open_store;
use crate::records;
use crate::unlock::Unlock;

pub(super) fn run(arguments: &Arguments, path: &Path) -> anyhow::Result<()> {
    let config = arguments.target.config()?;
    let data_dir = config.data.dir.clone();
    if !arguments.drill {
        let stopped = || format!("{}: stop the appliance first", data_dir.display());
        check_free(&data_dir).with_context(stopped)?;
        // One that waits for a key does not have the store yet.
        if data_dir.exists() && control::connect(&data_dir)?.is_some() {
            bail!(stopped());
        }
    }
    let backup = Backup::open(path).with_context(|| path.display().to_string())?;
    let mut progress = Progress::new("checking", Some(backup.size()));
    backup.check(|bytes| progress.add(bytes)).with_context(|| path.display().to_string())?;
    progress.end();
    let unlock = arguments.by.unlock(&config)?;
    let draft = Draft::new(&data_dir, "restore")?;
    backup.unpack(draft.path())?;
    let opened = open(draft.path(), &unlock)?;
    let restored =
        if arguments.drill { None } else { Some(settle(&opened.store, &data_dir, backup.summary())?) };
    opened.store.close()?;
    let sound = Sound { summary: backup.summary().clone(), records: opened.records };
    let Some(sessions) = restored else {
        return tell_drill(arguments, &sound);
    };
    let new_key = new_key_file(draft.path(), &unlock, &config)?;
    let before = draft.take_place(&data_dir)?;
    tell(arguments, &Placed { sound, sessions, data_dir, before, new_key })
}

/// A restored store that holds together.
struct Opened {
    store: Store,
    records: u64,
}

/// Opens the store, and compares all that it holds with its audit log, and that with its checkpoint.
fn open(folder: &Path, unlock: &Unlock) -> anyhow::Result<Opened> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let store = open_store(folder, unlock, &software()?, clock, &SystemRandom::new())?;
    if let Some(problem) = store.check_integrity()?.first() {
        return Err(redoubt_store::Error::NotIntact(problem.clone()).into());
    }
    let records = store.read_blocking(audit_log::size)?;
    Ok(Opened { store, records })
}

/// Writes into the restored log what happened to it, and ends the sessions of then. Returns how many.
fn settle(store: &Store, data_dir: &Path, summary: &Summary) -> anyhow::Result<usize> {
    let known = Anchor::in_folder(data_dir).read()?;
    let present = store.read_blocking(audit_checkpoints::latest)?.map(|signed| signed.note);
    let lost = known.filter(|known| Some(known) != present.as_ref());
    let (made, records) = (summary.time.clone(), summary.records);
    Ok(store.write_blocking(move |tx: &mut Tx<'_>| {
        let open = sessions::list(tx)?;
        for session in &open {
            sessions::delete(tx, &session.user_id, &session.id)?;
            tx.audit(records::session_refused(session, "restore"))?;
        }
        if lost.is_some() {
            tx.audit(records::log_restored(lost.as_deref(), present.as_deref()))?;
        }
        tx.audit(records::restored(&made, records, open.len()))?;
        tx.checkpoint()?;
        Ok::<_, redoubt_store::Error>(open.len())
    })?)
}

/// A store that was opened by the recovery key, where the key file is lost, gets another one.
fn new_key_file(folder: &Path, unlock: &Unlock, config: &Config) -> anyhow::Result<Option<PathBuf>> {
    let path = &config.keys.file;
    if matches!(unlock, Unlock::KeyFile(_)) || config.keys.unlock != Opening::File || path.exists() {
        return Ok(None);
    }
    let (mut slots, random) = (KeySlots::load(folder)?, SystemRandom::new());
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).with_context(|| parent.display().to_string())?;
    }
    let key_file = KeyFile::generate(&random)?;
    key_file.save(path)?;
    let description = Description { label: String::new(), made: rfc3339(SystemClock::new().now_us()) };
    slots.add(&unlock.open(&slots)?, &Secret::KeyFile(key_file), description, &random)?;
    slots.save(folder)?;
    Ok(Some(path.clone()))
}

/// What was looked at, and found to be in order.
struct Sound {
    summary: Summary,
    records: u64,
}

/// What is now in the place of the data directory.
struct Placed {
    sound: Sound,
    sessions: usize,
    data_dir: PathBuf,
    before: Option<PathBuf>,
    new_key: Option<PathBuf>,
}

fn tell_drill(arguments: &Arguments, sound: &Sound) -> anyhow::Result<()> {
    let Sound { summary, records } = sound;
    if arguments.target.json() {
        say(&json!({"drill": true, "made": summary.time, "records": records, "signed": summary.signed})
            .to_string());
        return Ok(());
    }
    say(&format!(
        "This backup of {} restores: every file has its sum, the key opens the store,",
        summary.time
    ));
    say(&format!(
        "its pages and rows are whole, and its {records} audit records make the tree that is signed."
    ));
    say("Nothing was changed.");
    Ok(())
}

fn tell(arguments: &Arguments, placed: &Placed) -> anyhow::Result<()> {
    let Placed { sound: Sound { summary, records }, sessions, data_dir, before, new_key } = placed;
    if arguments.target.json() {
        let told = json!({
            "restored": data_dir, "made": summary.time, "records": records, "sessions_ended": sessions,
            "before": before, "new_key_file": new_key,
        });
        say(&told.to_string());
        return Ok(());
    }
    say(&format!("{} is as it was at {}; {sessions} sessions were ended.", data_dir.display(), summary.time));
    if let Some(before) = before {
        say(&format!("What was there before is in {}: delete it when you are sure.", before.display()));
    }
    if let Some(path) = new_key {
        say(&format!("The key file was lost: a new one is {}.", path.display()));
    }
    say("The audit log says so. Whoever verified a later state will see that this log diverges from it.");
    Ok(())
}
