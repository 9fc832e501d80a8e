//! The key slots of a store that is open: which there are, another one, one less.
//!
//! **Invariant:** what is changed was recorded before. A change that then fails is recorded as having failed.

use std::path::PathBuf;
use std::sync::Arc;

use redoubt_audit::{Draft, Outcome};
use redoubt_store::keys::{self, Description, KeySlots, Kind, Secret, Slot};
use redoubt_store::{Clock, Store};
use tokio::sync::Mutex;

use crate::access::NotConfirmed;
use crate::clock::rfc3339;
use crate::config::Opening;
use crate::identity::By;
use crate::records;

/// The longest label, in characters.
const MAX_LABEL: usize = 100;

#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error("{0}")]
    Keys(#[from] keys::Error),
    #[error("a label has at most {MAX_LABEL} characters, and none that moves the cursor")]
    BadLabel,
    #[error("the next start needs it: keys.unlock = {0:?} asks for a {1}. Add another one first")]
    Needed(&'static str, Kind),
    #[error("the work broke off")]
    BrokeOff,
    #[error(transparent)]
    NotConfirmed(#[from] NotConfirmed),
    #[error(transparent)]
    Store(#[from] redoubt_store::Error),
}

/// The ways of opening this store. Clones share it.
#[derive(Clone)]
pub struct Ways {
    store: Store,
    data_dir: PathBuf,
    opening: Opening,
    clock: Arc<dyn Clock>,
    /// Held while the slot file is changed.
    changing: Arc<Mutex<()>>,
}

impl Ways {
    pub fn new(store: Store, data_dir: PathBuf, opening: Opening, clock: Arc<dyn Clock>) -> Self {
        Self { store, data_dir, opening, clock, changing: Arc::default() }
    }

    pub async fn list(&self) -> Result<Vec<Slot>, Refusal> {
        let ways = self.clone();
        aside(move || Ok(KeySlots::load(&ways.data_dir)?.slots().to_vec())).await
    }

    /// Another way of opening the store.
    ///
    /// # Errors
    /// A passphrase that is soon guessed, a bad label, too many slots.
    pub async fn add(&self, by: &By, secret: Secret, label: String) -> Result<Slot, Refusal> {
        let ways = self.clone();
        self.change(by, records::slot_added, move |slots| ways.seal(slots, &secret, label)).await
    }

    /// One way less.
    ///
    /// # Errors
    /// If there is no such slot, or the next start would need it.
    pub async fn remove(&self, by: &By, id: String) -> Result<Slot, Refusal> {
        let opening = self.opening;
        self.change(by, records::slot_removed, move |slots| {
            let removed = slots.remove(&id)?;
            if slots.slots().iter().any(|slot| opening.takes(slot.kind())) || !opening.takes(removed.kind()) {
                return Ok(removed);
            }
            Err(Refusal::Needed(opening.as_str(), removed.kind()))
        })
        .await
    }

    /// Another secret in place of a slot's: what opened it before opens nothing any more.
    ///
    /// # Errors
    /// If there is no such slot, or it is of another kind.
    pub async fn replace(&self, by: &By, id: String, secret: Secret) -> Result<Slot, Refusal> {
        let ways = self.clone();
        self.change(by, records::slot_replaced, move |slots| {
            let before = slots.slots().iter().find(|slot| slot.id() == id).cloned();
            let before = before.ok_or_else(|| keys::Error::UnknownSlot(id.clone()))?;
            if before.kind() != secret.kind() {
                return Err(keys::Error::NoSlot(secret.kind()).into());
            }
            let slot = ways.seal(slots, &secret, before.label().to_owned())?;
            slots.remove(&id)?;
            Ok(slot)
        })
        .await
    }

    /// Whether this opens the store, and by which slot. Nothing changes.
    ///
    /// # Errors
    /// If it does not.
    pub async fn test(&self, by: &By, secret: Secret) -> Result<Slot, Refusal> {
        let (data_dir, kind) = (self.data_dir.clone(), secret.kind());
        let tried = aside(move || Ok(KeySlots::load(&data_dir)?.open(&secret)?.1.clone())).await;
        let slot = tried.as_ref().ok().cloned();
        let by = by.clone();
        self.store
            .write(move |tx| {
                by.confirm(tx)?;
                tx.audit(records::slot_tested(&by, kind, slot.as_ref()))?;
                Ok::<_, Refusal>(())
            })
            .await?;
        tried
    }

    fn seal(&self, slots: &mut KeySlots, secret: &Secret, label: String) -> Result<Slot, Refusal> {
        if label.chars().count() > MAX_LABEL || label.chars().any(char::is_control) {
            return Err(Refusal::BadLabel);
        }
        if let Secret::Passphrase(passphrase) = secret {
            passphrase.check_new()?;
        }
        let description = Description { label, made: rfc3339(self.clock.now_us()) };
        Ok(self.store.add_slot(slots, secret, description)?)
    }

    /// Changes the slot file, one change at a time: works it out, records it, does it.
    async fn change(
        &self,
        by: &By,
        record: fn(&By, &Slot, Outcome) -> Draft,
        work: impl FnOnce(&mut KeySlots) -> Result<Slot, Refusal> + Send + 'static,
    ) -> Result<Slot, Refusal> {
        let _alone = self.changing.lock().await;
        let data_dir = self.data_dir.clone();
        let (slots, slot) = aside(move || {
            let mut slots = KeySlots::load(&data_dir)?;
            let slot = work(&mut slots)?;
            Ok((slots, slot))
        })
        .await?;
        self.record(by, record(by, &slot, Outcome::Ok)).await?;
        let data_dir = self.data_dir.clone();
        let saved = aside(move || Ok(slots.save(&data_dir)?)).await;
        if let Err(error) = saved {
            self.record(by, record(by, &slot, Outcome::Error)).await?;
            return Err(error);
        }
        Ok(slot)
    }

    async fn record(&self, by: &By, draft: Draft) -> Result<(), Refusal> {
        let by = by.clone();
        self.store
            .write_settled(move |tx| {
                by.confirm(tx)?;
                tx.audit(draft)?;
                Ok(())
            })
            .await
    }
}

/// For the disk, and for Argon2id, which takes a moment.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(Refusal::BrokeOff))
}
