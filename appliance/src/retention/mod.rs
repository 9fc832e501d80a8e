//! How long chats are kept, what a law forbids to delete, and what is erased after a spill.
//!
//! `policy` deletes or archives chats whose time is over, `archive` holds the sealed files, `holds` keep chats from all of
//! it, `purge` erases one chat with every trace, which two people decide, and `statement` says what was done. Nobody here
//! shows a chat to anybody, and nothing here knows HTTP.

mod archive;
mod holds;
mod policy;
mod purge;
mod statement;

use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use redoubt_store::{Clock, Reader, Store, users};
use tokio::sync::Mutex;

pub use archive::ArchiveDetail;
use archive::Archives;
pub(crate) use archive::reseal;
pub use holds::{HoldDetail, NewHold};
pub use policy::{Outlook, Run};
pub use purge::{PurgeDetail, Stage};

use crate::access::Error;
use crate::chat::Chats;
use crate::config::Config;
use crate::random::Random;

/// How often it is looked whether something is due.
const LOOKS: Duration = Duration::from_secs(5);
/// The longest reason of a hold or a purge, in characters.
const MAX_REASON: usize = 1_000;

/// What is kept and what goes. Clones share it.
#[derive(Clone)]
pub struct Retention {
    store: Store,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    chats: Chats,
    archives: Archives,
    /// From which hour of the day (UTC) on a day's run is due.
    hour: u32,
    /// The day of the last run, counted from 1970.
    last_day: Arc<AtomicI64>,
    /// One run, and one round of purges, at a time.
    running: Arc<Mutex<()>>,
    purging: Arc<Mutex<()>>,
}

impl Retention {
    pub fn new(
        store: Store,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        chats: Chats,
        config: &Config,
    ) -> Self {
        // The folder is made when the first chat goes into it.
        let archives = Archives::new(config.data.dir.join(archive::FOLDER), store.clone());
        let hour = config.retention.hour;
        let (last_day, running, purging) = (Arc::new(AtomicI64::new(-1)), Arc::default(), Arc::default());
        Self { store, clock, random, chats, archives, hour, last_day, running, purging }
    }

    /// Runs for as long as the appliance serves: the day's run, and what is left of purges.
    pub async fn follow(&self) {
        loop {
            tokio::time::sleep(LOOKS).await;
            if let Err(error) = self.run_if_due().await {
                tracing::warn!(%error, "the day's retention failed and is tried again");
            }
            if let Err(error) = self.finish_purges().await {
                tracing::warn!(%error, "a purge is not complete and is tried again");
            }
        }
    }
}

/// A reason as it is kept: some text.
fn reason(typed: String) -> Result<String, Error> {
    let reason = typed.trim();
    let allowed = |c: char| !c.is_control() || c == '\n';
    if !(1..=MAX_REASON).contains(&reason.chars().count()) || !reason.chars().all(allowed) {
        return Err(Error::invalid("reason", format!("a text of 1 to {MAX_REASON} characters")));
    }
    Ok(reason.to_owned())
}

/// Somebody's name; the id of whoever is not there.
fn name_of(reader: &Reader, user_id: &str) -> Result<String, redoubt_store::Error> {
    Ok(users::find(reader, user_id)?.map_or_else(|| user_id.to_owned(), |user| user.name))
}
