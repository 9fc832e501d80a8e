//! `--acknowledge-downgrade`: an older version goes on with the store, and says so in the log.

use std::sync::Arc;

use anyhow::bail;
use redoubt_store::{Clock, Options, Store, Version, meta};
use ring::rand::SystemRandom;
use serde_json::json;

use super::super::console::Target;
use super::super::opening::By;
use super::super::software;
use super::super::voice::say;
use crate::audit::anchor::Anchor;
use crate::clock::SystemClock;
use crate::front::{origin, store_options};
use crate::versions;
use redoubt_store::keys::KeySlots;

pub(super) fn run(target: &Target, by: &By) -> anyhow::Result<()> {
    let config = target.config()?;
    let data_dir = &config.data.dir;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let slots = KeySlots::load(data_dir)?;
    let key = by.unlock(&config)?.open(&slots)?;
    let software = software()?;
    let options = Options { goes_back: true, ..store_options(data_dir) };
    let store =
        Store::open(options, key, clock, origin(slots.install_id(), &software, &SystemRandom::new())?)?;
    Anchor::in_folder(data_dir).check(&store)?;
    let (from, ours) = (store.read_blocking(meta::version)?, Version::of_software(&software));
    let (Some(from), Some(ours)) = (from, ours.filter(|ours| Some(*ours) < from)) else {
        bail!("no newer version wrote this store last: there is nothing to acknowledge");
    };
    versions::settle(&store, &software)?;
    store.close()?;
    if target.json() {
        say(&json!({ "from": from.to_string(), "to": ours.to_string() }).to_string());
    } else {
        say(&format!("Version {ours} goes on with what {from} wrote; the audit log says so."));
    }
    Ok(())
}
