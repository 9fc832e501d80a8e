//! `redoubt audit certify-epochs`: keys for the days to come, certified by the install root, which is presented for it.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use redoubt_audit::ssh::Certificate;
use redoubt_store::{Clock, Store, audit_epochs};
use ring::rand::SystemRandom;
use serde_json::json;

use super::super::ask;
use super::super::console::Target;
use super::super::software;
use super::super::voice::say;
use crate::audit::root::Root;
use crate::clock::SystemClock;
use crate::front::open_store;

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    target: Target,
    /// The root's private key, as `init` gave it; not needed where the root was kept
    #[arg(long, value_name = "FILE")]
    root_key: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let config = arguments.target.config()?;
    let given = arguments.root_key.as_deref().map(Root::load).transpose()?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let random = SystemRandom::new();
    let store =
        open_store(&config.data.dir, &ask::configured(&config)?, &software()?, clock.clone(), &random)?;
    let root = match given {
        Some(root) => root,
        None => Root::kept(&config.data.dir, &store)?
            .context("the root was not kept here: give its private key with --root-key")?,
    };
    check_root(&store, &root)?;
    let certified = root.certify(&store, clock.now_us(), &random)?;
    store.write_blocking(|tx| tx.checkpoint())?;
    store.close()?;
    if arguments.target.json() {
        let answer = json!({"first": certified.first, "last": certified.last, "root": certified.root});
        say(&answer.to_string());
    } else {
        say(&format!(
            "Epochs {} to {} are certified by {}.",
            certified.first, certified.last, certified.root
        ));
    }
    Ok(())
}

/// Another root than the one that auditors pinned would make bundles that nobody trusts.
fn check_root(store: &Store, root: &Root) -> anyhow::Result<()> {
    let Some(epoch) = store.read_blocking(|reader| audit_epochs::find(reader, 0))? else { return Ok(()) };
    let pinned = *Certificate::from_blob(&epoch.certificate)?.authority();
    if pinned != root.public() {
        bail!(
            "this is the root {}, and auditors pinned {}; nothing was changed",
            root.public().fingerprint(),
            pinned.fingerprint()
        );
    }
    Ok(())
}
