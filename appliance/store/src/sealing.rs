//! What makes the log one that nobody can rewrite: its root, signed again and again, by keys that last a day.

use std::sync::Arc;
use std::time::Duration;

use data_encoding::{BASE64, HEXLOWER};
use redoubt_audit::{Actor, Checkpoint, Draft, Note, Outcome, Tree, catalogue};
use ring::signature::KeyPair as _;

use crate::audit_checkpoints::Signed;
use crate::audit_epochs::{NewEpoch, Present};
use crate::ledger::{Ledger, Moment};
use crate::rights_digest::rights_digest;
use crate::tx::Reader;
use crate::{Error, audit_checkpoints, audit_epochs, audit_log, audit_tree};

/// How many records may be without a checkpoint.
pub(crate) const MOST_UNSIGNED: u64 = 1_000;
/// How long the first of them may be.
pub(crate) const LONGEST_UNSIGNED: Duration = Duration::from_secs(10);
/// How long an epoch lasts.
const EPOCH_US: i64 = 24 * 60 * 60 * 1_000_000;

impl Ledger {
    /// Takes up the last checkpoint, which the log must extend, and looks whether the rows that say who may do what are
    /// those that it described, if nothing was recorded since.
    pub(crate) fn resume(&mut self, reader: &Reader) -> Result<(), Error> {
        let Some(signed) = audit_checkpoints::latest(reader)? else { return Ok(()) };
        let checkpoint = Note::parse(signed.note.as_bytes())?.checkpoint()?;
        let size = self.state.tree.size();
        let tree = if signed.size <= size { audit_tree::at(reader, signed.size)? } else { Tree::new() };
        let fits = checkpoint.origin == self.origin.origin
            && checkpoint.size == signed.size
            && checkpoint.root == tree.root();
        if !fits {
            return Err(Error::NotIntact(format!(
                "its {size} records do not extend its checkpoint of {}",
                signed.size
            )));
        }
        self.state.signed_tree = tree;
        self.extends(reader)?;
        if size == signed.size + 1 {
            check_rights(reader, signed.size)?;
        }
        self.state.signed = Some(Arc::new(signed));
        Ok(())
    }

    /// How many records no checkpoint covers, the last one's own record not counted.
    pub(crate) fn unsigned(&self) -> u64 {
        if self.state.epoch.is_none() {
            return 0;
        }
        let described = u64::from(self.state.signed.is_some());
        self.state.tree.size().saturating_sub(self.state.signed_tree.size() + described)
    }

    /// Until the present epoch is over; `None` if it goes on for want of another key.
    pub(crate) fn epoch_left(&self) -> Option<Duration> {
        let epoch = self.state.epoch.as_ref().filter(|_| !self.state.is_last_epoch)?;
        let left = epoch.begun_us.saturating_add(EPOCH_US).saturating_sub(self.now().time_us);
        Some(Duration::from_micros(u64::try_from(left).unwrap_or(0)))
    }

    /// Keeps keys for epochs to come, and begins the first epoch if none has begun.
    pub(crate) fn certify(
        &mut self,
        reader: &Reader,
        now: &Moment,
        epochs: &[NewEpoch],
    ) -> Result<(), Error> {
        for epoch in epochs {
            audit_epochs::insert(reader, &self.key, epoch)?;
        }
        self.state.is_last_epoch = false;
        if self.state.epoch.is_none() {
            let first = audit_epochs::begin(reader, &self.key, 0, now.time_us)?;
            self.state.epoch = first.map(Arc::new);
        }
        Ok(())
    }

    /// Signs the log as it is, if it has a key, and records that.
    pub(crate) fn checkpoint(&mut self, reader: &Reader, now: &Moment) -> Result<Option<Arc<Signed>>, Error> {
        let Some(epoch) = self.state.epoch.clone() else { return Ok(None) };
        self.extends(reader)?;
        let checkpoint = Checkpoint {
            origin: self.origin.origin.clone(),
            size: self.state.tree.size(),
            root: self.state.tree.root(),
        };
        let note = Note::sign(&checkpoint, &epoch.pair)?.to_text();
        let signed =
            Arc::new(Signed { size: checkpoint.size, epoch: epoch.number, time_us: now.time_us, note });
        audit_checkpoints::insert(reader, &signed)?;
        self.state.signed_tree = self.state.tree.clone();
        self.state.signed = Some(Arc::clone(&signed));
        let draft = Draft::new(catalogue::CHECKPOINT, Outcome::Ok, Actor::system())
            .data("size", checkpoint.size)
            .data("root", BASE64.encode(&checkpoint.root))
            .data("epoch", epoch.number)
            .data("state", HEXLOWER.encode(&rights_digest(reader)?));
        self.append(reader, now, &draft)?;
        Ok(Some(signed))
    }

    /// What is due: the next epoch if the present one has lasted its day, or a checkpoint.
    pub(crate) fn sign_due(&mut self, reader: &Reader) -> Result<(), Error> {
        let now = self.now();
        if self.epoch_left().is_some_and(|left| left.is_zero()) && self.rotate(reader, &now)? {
            return Ok(());
        }
        if self.unsigned() > 0 {
            self.checkpoint(reader, &now)?;
        }
        Ok(())
    }

    /// Ends the epoch: names the next key, signs that as the last thing, forgets the private key. `false` if there is no key
    /// for another epoch; the present one goes on then.
    fn rotate(&mut self, reader: &Reader, now: &Moment) -> Result<bool, Error> {
        let Some(present) = self.state.epoch.clone() else { return Ok(false) };
        let Some(next) = audit_epochs::begin(reader, &self.key, present.number + 1, now.time_us)? else {
            tracing::warn!(epoch = present.number, "no key is certified for another epoch of the audit log");
            self.state.is_last_epoch = true;
            return Ok(false);
        };
        self.append(reader, now, &rotation(&present, &next))?;
        self.checkpoint(reader, now)?;
        audit_epochs::end(reader, present.number, now.time_us)?;
        self.state.epoch = Some(Arc::new(next));
        Ok(true)
    }

    /// A log never signs what does not extend what it signed before (tlog-checkpoint): the leaves in the store since then
    /// must lead from that tree to this one.
    fn extends(&self, reader: &Reader) -> Result<(), Error> {
        let mut tree = self.state.signed_tree.clone();
        for leaf in audit_log::leaves(reader, tree.size(), self.state.tree.size())? {
            tree.push(leaf);
        }
        if tree == self.state.tree {
            Ok(())
        } else {
            Err(Error::NotIntact(format!(
                "its {} records do not extend the {} that were signed",
                self.state.tree.size(),
                self.state.signed_tree.size()
            )))
        }
    }
}

fn rotation(present: &Present, next: &Present) -> Draft {
    Draft::new(catalogue::KEY_ROTATE, Outcome::Ok, Actor::system())
        .data("epoch", present.number)
        .data("next", next.number)
        .data("next_key", BASE64.encode(next.pair.public_key().as_ref()))
}

/// The rows against the digest in the record of the checkpoint of `size` records.
fn check_rights(reader: &Reader, size: u64) -> Result<(), Error> {
    let Some(entry) = audit_log::find(reader, size)? else { return Ok(()) };
    let digest = HEXLOWER.encode(&rights_digest(reader)?);
    match entry.record.fields().d.get("state") {
        Some(redoubt_audit::Value::Str(recorded)) if *recorded != digest => Err(Error::NotIntact(
            "people, roles or rights are not those of its last record: somebody changed the store past it"
                .to_owned(),
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use redoubt_audit::Origin;
    use ring::rand::{SecureRandom, SystemRandom};
    use ring::signature::Ed25519KeyPair;
    use tempfile::TempDir;

    use super::*;
    use crate::{Clock, DataKey, Options, Store};

    struct Still;

    impl Clock for Still {
        fn now_us(&self) -> i64 {
            1
        }

        fn mono_us(&self) -> u64 {
            1
        }
    }

    fn open(folder: &TempDir, key: &DataKey) -> Result<Store, Error> {
        let origin = Origin { origin: "redoubt/x".into(), boot: "b".into(), software: "s".into() };
        let options = Options::at(folder.path().join("redoubt.db"));
        if options.path.exists() {
            Store::open(options, key.clone(), Arc::new(Still), origin)
        } else {
            Store::create(options, key.clone(), Arc::new(Still), origin)
        }
    }

    /// A closed store with three records, a user among them, whose last write was a checkpoint; then somebody who has the
    /// key ran this SQL. What does the next opening say?
    fn opened_after(sql: &'static str) -> Result<(), Error> {
        let folder = tempfile::tempdir().unwrap();
        let key = DataKey::generate(&SystemRandom::new()).unwrap();
        let store = open(&folder, &key).unwrap();
        let mut seed = [0; 32];
        SystemRandom::new().fill(&mut seed).unwrap();
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
        let public_key = pair.public_key().as_ref().try_into().unwrap();
        let epoch = NewEpoch { number: 0, seed: seed.into(), public_key, certificate: Vec::new() };
        let filled = store.write_blocking(move |tx| {
            tx.certify(&[epoch])?;
            let user = "INSERT INTO users (id, name, role, password_hash, disabled, created_at)
                        VALUES ('u', 'u', 'analyst', '', 0, 0)";
            tx.execute(user, [])?;
            for _ in 0..3 {
                tx.audit(Draft::new(catalogue::LOGOUT, Outcome::Ok, Actor::system()))?;
            }
            tx.checkpoint()
        });
        filled.unwrap();
        store.close().unwrap();
        open(&folder, &key).unwrap().close().unwrap();

        let connection = crate::open::writer(&folder.path().join("redoubt.db"), &key).unwrap();
        let free = "DROP TRIGGER audit_is_append_only_update; DROP TRIGGER audit_is_append_only_delete;
                    DROP TRIGGER audit_checkpoints_are_kept_update;";
        connection.execute_batch(free).unwrap();
        connection.execute_batch(sql).unwrap();
        drop(connection);
        open(&folder, &key).map(drop)
    }

    #[test]
    fn what_was_changed_past_the_appliance_is_seen_at_opening() {
        for sql in [
            "UPDATE users SET role = 'admin'",
            "UPDATE users SET disabled = 1",
            "UPDATE users SET password_hash = 'x'",
            "INSERT INTO group_permissions VALUES ('everyone', 'export', 'allow')",
            "UPDATE audit SET leaf = zeroblob(32) WHERE seq = 1",
            "DELETE FROM audit WHERE seq = 3; DELETE FROM audit_tree",
            "DELETE FROM audit_tree",
            "UPDATE audit_checkpoints SET note = replace(note, 'redoubt/x', 'redoubt/y')",
        ] {
            let opened = opened_after(sql);
            assert!(matches!(opened, Err(Error::NotIntact(_) | Error::Audit(_))), "{sql}: {opened:?}");
        }
    }

    #[test]
    fn what_changes_without_a_record_is_no_alarm() {
        opened_after("UPDATE users SET checked_at = 5").unwrap();
    }
}
