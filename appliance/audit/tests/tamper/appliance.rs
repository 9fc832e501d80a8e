//! An appliance in memory: it records, signs, changes keys, is restored and exports as `FORMAT.md` says. It keeps every
//! private key, also those that an appliance destroys, so that attackers of any strength can be played.

use std::collections::BTreeMap;
use std::rc::Rc;

use data_encoding::BASE64;
use redoubt_audit::bundle::{self, Export, Index, NoteField, Proof, Sink};
use redoubt_audit::catalogue as event;
use redoubt_audit::ssh::{Certificate, PRINCIPAL, PrivateKey, Terms, TrustedRoot};
use redoubt_audit::tile::{TILE, TileId};
use redoubt_audit::verify::State;
use redoubt_audit::{
    Actor, Checkpoint, Draft, Hash, Note, Origin, Outcome, Record, Stamp, Tree, consistency_proof, root, tree,
};

use crate::events;
use crate::random::Random;

pub(crate) type Failure = Box<dyn std::error::Error>;

/// The keys of an installation: the root, and those of the epochs with their certificates.
pub(crate) struct Keys {
    pub(crate) root: PrivateKey,
    pub(crate) epochs: Vec<(PrivateKey, Certificate)>,
}

impl Keys {
    pub(crate) fn new(random: &mut Random, origin: &str, count: u64) -> Self {
        let root = PrivateKey::from_seed(random.bytes(), "install root").unwrap();
        let epochs = (0..count).map(|number| certified(random, &root, origin, number)).collect();
        Self { root, epochs }
    }

    pub(crate) fn pair(&self, epoch: u64) -> &ring::signature::Ed25519KeyPair {
        self.epochs[usize::try_from(epoch).unwrap()].0.pair()
    }

    pub(crate) fn certificate(&self, epoch: u64) -> &Certificate {
        &self.epochs[usize::try_from(epoch).unwrap()].1
    }

    pub(crate) fn trusted(&self) -> TrustedRoot {
        TrustedRoot { key: self.root.public(), comment: String::new() }
    }
}

/// A new key with its certificate.
pub(crate) fn certified(
    random: &mut Random,
    root: &PrivateKey,
    origin: &str,
    epoch: u64,
) -> (PrivateKey, Certificate) {
    let key = PrivateKey::from_seed(random.bytes(), "").unwrap();
    let terms = Terms {
        key: key.public(),
        serial: epoch,
        key_id: format!("{origin} epoch {epoch}"),
        principals: vec![PRINCIPAL.to_owned()],
        valid_after: 0,
        valid_before: VALID_BEFORE,
    };
    let certificate = Certificate::issue(terms, random.bytes(), root.pair()).unwrap();
    (key, certificate)
}

/// 2026-11-23 08:00:00 UTC in microseconds, and the end of the certificates in seconds.
const BEGIN_US: i64 = 1_795_420_800_000_000;
const VALID_BEFORE: u64 = 1_830_000_000;

/// A checkpoint and the epoch whose key signed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Point {
    pub(crate) epoch: u64,
    pub(crate) note: String,
}

/// The checkpoint of a tree, signed.
pub(crate) fn signed(keys: &Keys, origin: &str, tree: &Tree, epoch: u64) -> Point {
    let checkpoint = Checkpoint { origin: origin.to_owned(), size: tree.size(), root: tree.root() };
    Point { epoch, note: Note::sign(&checkpoint, keys.pair(epoch)).unwrap().to_text() }
}

#[derive(Clone)]
pub(crate) struct Appliance {
    pub(crate) origin: Origin,
    pub(crate) keys: Rc<Keys>,
    pub(crate) epoch: u64,
    pub(crate) records: Vec<Record>,
    pub(crate) leaves: Vec<Hash>,
    tree: Tree,
    /// The checkpoints by size.
    pub(crate) points: BTreeMap<u64, Point>,
    /// The size of each export's newest checkpoint, and how many exports were made.
    pub(crate) exported: Vec<u64>,
    pub(crate) exports: u64,
    pub(crate) random: Random,
    time_us: i64,
    mono_us: u64,
}

/// What an auditor asks for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Order {
    pub(crate) from: u64,
    pub(crate) to: Option<u64>,
    pub(crate) nonce: Option<String>,
    pub(crate) extends: Vec<u64>,
}

/// An export that is recorded and signed.
#[derive(Clone, Debug)]
pub(crate) struct Exported {
    pub(crate) index: Index,
    pub(crate) epoch: u64,
    pub(crate) points: BTreeMap<u64, Point>,
    /// The sizes that proofs lead from.
    pub(crate) proofs: Vec<u64>,
    pub(crate) previous: Option<u64>,
}

impl Appliance {
    pub(crate) fn new(mut random: Random) -> Self {
        let name = format!("redoubt/{}", random.uuid());
        let keys = Rc::new(Keys::new(&mut random, &name, 8));
        let software = format!("0.{}.0+sha256:{}", random.within(1..9), random.hex(32));
        let mut appliance = Self {
            origin: Origin { origin: name, boot: random.uuid(), software },
            keys,
            epoch: 0,
            records: Vec::new(),
            leaves: Vec::new(),
            tree: Tree::new(),
            points: BTreeMap::new(),
            exported: Vec::new(),
            exports: 0,
            time_us: BEGIN_US,
            mono_us: random.within(0..1_000_000_000),
            random,
        };
        appliance.append(&Draft::new(event::SYSTEM_INIT, Outcome::Ok, Actor::console()));
        appliance
    }

    pub(crate) fn size(&self) -> u64 {
        self.tree.size()
    }

    /// Time passes, and something is recorded.
    pub(crate) fn append(&mut self, draft: &Draft) -> &Record {
        let passed = self.random.within(1..3_000_000);
        self.mono_us += passed;
        self.time_us += i64::try_from(passed).unwrap();
        let stamp = Stamp { seq: self.size(), time_us: self.time_us, mono_us: self.mono_us };
        let record = draft.seal(&self.origin, stamp).unwrap();
        self.leaves.push(record.leaf());
        self.tree.push(record.leaf());
        self.records.push(record);
        self.records.last().unwrap()
    }

    /// So many events of any kind, now and then a checkpoint, a step of the clock or another start.
    pub(crate) fn live(&mut self, events: u64) {
        for _ in 0..events {
            match self.random.within(0..40) {
                0..2 => self.checkpoint(),
                2 => self.step_clock(),
                3 => self.start_again(),
                _ => self.happen(),
            }
        }
    }

    /// One event of any kind that means nothing to a verifier.
    pub(crate) fn happen(&mut self) {
        let draft = events::any(&mut self.random);
        self.append(&draft);
    }

    fn step_clock(&mut self) {
        let step = i64::try_from(self.random.within(0..7_200_000_000)).unwrap() - 3_600_000_000;
        self.time_us += step;
        let draft = Draft::new(event::SYSTEM_CLOCK_STEP, Outcome::Ok, Actor::system()).data("step_us", step);
        self.append(&draft);
    }

    fn start_again(&mut self) {
        self.append(&Draft::new(event::SYSTEM_STOP, Outcome::Ok, Actor::system()));
        self.checkpoint();
        self.origin.boot = self.random.uuid();
        self.mono_us = 0;
        self.append(&Draft::new(event::SYSTEM_BOOT, Outcome::Ok, Actor::system()));
    }

    /// Signs what there is. The record of it follows.
    pub(crate) fn checkpoint(&mut self) {
        if !self.points.contains_key(&self.size()) {
            self.sign();
            self.describe();
        }
    }

    fn sign(&mut self) {
        let point = signed(&self.keys, &self.origin.origin, &self.tree, self.epoch);
        self.points.insert(self.size(), point);
    }

    /// The record of the checkpoint of all records so far.
    fn describe(&mut self) {
        let draft = Draft::new(event::CHECKPOINT, Outcome::Ok, Actor::system())
            .data("size", self.size())
            .data("root", BASE64.encode(&self.tree.root()))
            .data("epoch", self.points[&self.size()].epoch)
            .data("state", self.random.hex(32));
        self.append(&draft);
    }

    /// Ends the epoch.
    pub(crate) fn rotate(&mut self) {
        self.rotate_to(self.epoch + 1);
    }

    /// Ends the epoch; `next` is the one that follows, or should.
    pub(crate) fn rotate_to(&mut self, next: u64) {
        let draft = Draft::new(event::KEY_ROTATE, Outcome::Ok, Actor::system())
            .data("epoch", self.epoch)
            .data("next", next)
            .data("next_key", BASE64.encode(&self.keys.certificate(next).terms().key.0));
        self.append(&draft);
        self.sign();
        self.epoch = next;
        self.describe();
    }

    /// A copy that has only the first `size` records: a restore, or an attacker's beginning of another branch.
    pub(crate) fn back_at(&self, size: u64, random: Random) -> Self {
        let mut copy = self.clone();
        copy.random = random;
        copy.records.truncate(usize::try_from(size).unwrap());
        copy.leaves.truncate(copy.records.len());
        copy.tree = grown(&copy.leaves);
        copy.points.retain(|point, _| *point <= size);
        copy.exported.retain(|point| *point <= size);
        copy.exports = copy.exported.len() as u64;
        copy.epoch = self.epoch_at(size);
        copy.time_us = copy.records.last().map_or(BEGIN_US, Record::time_us);
        copy
    }

    /// The epoch after so many records.
    pub(crate) fn epoch_at(&self, size: u64) -> u64 {
        self.rotations().take_while(|seq| *seq < size).count() as u64
    }

    /// The numbers of the records that end epochs.
    pub(crate) fn rotations(&self) -> impl Iterator<Item = u64> {
        self.numbers(event::KEY_ROTATE.act())
    }

    pub(crate) fn numbers(&self, act: &str) -> impl Iterator<Item = u64> {
        self.records
            .iter()
            .map(Record::fields)
            .filter(move |fields| fields.act == act)
            .map(|fields| fields.seq)
    }

    /// A restore to the first `size` records, as the appliance records it.
    pub(crate) fn restore(&mut self, size: u64) {
        let seed = self.random.next();
        *self = self.back_at(size, Random(seed));
        self.append(&Draft::new(event::LOG_RESTORED, Outcome::Ok, Actor::console()).data("lost", "note"));
    }

    /// Records an export and signs the log with that record as its last.
    pub(crate) fn export(&mut self, order: &Order) -> Exported {
        let to = order.to.filter(|to| *to <= self.size());
        self.exports += 1;
        let mut draft = Draft::new(event::AUDIT_EXPORT, Outcome::Ok, Actor::console())
            .data("export", self.exports)
            .data("from", order.from);
        if let Some(to) = to {
            draft = draft.data("to", to);
        }
        if let Some(nonce) = &order.nonce {
            draft = draft.data("nonce", nonce.as_str());
        }
        let time = self.append(&draft).fields().time.clone();
        self.sign();
        let size = self.size();
        let previous = self.exported.last().copied().filter(|_| self.exports > 1);
        self.exported.push(size);
        let mut proofs: Vec<u64> = order.extends.iter().copied().chain(previous).collect();
        proofs.sort_unstable();
        proofs.dedup();
        let index = Index {
            v: 1,
            origin: self.origin.origin.clone(),
            from: order.from,
            to: to.unwrap_or(size),
            size,
            export: self.exports,
            nonce: order.nonce.clone(),
            time,
            sw: self.origin.software.clone(),
            previous: previous.map(|size| NoteField { note: self.points[&size].note.clone() }),
        };
        let shown = |point: u64| {
            (index.from < point && point <= index.to) || point == size || proofs.contains(&point)
        };
        let points = self.points.iter().filter(|(point, _)| shown(**point));
        let points = points.map(|(point, signed)| (*point, signed.clone())).collect();
        let exported = Exported { index, epoch: self.epoch, points, proofs, previous };
        self.describe();
        exported
    }

    pub(crate) fn write(&self, exported: &Exported, sink: impl Sink) -> Result<(), Failure> {
        bundle::write(&self.parts(exported), self, sink)
    }

    /// What goes into the bundle beside records and tiles.
    pub(crate) fn parts(&self, exported: &Exported) -> Export<'_> {
        let Exported { index, epoch, points, proofs, .. } = exported;
        let mut checkpoints: BTreeMap<u64, Vec<String>> = BTreeMap::new();
        for point in points.values() {
            checkpoints.entry(point.epoch).or_default().push(point.note.clone());
        }
        let oldest = points.values().next().map_or(*epoch, |point| point.epoch);
        let chain = (oldest..=*epoch).map(|number| (number, self.keys.certificate(number).clone()));
        let proofs = proofs.iter().map(|old| Proof { old: *old, hashes: self.proof(*old, index.size) });
        Export {
            index: index.clone(),
            newest: points[&index.size].note.clone(),
            checkpoints,
            proofs: proofs.collect(),
            chain: chain.collect(),
            signer: self.keys.pair(*epoch),
            root: self.keys.trusted(),
        }
    }

    fn proof(&self, old: u64, new: u64) -> Vec<Hash> {
        let Ok(hashes) = consistency_proof(self.leaves.as_slice(), old, new);
        hashes.unwrap()
    }

    /// What an auditor keeps who has seen the first `size` records.
    pub(crate) fn state(&self, size: u64, export: u64) -> State {
        State {
            origin: self.origin.origin.clone(),
            root_key: self.keys.root.public(),
            size,
            root: root(&self.leaves[..usize::try_from(size).unwrap()]),
            export,
        }
    }
}

impl bundle::Log for Appliance {
    type Error = Failure;

    fn records(&self, from: u64, to: u64) -> Result<Vec<Record>, Failure> {
        Ok(self.records[usize::try_from(from)?..usize::try_from(to)?].to_vec())
    }

    fn tile(&self, id: TileId) -> Result<Vec<Hash>, Failure> {
        Ok(tile(&self.leaves, id))
    }
}

/// The tree of these leaves.
pub(crate) fn grown(leaves: &[Hash]) -> Tree {
    let Ok(tree) = tree(leaves, leaves.len() as u64);
    tree
}

/// The hashes of a tile of the tree of these leaves.
pub(crate) fn tile(leaves: &[Hash], id: TileId) -> Vec<Hash> {
    let each = 1_u64 << (8 * id.level);
    let first = id.number * TILE;
    let subtree = |index: u64| {
        let place = |index: u64| usize::try_from(index * each).unwrap();
        root(&leaves[place(index)..place(index + 1)])
    };
    (first..first + id.width).map(subtree).collect()
}
