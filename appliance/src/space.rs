//! The space that the store has: how much of it is taken is recorded and told, and what would take more is refused in time.
//!
//! **Invariant:** while the reserve is given up, only what admins and auditors do, and what frees space, writes.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Context as _;
use redoubt_store::alerts::{self, Alert, Rule};
use redoubt_store::{ReserveState, Store};

use crate::config::{self, Config};
use crate::random::{self, Random};
use crate::records;

/// A threshold that was reached counts again when so many per cent less are taken.
const MARGIN: u8 = 2;

/// Which threshold of `[audit]` is reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    #[default]
    Ample,
    Warn,
    Alert,
    Stop,
}

/// What a request takes of the space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Demand {
    /// Nothing, or what must go on until the very end: it is what admins and auditors do, frees space, or leads there.
    Essential,
    /// A record and little else.
    Record,
    /// Texts, as long as somebody likes to write.
    Text,
}

/// Why something is refused: in words for whoever asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("The appliance's disk is full: nothing new is taken until an administrator has made room.")]
pub struct NoSpace;

/// How things are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    pub level: Level,
    /// Per cent of the space that are taken.
    pub used_percent: u8,
    pub reserve: ReserveState,
}

/// Follows the space of the file system that holds the store. Clones share it.
#[derive(Clone)]
pub struct Space {
    limits: config::Audit,
    /// The store's.
    folder: PathBuf,
    store: Store,
    random: Arc<dyn Random>,
    seen: Arc<Mutex<Seen>>,
    /// Held while somebody looks, so that nothing is recorded twice.
    looking: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Clone, Copy, Default)]
struct Seen {
    level: Level,
    used_percent: u8,
    /// Up to which level the log has it.
    recorded: Level,
}

impl Space {
    pub fn new(config: &Config, store: Store, random: Arc<dyn Random>) -> Self {
        let (limits, folder) = (config.audit.clone(), config.data.dir.clone());
        Self { limits, folder, store, random, seen: Arc::default(), looking: Arc::default() }
    }

    pub fn status(&self) -> Status {
        let Seen { level, used_percent, .. } = *self.seen();
        Status { level, used_percent, reserve: self.store.reserve() }
    }

    /// Whether there is space for what a request is about to write. Before it is refused somebody looks again, so that room
    /// which was made counts at once.
    ///
    /// # Errors
    /// [`NoSpace`]
    pub async fn admit(&self, demand: Demand) -> Result<(), NoSpace> {
        if self.has_room_for(demand).is_err()
            && let Ok(used_percent) = self.measure()
            && self.reached(used_percent.saturating_add(MARGIN)) < Level::Alert
            && let Err(error) = self.look().await
        {
            tracing::warn!(error = format!("{error:#}"), "the disk's space is looked at again");
        }
        self.has_room_for(demand)
    }

    /// The same, by the last look.
    ///
    /// # Errors
    /// [`NoSpace`]
    pub fn has_room_for(&self, demand: Demand) -> Result<(), NoSpace> {
        let Status { level, reserve, .. } = self.status();
        let admitted = match demand {
            Demand::Essential => true,
            Demand::Record => reserve != ReserveState::Gone,
            Demand::Text => reserve != ReserveState::Gone && level < Level::Stop,
        };
        if admitted { Ok(()) } else { Err(NoSpace) }
    }

    /// Measures, records and tells what was reached, and takes the reserve again where there is room for it.
    ///
    /// # Errors
    /// The file system does not say, or the store does not take the record, which is then tried again at the next look.
    pub async fn look(&self) -> anyhow::Result<()> {
        let _alone = self.looking.lock().await;
        let used_percent = self.measure()?;
        let Seen { level, recorded, .. } = {
            let mut seen = self.seen();
            seen.used_percent = used_percent;
            seen.level = self.follow(seen.level, used_percent);
            seen.recorded = seen.recorded.min(seen.level);
            *seen
        };
        if level > recorded {
            self.record(recorded, level, used_percent).await?;
            self.seen().recorded = level;
        }
        if level < Level::Alert && self.store.reserve() == ReserveState::Gone {
            let store = self.store.clone();
            if tokio::task::spawn_blocking(move || store.keep_reserve()).await?? {
                tracing::info!("there is room again: the reserve is back");
            }
        }
        Ok(())
    }

    /// Per cent of what anybody but root may use, as df(1) shows it, rounded down.
    fn measure(&self) -> anyhow::Result<u8> {
        let space = rustix::fs::statvfs(&self.folder)
            .with_context(|| format!("the space of {}", self.folder.display()))?;
        let used = u128::from(space.f_blocks.saturating_sub(space.f_bfree));
        let all = used + u128::from(space.f_bavail);
        Ok(u8::try_from((used * 100).checked_div(all).unwrap_or_default()).unwrap_or(100))
    }

    fn follow(&self, before: Level, used_percent: u8) -> Level {
        let reached = self.reached(used_percent);
        if reached > before { reached } else { before.min(self.reached(used_percent.saturating_add(MARGIN))) }
    }

    fn reached(&self, used_percent: u8) -> Level {
        let levels = [Level::Stop, Level::Alert, Level::Warn];
        let reached = levels.into_iter().find(|level| used_percent >= self.threshold(*level));
        reached.unwrap_or_default()
    }

    fn threshold(&self, level: Level) -> u8 {
        match level {
            Level::Ample => 0,
            Level::Warn => self.limits.warn_percent,
            Level::Alert => self.limits.alert_percent,
            Level::Stop => self.limits.stop_percent,
        }
    }

    async fn record(&self, recorded: Level, level: Level, used_percent: u8) -> anyhow::Result<()> {
        let levels = [Level::Warn, Level::Alert, Level::Stop];
        let reached = levels.into_iter().filter(|reached| (recorded < *reached) && (*reached <= level));
        let percents: Vec<u8> = reached.map(|level| self.threshold(level)).collect();
        match level {
            Level::Ample | Level::Warn => tracing::warn!(used_percent, "the disk fills up"),
            Level::Alert => tracing::error!(used_percent, "the disk fills up: make room"),
            Level::Stop => tracing::error!(used_percent, "the disk is nearly full: nothing new is taken"),
        }
        let threshold = u64::from(self.threshold(level));
        let id = random::id(self.random.as_ref())?;
        let write = move |tx: &mut redoubt_store::Tx<'_>| {
            for percent in percents {
                tx.audit(records::space_reached(percent))?;
            }
            let now = tx.now_us();
            // Another start over the same full disk is no news.
            let is_known = alerts::last(tx, Rule::Storage, now)?
                .is_some_and(|last| last.acknowledged_at.is_none() && last.threshold >= threshold);
            if level >= Level::Alert && !is_known {
                let alert = Alert {
                    id,
                    rule: Rule::Storage,
                    raised_at: now,
                    count: used_percent.into(),
                    threshold,
                    window_seconds: 0,
                    acknowledged_at: None,
                    acknowledged_by: None,
                };
                alerts::insert(tx, &alert)?;
                tx.audit(records::rights::alert_raised(&alert))?;
            }
            Ok::<_, redoubt_store::Error>(())
        };
        Ok(self.store.write(write).await?)
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
