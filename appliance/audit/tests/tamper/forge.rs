//! A bundle in the hands of somebody who rewrites the log: its leaves as they will be, whatever their bytes say, and
//! everything that is derived from them made again. Signatures only with the keys that the forger has.

use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::Rc;

use data_encoding::BASE64;
use redoubt_audit::bundle::{
    Index, NoteField, SEGMENT, checkpoints_name, consistency_name, name, records_name,
};
use redoubt_audit::tile::{TILE, levels, tiles_of};
use redoubt_audit::{Hash, Record, Tree, canonical_json, catalogue, consistency_proof, leaf_hash, views};
use serde_json::{Value, json};

use crate::appliance::{Appliance, Exported, Keys, Point, signed, tile};
use crate::files::{Files, honest};

#[derive(Clone)]
pub(crate) struct Forgery {
    pub(crate) keys: Rc<Keys>,
    pub(crate) index: Index,
    pub(crate) epoch: u64,
    /// Every record of the log, in the bundle or not.
    pub(crate) lines: Vec<Vec<u8>>,
    pub(crate) points: BTreeMap<u64, Point>,
    pub(crate) proofs: Vec<u64>,
    pub(crate) previous: Option<u64>,
    /// The certificates by epoch.
    pub(crate) chain: BTreeMap<u64, Vec<u8>>,
    /// The record of a checkpoint that stays as it is.
    pub(crate) kept: Option<u64>,
    /// What nobody needs to change.
    rest: Files,
}

impl Forgery {
    pub(crate) fn of(appliance: &Appliance, exported: &Exported) -> Self {
        let size = usize::try_from(exported.index.size).unwrap();
        let Exported { index, epoch, points, proofs, previous } = exported.clone();
        let oldest = points.values().next().unwrap().epoch;
        let blob = |number| (number, appliance.keys.certificate(number).blob().unwrap());
        Self {
            keys: Rc::clone(&appliance.keys),
            index,
            epoch,
            lines: appliance.records[..size].iter().map(|record| record.bytes().to_vec()).collect(),
            points,
            proofs,
            previous,
            chain: (oldest..=epoch).map(blob).collect(),
            kept: None,
            rest: honest(appliance, exported),
        }
    }

    /// The records of the bundle.
    pub(crate) fn held(&self) -> impl Iterator<Item = u64> + use<> {
        let Index { from, to, size, .. } = self.index;
        (from..to).chain(to.max(size - 1)..size)
    }

    pub(crate) fn line(&mut self, seq: u64) -> &mut Vec<u8> {
        &mut self.lines[usize::try_from(seq).unwrap()]
    }

    pub(crate) fn value(&self, seq: u64) -> Value {
        serde_json::from_slice(&self.lines[usize::try_from(seq).unwrap()]).unwrap()
    }

    /// Changes what a record says, and keeps its form.
    pub(crate) fn edit(&mut self, seq: u64, change: impl FnOnce(&mut Value)) {
        let mut value = self.value(seq);
        change(&mut value);
        *self.line(seq) = canonical_json(&value).unwrap();
    }

    /// Takes records out; those behind them and the checkpoints of them move.
    pub(crate) fn remove(&mut self, range: Range<u64>) {
        let place = |seq: u64| usize::try_from(seq).unwrap();
        self.lines.drain(place(range.start)..place(range.end));
        let count = range.end - range.start;
        self.shift(|size| if size >= range.end { size - count } else { size.min(range.start) });
    }

    /// Puts a record in before number `seq`.
    pub(crate) fn insert(&mut self, seq: u64, line: Vec<u8>) {
        self.lines.insert(usize::try_from(seq).unwrap(), line);
        self.shift(|size| if size > seq { size + 1 } else { size });
    }

    fn shift(&mut self, moved: impl Fn(u64) -> u64) {
        self.points =
            std::mem::take(&mut self.points).into_iter().map(|(size, p)| (moved(size), p)).collect();
        self.proofs.iter_mut().for_each(|old| *old = moved(*old));
        self.previous = self.previous.map(&moved);
        self.index.size = moved(self.index.size);
        self.index.to = moved(self.index.to);
        self.index.from = moved(self.index.from);
    }

    /// Gives every record the number of its place.
    pub(crate) fn renumber(&mut self) {
        for seq in 0..self.lines.len() as u64 {
            self.edit(seq, |record| record["seq"] = json!(seq));
        }
        let (Index { from, to, size, .. }, last) = (self.index.clone(), self.lines.len() as u64 - 1);
        self.edit(last, |record| {
            record["d"]["from"] = json!(from);
            if to < size {
                record["d"]["to"] = json!(to);
            }
        });
    }

    /// Signs the checkpoints again that the changed records need, each with the key of the epoch that `by` names for its
    /// own one, and makes the records that describe them again. A checkpoint for which it names none stays as it is.
    pub(crate) fn sign(&mut self, by: impl Fn(u64) -> Option<u64>) {
        let origin = self.index.origin.clone();
        let mut tree = Tree::new();
        for seq in 0..=self.lines.len() as u64 {
            if let Some(point) = self.points.get_mut(&seq)
                && let Some(key) = by(point.epoch)
            {
                let epoch = point.epoch;
                *point = Point { epoch, ..signed(&self.keys, &origin, &tree, key) };
                self.describe(seq, epoch, &tree.root());
            }
            if let Some(line) = self.lines.get(usize::try_from(seq).unwrap()) {
                tree.push(leaf_hash(line));
            }
        }
        self.index.previous = self.previous.map(|size| NoteField { note: self.points[&size].note.clone() });
    }

    /// If record `seq` is that of the checkpoint before it.
    fn describe(&mut self, seq: u64, epoch: u64, root: &Hash) {
        let is_described = self.lines.get(usize::try_from(seq).unwrap()).is_some_and(|line| {
            serde_json::from_slice(line).is_ok_and(|value: Value| value["act"] == catalogue::CHECKPOINT.act())
        });
        if is_described && self.kept != Some(seq) {
            self.edit(seq, |record| {
                record["d"]["size"] = json!(seq);
                record["d"]["epoch"] = json!(epoch);
                record["d"]["root"] = json!(BASE64.encode(root));
            });
        }
    }

    pub(crate) fn leaves(&self) -> Vec<Hash> {
        self.lines.iter().map(|line| leaf_hash(line)).collect()
    }

    /// The files that records are in, in each of their forms.
    pub(crate) fn record_files(&self) -> Files {
        let held: Vec<u64> = self.held().collect();
        self.files_of(&held)
    }

    /// The same for these records.
    pub(crate) fn files_of(&self, held: &[u64]) -> Files {
        let mut files = Files::new();
        let line = |seq: &u64| &self.lines[usize::try_from(*seq).unwrap()];
        for (number, segment) in (0..).zip(held.chunks(usize::try_from(SEGMENT).unwrap())) {
            files.insert(records_name(number), joined(segment.iter().map(line)));
        }
        let records: Vec<Record> = held.iter().filter_map(|seq| understood(line(seq))).collect();
        let mut view = |name: &str, derive: fn(&Record) -> String| {
            files.insert(name.to_owned(), joined(records.iter().map(|record| derive(record).into_bytes())));
        };
        view(name::OCSF, views::ocsf);
        view(name::CEF, views::cef);
        view(name::RFC5424, views::rfc5424);
        files
    }

    pub(crate) fn tiles(&self) -> Files {
        let (mut files, leaves, size) = (Files::new(), self.leaves(), self.index.size);
        for id in levels(size).flat_map(|level| tiles_of(size, level)) {
            let is_held = self.held().any(|seq| seq / TILE == id.number);
            if id.level > 0 || is_held {
                files.insert(id.path(), tile(&leaves, id).concat());
            }
        }
        files
    }

    /// Checkpoints, proofs, chain and index.
    fn heads(&self) -> Files {
        let mut files = Files::new();
        for (epoch, certificate) in &self.chain {
            let line = json!({ "certificate": BASE64.encode(certificate), "epoch": epoch });
            files.entry(name::CHAIN.to_owned()).or_default().extend(canonical_line(&line));
        }
        for Point { epoch, note } in self.points.values() {
            let line = canonical_line(&json!({ "note": note }));
            files.entry(checkpoints_name(*epoch)).or_default().extend(line);
        }
        let newest = &self.points[&self.index.size].note;
        files.insert(name::CHECKPOINT.to_owned(), newest.clone().into_bytes());
        let leaves = self.leaves();
        for old in &self.proofs {
            let Ok(hashes) = consistency_proof(leaves.as_slice(), *old, self.index.size);
            let name = consistency_name(*old, self.index.size);
            files.insert(name, proof(*old, &hashes.unwrap(), newest));
        }
        let index = serde_json::to_value(&self.index).unwrap();
        files.insert(name::INDEX.to_owned(), canonical_line(&index));
        files
    }

    /// Every file but `MANIFEST` and its signatures.
    pub(crate) fn files(&self) -> Files {
        let mut files = self.record_files();
        files.extend(self.tiles());
        files.extend(self.heads());
        for name in [name::GUIDE, name::SIGNERS] {
            files.insert(name.to_owned(), self.rest[name].clone());
        }
        files
    }
}

/// The content of a proof.
pub(crate) fn proof(old: u64, hashes: &[Hash], newest: &str) -> Vec<u8> {
    let hashes: String = hashes.iter().map(|hash| BASE64.encode(hash) + "\n").collect();
    format!("old {old}\n{hashes}\n{newest}").into_bytes()
}

pub(crate) fn canonical_line(value: &Value) -> Vec<u8> {
    joined([canonical_json(value).unwrap()])
}

fn joined(lines: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Vec<u8> {
    lines.into_iter().flat_map(|line| [line.as_ref(), b"\n"].concat()).collect()
}

/// What a line means to somebody who is not strict about its form.
fn understood(line: &[u8]) -> Option<Record> {
    let strict = Record::parse(line);
    strict.ok().or_else(|| {
        let value: Value = serde_json::from_slice(line).ok()?;
        Record::parse(&canonical_json(&value).ok()?).ok()
    })
}
