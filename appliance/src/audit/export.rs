//! Exports: what an auditor takes away. Recorded and signed in one transaction, then read from the store as it was then.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

use redoubt_audit::bundle::{self, Export, Index, Log, NoteField, Proof, Sink};
use redoubt_audit::catalogue::AUDIT_EXPORT;
use redoubt_audit::ssh::{Certificate, TrustedRoot};
use redoubt_audit::tile::TileId;
use redoubt_audit::{Hash, Record, Value};
use redoubt_store::audit_checkpoints::Signed;
use redoubt_store::audit_epochs::Present;
use redoubt_store::{Reader, Store, Tx, audit_checkpoints, audit_epochs, audit_log, audit_tree, meta};

use crate::access::NotConfirmed;
use crate::clock::SECOND_US;
use crate::identity::By;
use crate::records;

/// The longest nonce, in characters.
pub const MAX_NONCE: usize = 128;
/// The most checkpoints that an export is asked to extend.
pub const MAX_EXTENDS: usize = 16;

/// Where an export begins or ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// A record's number.
    Seq(u64),
    /// Microseconds since 1970.
    Time(i64),
}

/// What somebody wants to take away. Bounds are included; what is `None` does not bound.
#[derive(Clone, Debug, Default)]
pub struct Order {
    pub from: Option<Bound>,
    pub to: Option<Bound>,
    /// Hex, the auditor's own.
    pub nonce: Option<String>,
    /// Sizes of older checkpoints that the auditor knows.
    pub extends: Vec<u64>,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the nonce is not 1 to {MAX_NONCE} hexadecimal digits")]
    BadNonce,
    #[error("the log has no record in that range")]
    Empty,
    #[error("the log has no checkpoint of {0} records")]
    NoCheckpoint(u64),
    #[error("more than {MAX_EXTENDS} older checkpoints")]
    TooManyExtended,
    #[error("no key is certified that could sign an export: `redoubt audit certify-epochs` makes some")]
    NoKey,
    #[error("the certificate of the key is no longer valid: `redoubt audit certify-epochs` makes new ones")]
    Expired,
    #[error(transparent)]
    NotConfirmed(#[from] NotConfirmed),
    #[error(transparent)]
    Store(#[from] redoubt_store::Error),
    #[error(transparent)]
    Audit(#[from] redoubt_audit::Error),
    /// The place where it is written.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// An export that is recorded and signed. What it holds does not change any more.
pub struct Begun {
    pub index: Index,
    newest: Arc<Signed>,
    signer: Arc<Present>,
    previous: Option<u64>,
    extends: Vec<u64>,
}

/// Records an export and signs the log with that record as its last.
///
/// # Errors
/// What is wrong with the order, and what the store says. Nothing is recorded then.
pub fn begin(tx: &mut Tx<'_>, by: &By, order: &Order) -> Result<Begun, Error> {
    by.confirm(tx)?;
    if order.nonce.as_ref().is_some_and(|nonce| !is_nonce(nonce)) {
        return Err(Error::BadNonce);
    }
    if order.extends.len() > MAX_EXTENDS {
        return Err(Error::TooManyExtended);
    }
    if let Some(unknown) = missing_checkpoint(tx, &order.extends)? {
        return Err(Error::NoCheckpoint(unknown));
    }
    let signer = tx.epoch().ok_or(Error::NoKey)?;
    if tx.now_us() / SECOND_US >= valid_before(tx, signer.number())? {
        return Err(Error::Expired);
    }
    let size = audit_log::size(tx)?;
    let from = first(tx, order.from)?.ok_or(Error::Empty)?;
    let to = end(tx, order.to)?.filter(|to| *to < size);
    if from >= to.unwrap_or(size) {
        return Err(Error::Empty);
    }
    let last = audit_log::last_of(tx, AUDIT_EXPORT)?;
    let number = last.as_ref().map_or(0, |last| number_of(&last.record)) + 1;
    let seq = tx.audit(records::exported(by, number, from, to, order.nonce.as_deref()))?;
    let newest = tx.checkpoint()?.ok_or(Error::NoKey)?;
    let made = audit_log::find(tx, seq)?.ok_or(Error::Empty)?;
    let fields = made.record.fields();
    let previous = last.map(|last| last.record.fields().seq + 1);
    let index = Index {
        v: 1,
        origin: meta::origin(tx)?,
        from,
        to: to.unwrap_or(newest.size),
        size: newest.size,
        export: number,
        nonce: order.nonce.clone(),
        time: fields.time.clone(),
        sw: fields.sw.clone(),
        previous: previous_note(tx, previous)?,
    };
    Ok(Begun { index, newest, signer, previous, extends: order.extends.clone() })
}

/// Writes what [`begin`] began.
///
/// # Errors
/// What the store or the place where it is written says.
pub fn write(store: &Store, begun: &Begun, sink: impl Sink) -> Result<(), Error> {
    let parts = store.read_blocking({
        let (index, newest) = (begun.index.clone(), Arc::clone(&begun.newest));
        let known: BTreeSet<u64> = begun.extends.iter().copied().chain(begun.previous).collect();
        move |reader| parts(reader, &index, &newest, &known)
    })?;
    let Parts { checkpoints, proofs, chain } = parts;
    let root = chain.values().next_back().ok_or(Error::NoKey)?.authority();
    let export = Export {
        index: begun.index.clone(),
        newest: begun.newest.note.clone(),
        checkpoints,
        proofs,
        root: TrustedRoot { key: *root, comment: String::new() },
        chain,
        signer: begun.signer.pair(),
    };
    bundle::write(&export, &Stored(store), sink)
}

/// What a bundle has beside records and tiles.
struct Parts {
    checkpoints: BTreeMap<u64, Vec<String>>,
    proofs: Vec<Proof>,
    chain: BTreeMap<u64, Certificate>,
}

fn parts(reader: &Reader, index: &Index, newest: &Signed, known: &BTreeSet<u64>) -> Result<Parts, Error> {
    let mut signed = BTreeMap::from([(newest.size, newest.clone())]);
    for epoch in audit_epochs::list(reader)?.iter().filter(|epoch| epoch.begun_us.is_some()) {
        for checkpoint in audit_checkpoints::of_epoch(reader, epoch.number, index.from, index.to)? {
            signed.insert(checkpoint.size, checkpoint);
        }
    }
    let mut proofs = Vec::new();
    for old in known.iter().copied().filter(|old| *old < index.size) {
        let Some(checkpoint) = audit_checkpoints::find(reader, old)? else { continue };
        let hashes = audit_tree::consistency(reader, old, index.size)?.ok_or(Error::Empty)?;
        signed.insert(old, checkpoint);
        proofs.push(Proof { old, hashes });
    }
    let mut checkpoints: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for checkpoint in signed.into_values() {
        checkpoints.entry(checkpoint.epoch).or_default().push(checkpoint.note);
    }
    let first = checkpoints.keys().next().copied().unwrap_or(newest.epoch);
    let chain = (first..=newest.epoch)
        .map(|number| {
            let epoch = audit_epochs::find(reader, number)?.ok_or(Error::NoKey)?;
            Ok((number, Certificate::from_blob(&epoch.certificate)?))
        })
        .collect::<Result<_, Error>>()?;
    Ok(Parts { checkpoints, proofs, chain })
}

/// The records and tiles of a store that goes on meanwhile: what there is of them does not change.
struct Stored<'a>(&'a Store);

impl Log for Stored<'_> {
    type Error = Error;

    fn records(&self, from: u64, to: u64) -> Result<Vec<Record>, Error> {
        let entries = self.0.read_blocking(move |reader| audit_log::range(reader, from, to))?;
        Ok(entries.into_iter().map(|entry| entry.record).collect())
    }

    fn tile(&self, id: TileId) -> Result<Vec<Hash>, Error> {
        Ok(self.0.read_blocking(move |reader| audit_tree::tile(reader, id))?)
    }
}

fn is_nonce(nonce: &str) -> bool {
    (1..=MAX_NONCE).contains(&nonce.len()) && nonce.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The first record of a range; `None` if there is none so late.
fn first(reader: &Reader, bound: Option<Bound>) -> Result<Option<u64>, Error> {
    Ok(match bound {
        None => Some(0),
        Some(Bound::Seq(seq)) => Some(seq),
        Some(Bound::Time(time_us)) => audit_log::first_at(reader, time_us)?,
    })
}

/// After the last record of a range; `None` for all there are.
fn end(reader: &Reader, bound: Option<Bound>) -> Result<Option<u64>, Error> {
    Ok(match bound {
        None => None,
        Some(Bound::Seq(seq)) => Some(seq.saturating_add(1)),
        Some(Bound::Time(time_us)) => Some(audit_log::end_at(reader, time_us)?),
    })
}

fn missing_checkpoint(reader: &Reader, sizes: &[u64]) -> Result<Option<u64>, Error> {
    for size in sizes {
        if audit_checkpoints::find(reader, *size)?.is_none() {
            return Ok(Some(*size));
        }
    }
    Ok(None)
}

/// In seconds since 1970.
fn valid_before(reader: &Reader, epoch: u64) -> Result<i64, Error> {
    let epoch = audit_epochs::find(reader, epoch)?.ok_or(Error::NoKey)?;
    let certificate = Certificate::from_blob(&epoch.certificate)?;
    Ok(i64::try_from(certificate.terms().valid_before).unwrap_or(i64::MAX))
}

fn previous_note(reader: &Reader, size: Option<u64>) -> Result<Option<NoteField>, Error> {
    let Some(size) = size else { return Ok(None) };
    let signed = audit_checkpoints::find(reader, size)?.ok_or(Error::NoCheckpoint(size))?;
    Ok(Some(NoteField { note: signed.note }))
}

/// The number of the export that a record is of.
pub fn number_of(record: &Record) -> u64 {
    match record.fields().d.get("export") {
        Some(Value::Int(number)) => u64::try_from(*number).unwrap_or(0),
        _ => 0,
    }
}
