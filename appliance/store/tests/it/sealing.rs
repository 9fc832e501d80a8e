//! Checkpoints, epochs and what is seen at opening.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use redoubt_audit::{Actor, Checkpoint, Draft, Note, NoteKey, NoteKeyKind, Outcome, catalogue};
use redoubt_store::audit_checkpoints::{self, Signed};
use redoubt_store::audit_epochs::{self, NewEpoch};
use redoubt_store::{Error, Reader, Store, Tx, Witness, audit_log, audit_tree};
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{Ed25519KeyPair, KeyPair};

use crate::support::{Place, origin};

const HOUR_US: u32 = 3_600 * 1_000_000;

fn epochs(from: u64, count: u64) -> Vec<NewEpoch> {
    (from..from + count)
        .map(|number| {
            let mut seed = [0; 32];
            SystemRandom::new().fill(&mut seed).unwrap();
            let pair = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
            let public_key = pair.public_key().as_ref().try_into().unwrap();
            NewEpoch { number, seed: seed.into(), public_key, certificate: vec![1] }
        })
        .collect()
}

pub(crate) fn with_epochs(count: u64) -> Place {
    let place = Place::new();
    place.store.write_blocking(move |tx| tx.certify(&epochs(0, count))).unwrap();
    place
}

fn record(tx: &mut Tx<'_>) -> Result<u64, Error> {
    tx.audit(Draft::new(catalogue::LOGOUT, Outcome::Ok, Actor::system()))
}

fn write(store: &Store) -> u64 {
    store.write_blocking(record).unwrap()
}

fn sign(store: &Store) -> Arc<Signed> {
    store.write_blocking(|tx| tx.checkpoint()).unwrap().unwrap()
}

fn latest(store: &Store) -> Option<Signed> {
    store.read_blocking(audit_checkpoints::latest).unwrap()
}

/// The checkpoint, verified by the key of its epoch.
fn verified(store: &Store, signed: &Signed) -> Checkpoint {
    let epoch = signed.epoch;
    let epoch = store.read_blocking(move |reader| audit_epochs::find(reader, epoch)).unwrap().unwrap();
    let key = NoteKey { name: origin().origin, public: epoch.public_key, kind: NoteKeyKind::Log };
    let note = Note::parse(signed.note.as_bytes()).unwrap();
    note.verify(&[key]).unwrap();
    note.checkpoint().unwrap()
}

fn acts(store: &Store) -> Vec<String> {
    store
        .read_blocking(|reader| {
            let entries = audit_log::range(reader, 0, u64::from(u32::MAX))?;
            Ok::<_, Error>(entries.iter().map(|entry| entry.record.fields().act.clone()).collect())
        })
        .unwrap()
}

/// Waits for the thread that writes to do what is due by the clock on the wall of the test.
fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < until, "{what} did not come");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn without_keys_nothing_is_signed() {
    let place = Place::new();
    write(&place.store);
    assert_eq!(place.store.write_blocking(|tx| tx.checkpoint()).unwrap(), None);
    assert_eq!(latest(&place.store), None);
}

#[test]
fn a_checkpoint_signs_the_root_and_is_described_by_the_next_record() {
    let place = with_epochs(2);
    for _ in 0..5 {
        write(&place.store);
    }
    let signed = sign(&place.store);
    let checkpoint = verified(&place.store, &signed);
    let tree = place.store.read_blocking(|reader| audit_tree::at(reader, 5)).unwrap();
    assert_eq!((checkpoint.size, checkpoint.root), (5, tree.root()));
    let described = place.store.read_blocking(|reader| audit_log::find(reader, 5)).unwrap().unwrap();
    assert_eq!(described.record.fields().act, "checkpoint");
    assert_eq!(described.record.fields().d["size"], 5_u64.into());
}

#[test]
fn a_thousand_records_are_signed_without_waiting_for_the_clock() {
    let place = with_epochs(2);
    for _ in 0..1_000 {
        place.store.write_blocking(|tx| record(tx).map(drop)).unwrap();
    }
    eventually("the checkpoint", || latest(&place.store).is_some_and(|signed| signed.size == 1_000));
}

#[test]
fn a_single_record_is_signed_after_ten_seconds_and_an_idle_log_rests() {
    let place = with_epochs(2);
    write(&place.store);
    assert_eq!(latest(&place.store), None);
    eventually("the checkpoint", || latest(&place.store).is_some());
    std::thread::sleep(Duration::from_secs(11));
    assert_eq!(latest(&place.store).map(|signed| signed.size), Some(1));
    assert_eq!(acts(&place.store), ["logout", "checkpoint"]);
}

#[test]
fn an_epoch_lasts_a_day_and_its_private_key_is_forgotten() {
    let place = with_epochs(2);
    write(&place.store);
    for _ in 0..24 {
        place.clock.pass(HOUR_US);
    }
    write(&place.store);
    eventually("the rotation", || acts(&place.store).contains(&"key.rotate".to_owned()));
    // The thread that writes may see the day's end before the second record, or after it.
    let acts = acts(&place.store);
    let rotation = acts.iter().position(|act| act == "key.rotate").unwrap();
    assert_eq!(acts[rotation + 1], "checkpoint");
    let size = rotation as u64 + 1;
    let closing = place.store.read_blocking(move |reader| audit_checkpoints::find(reader, size));
    let closing = closing.unwrap().unwrap();
    assert_eq!(closing.epoch, 0);
    verified(&place.store, &closing);
    write(&place.store);
    let next = sign(&place.store);
    assert_eq!(next.epoch, 1);
    verified(&place.store, &next);
    let kept = place.store.read_blocking(audit_epochs::list).unwrap();
    assert!(kept[0].ended_us.is_some() && kept[1].ended_us.is_none());
    // No key follows: the epoch goes on, until there are more.
    for _ in 0..24 {
        place.clock.pass(HOUR_US);
    }
    write(&place.store);
    write(&place.store);
    assert_eq!(sign(&place.store).epoch, 1);
    place.store.write_blocking(|tx| tx.certify(&epochs(2, 1))).unwrap();
    eventually("the next rotation", || {
        write(&place.store);
        sign(&place.store).epoch == 2
    });
}

#[test]
fn what_a_failed_job_signed_is_gone_with_it() {
    let place = with_epochs(2);
    write(&place.store);
    let failed: Result<(), Error> = place.store.write_blocking(|tx| {
        record(tx)?;
        tx.checkpoint()?;
        Err(Error::Conflict)
    });
    assert!(failed.is_err());
    assert_eq!(latest(&place.store), None);
    assert_eq!(sign(&place.store).size, 1);
}

#[derive(Debug, Default)]
struct Heard(Mutex<Vec<u64>>);

impl Witness for Heard {
    fn signed(&self, checkpoint: &Signed) {
        self.0.lock().unwrap().push(checkpoint.size);
    }
}

#[test]
fn a_witness_hears_of_every_durable_checkpoint() {
    let place = with_epochs(2);
    place.store.close().unwrap();
    let heard = Arc::new(Heard::default());
    let mut options = place.options();
    options.witness = Some(heard.clone());
    let store = Store::open(options, place.key.clone(), place.clock.clone(), origin()).unwrap();
    write(&store);
    sign(&store);
    let failed: Result<(), Error> = store.write_blocking(|tx| {
        record(tx)?;
        tx.checkpoint()?;
        Err(Error::Conflict)
    });
    assert!(failed.is_err());
    write(&store);
    sign(&store);
    assert_eq!(*heard.0.lock().unwrap(), [1, 3]);
}

#[test]
fn proofs_and_trees_of_the_past_are_made_from_stored_subtrees() {
    let place = Place::new();
    place
        .store
        .write_blocking(|tx| {
            for _ in 0..70_000 {
                record(tx)?;
            }
            Ok::<_, Error>(())
        })
        .unwrap();
    let check = |reader: &Reader| {
        let leaves = audit_log::leaves(reader, 0, 70_000)?;
        for size in [1_u64, 255, 256, 65_536, 65_793, 70_000] {
            let root = redoubt_audit::root(&leaves[..usize::try_from(size).unwrap()]);
            assert_eq!(audit_tree::at(reader, size)?.root(), root, "{size}");
            let path = audit_tree::inclusion(reader, size / 2, size)?.unwrap();
            let leaf = leaves[usize::try_from(size / 2).unwrap()];
            redoubt_audit::verify_inclusion(&leaf, size / 2, size, &path, &root).unwrap();
        }
        Ok::<_, Error>(())
    };
    place.store.read_blocking(check).unwrap();
}
