//! The writer's end of the audit log: numbers, stamps and seals records, and keeps the tree's right edge. `sealing.rs` has
//! what signs it.

use std::fmt;
use std::sync::Arc;

use redoubt_audit::{Actor, Draft, Origin, Outcome, Record, Stamp, Tree, catalogue};

use crate::audit_checkpoints::Signed;
use crate::audit_epochs::Present;
use crate::tx::Reader;
use crate::{Clock, DataKey, Error, audit_epochs, audit_log, audit_tree};

/// A wall clock that moves more than this against the monotonic one has stepped.
const STEP_US: i64 = 2_000_000;

/// What a transaction that is rolled back must take back.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    pub(crate) tree: Tree,
    last: Option<Last>,
    /// The epoch whose key signs; `None` until keys were certified.
    pub(crate) epoch: Option<Arc<Present>>,
    /// Whether no key follows it, so that it goes on beyond its day.
    pub(crate) is_last_epoch: bool,
    /// The tree that was signed last, empty if none was, and its checkpoint.
    pub(crate) signed_tree: Tree,
    pub(crate) signed: Option<Arc<Signed>>,
}

/// When the last record was written. The monotonic clock of an earlier boot says nothing.
#[derive(Clone, Copy, Debug)]
struct Last {
    time_us: i64,
    mono_us: Option<u64>,
}

/// A moment on both clocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) time_us: i64,
    mono_us: u64,
    /// By how much the wall clock stepped since the last record, if it did.
    step_us: Option<i64>,
}

pub(crate) struct Ledger {
    clock: Arc<dyn Clock>,
    pub(crate) origin: Origin,
    pub(crate) key: DataKey,
    pub(crate) state: State,
    /// Records of the open transaction, in their order.
    sealed: Vec<Record>,
}

impl Ledger {
    /// Goes on where the store's log ends.
    ///
    /// # Errors
    /// [`Error::NotIntact`] if the log does not extend its last checkpoint.
    pub(crate) fn load(
        reader: &Reader,
        clock: Arc<dyn Clock>,
        origin: Origin,
        key: DataKey,
    ) -> Result<Self, Error> {
        let tree = audit_log::tree(reader)?;
        audit_tree::complete(reader, tree.size())?;
        let last = audit_log::last_time(reader)?.map(|time_us| Last { time_us, mono_us: None });
        let epoch = audit_epochs::present(reader, &key)?.map(Arc::new);
        let state = State { tree, last, epoch, ..State::default() };
        let mut ledger = Self { clock, origin, key, state, sealed: Vec::new() };
        ledger.resume(reader)?;
        Ok(ledger)
    }

    pub(crate) fn state(&self) -> State {
        self.state.clone()
    }

    pub(crate) fn restore(&mut self, state: State) {
        let size = state.tree.size();
        self.sealed.retain(|record| record.fields().seq < size);
        self.state = state;
    }

    /// The records of a transaction that is on the disk now.
    pub(crate) fn take_sealed(&mut self) -> Vec<Record> {
        std::mem::take(&mut self.sealed)
    }

    /// How many records there are.
    pub(crate) fn size(&self) -> u64 {
        self.state.tree.size()
    }

    /// The number of the present epoch.
    pub(crate) fn epoch(&self) -> Option<u64> {
        self.state.epoch.as_ref().map(|epoch| epoch.number)
    }

    pub(crate) fn store_tree(&self, reader: &Reader) -> Result<(), Error> {
        audit_tree::store(reader, &self.state.tree)
    }

    /// Reads the clocks. **Invariant:** unless it stepped, the time is not before that of the last record.
    pub(crate) fn now(&self) -> Moment {
        let (time_us, mono_us) = (self.clock.now_us(), self.clock.mono_us());
        let Some(last) = self.state.last else {
            return Moment { time_us, mono_us, step_us: None };
        };
        let step_us = match last.mono_us {
            Some(last_mono_us) => {
                let elapsed_us = i64::try_from(mono_us.saturating_sub(last_mono_us)).unwrap_or(i64::MAX);
                time_us.saturating_sub(last.time_us.saturating_add(elapsed_us))
            }
            // Across a restart only a step back is known to be one.
            None => time_us.saturating_sub(last.time_us).min(0),
        };
        if step_us.abs() > STEP_US {
            Moment { time_us, mono_us, step_us: Some(step_us) }
        } else {
            Moment { time_us: time_us.max(last.time_us), mono_us, step_us: None }
        }
    }

    /// Seals `draft` as the next record, after one that declares a step of the clock if there was one.
    pub(crate) fn append(&mut self, reader: &Reader, now: &Moment, draft: &Draft) -> Result<u64, Error> {
        // A transaction's moment is read once: only its first record finds the step undeclared.
        let undeclared = now.step_us.filter(|_| self.state.last.is_none_or(|last| !last.is_at(now)));
        if let Some(step_us) = undeclared {
            let step = Draft::new(catalogue::SYSTEM_CLOCK_STEP, Outcome::Ok, Actor::system());
            self.seal(reader, now, &step.data("step_us", step_us))?;
        }
        self.seal(reader, now, draft)
    }

    fn seal(&mut self, reader: &Reader, now: &Moment, draft: &Draft) -> Result<u64, Error> {
        let seq = self.state.tree.size();
        let stamp = Stamp { seq, time_us: now.time_us, mono_us: now.mono_us };
        let record = draft.seal(&self.origin, stamp)?;
        audit_log::append(reader, &record, now.time_us)?;
        audit_tree::push(reader, &mut self.state.tree, record.leaf())?;
        self.state.last = Some(Last { time_us: now.time_us, mono_us: Some(now.mono_us) });
        self.sealed.push(record);
        Ok(seq)
    }
}

impl Last {
    fn is_at(&self, now: &Moment) -> bool {
        self.time_us == now.time_us && self.mono_us == Some(now.mono_us)
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger").field("size", &self.state.tree.size()).finish_non_exhaustive()
    }
}
