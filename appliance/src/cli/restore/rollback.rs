//! `--acknowledge-rollback`: goes on from an earlier state, and says so in the log.

use std::sync::Arc;

use anyhow::bail;
use redoubt_store::{Clock, audit_checkpoints};
use ring::rand::SystemRandom;
use serde_json::json;

use super::super::console::Target;
use super::super::opening::By;
use super::super::software;
use super::super::voice::say;
use crate::audit::anchor::{self, Anchor};
use crate::clock::SystemClock;
use crate::front::open_store_as_it_is;
use crate::records;

pub(super) fn run(target: &Target, by: &By) -> anyhow::Result<()> {
    let config = target.config()?;
    let data_dir = &config.data.dir;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let random = SystemRandom::new();
    let store = open_store_as_it_is(data_dir, &by.unlock(&config)?, &software()?, clock, &random)?;
    let anchor = Anchor::in_folder(data_dir);
    let why = match anchor.check(&store) {
        Ok(()) => bail!("the audit log goes on from its anchor: there is nothing to acknowledge"),
        Err(anchor::Error::NotExtended { why, .. }) => why,
        Err(other) => return Err(other.into()),
    };
    let lost = anchor.read()?;
    let present = store.read_blocking(audit_checkpoints::latest)?.map(|signed| signed.note);
    let draft = records::log_restored(lost.as_deref(), present.as_deref());
    // The new checkpoint takes the anchor's place.
    let seq = store.write_blocking(move |tx| {
        let seq = tx.audit(draft)?;
        tx.checkpoint()?;
        Ok::<_, redoubt_store::Error>(seq)
    })?;
    store.close()?;
    if target.json() {
        say(&json!({ "record": seq, "why": why }).to_string());
    } else {
        say(&format!("Record {seq} says that the log was taken back: {why}. It goes on from there."));
        say(
            "Whoever verified a later state will see that this log diverges from it: give them this record's number.",
        );
    }
    Ok(())
}
