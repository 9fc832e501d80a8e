//! Writes a bundle: every file in turn, its hash into the manifest, the manifest's signatures last.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::Range;

use data_encoding::BASE64;
use ring::digest::{Context, SHA256};
use ring::signature::Ed25519KeyPair;

use super::index::ChainLine;
use super::lines::Lines;
use super::{Index, NoteField, SEGMENT, Sink, manifest, name, to_line};
use super::{checkpoints_name, consistency_name, records_name};
use crate::ssh::{Certificate, NAMESPACE, Signature, TrustedRoot};
use crate::tile::{TILE, TileId, levels, tiles_of};
use crate::tree::Hash;
use crate::{Error, Record, ed25519, views};

/// Where the records and hashes of a log come from.
pub trait Log {
    type Error: From<io::Error> + From<Error>;

    /// The records `from..to`, in order. They all exist.
    ///
    /// # Errors
    /// What keeps them from being read.
    fn records(&self, from: u64, to: u64) -> Result<Vec<Record>, Self::Error>;

    /// The hashes of a tile.
    ///
    /// # Errors
    /// What keeps them from being read.
    fn tile(&self, id: TileId) -> Result<Vec<Hash>, Self::Error>;
}

/// What goes into a bundle beside records and tiles.
pub struct Export<'a> {
    pub index: Index,
    /// The newest checkpoint, as a note.
    pub newest: String,
    /// The checkpoints by epoch, each epoch's by size.
    pub checkpoints: BTreeMap<u64, Vec<String>>,
    pub proofs: Vec<Proof>,
    /// The certificates of the epochs from that of the oldest checkpoint on, by epoch.
    pub chain: BTreeMap<u64, Certificate>,
    /// The key of the newest checkpoint's epoch.
    pub signer: &'a Ed25519KeyPair,
    pub root: TrustedRoot,
}

/// That the first `old` records are the beginning of the log.
pub struct Proof {
    pub old: u64,
    pub hashes: Vec<Hash>,
}

/// Writes the bundle.
///
/// # Errors
/// Those of the log and of the place where it is written.
pub fn write<L: Log, S: Sink>(export: &Export<'_>, log: &L, sink: S) -> Result<(), L::Error> {
    let mut writer = Writer { export, log, sink, hashes: BTreeMap::new() };
    writer.records_and_views()?;
    writer.checkpoints()?;
    writer.tiles()?;
    writer.keys()?;
    writer.whole(name::GUIDE, super::guide::text(&export.index).into_bytes())?;
    writer.whole(name::INDEX, to_line(&export.index)?)?;
    writer.manifest()
}

struct Writer<'a, L, S> {
    export: &'a Export<'a>,
    log: &'a L,
    sink: S,
    hashes: BTreeMap<String, Hash>,
}

/// A view's file and how a record is written in it.
type View = (&'static str, fn(&Record) -> String);
const VIEWS: [View; 3] =
    [(name::OCSF, views::ocsf), (name::CEF, views::cef), (name::RFC5424, views::rfc5424)];

impl<L: Log, S: Sink> Writer<'_, L, S> {
    /// The spans of records: those that were asked for, and the record of the export itself.
    fn spans(&self) -> [Range<u64>; 2] {
        let Index { from, to, size, .. } = self.export.index;
        [from..to, to.max(size - 1)..size]
    }

    /// The records are read once for themselves, when the lengths of the views are measured, and once for each view: an
    /// archive needs to know how long a file is before it begins.
    fn records_and_views(&mut self) -> Result<(), L::Error> {
        let mut lengths = [0; VIEWS.len()];
        let (mut segment, mut lines, mut number) = (Vec::new(), 0, 0);
        let log = self.log;
        for records in Lines::new(log, self.spans()) {
            for record in records? {
                for (length, (_, view)) in lengths.iter_mut().zip(VIEWS) {
                    *length += view(&record).len() as u64 + 1;
                }
                segment.extend_from_slice(record.bytes());
                segment.push(b'\n');
                lines += 1;
                if lines == SEGMENT {
                    self.whole(&records_name(number), std::mem::take(&mut segment))?;
                    (lines, number) = (0, number + 1);
                }
            }
        }
        if lines > 0 {
            self.whole(&records_name(number), segment)?;
        }
        for (length, (name, view)) in lengths.into_iter().zip(VIEWS) {
            let spans = self.spans();
            let mut content = Lines::new(log, spans).map(|records| {
                let lines: Vec<String> = records?.iter().map(|record| view(record) + "\n").collect();
                Ok(lines.concat().into_bytes())
            });
            self.file(name, length, &mut content)?;
        }
        Ok(())
    }

    fn checkpoints(&mut self) -> Result<(), L::Error> {
        let export = self.export;
        self.whole(name::CHECKPOINT, export.newest.clone().into_bytes())?;
        for (epoch, notes) in &export.checkpoints {
            let mut content = Vec::new();
            for note in notes {
                content.extend(to_line(&NoteField { note: note.clone() })?);
            }
            self.whole(&checkpoints_name(*epoch), content)?;
        }
        for Proof { old, hashes } in &export.proofs {
            let hashes: String = hashes.iter().map(|hash| BASE64.encode(hash) + "\n").collect();
            let content = format!("old {old}\n{hashes}\n{}", export.newest);
            self.whole(&consistency_name(*old, export.index.size), content.into_bytes())?;
        }
        Ok(())
    }

    fn tiles(&mut self) -> Result<(), L::Error> {
        let size = self.export.index.size;
        let held: BTreeSet<u64> = self
            .spans()
            .into_iter()
            .filter(|span| !span.is_empty())
            .flat_map(|span| span.start / TILE..=(span.end - 1) / TILE)
            .collect();
        for level in levels(size) {
            for id in tiles_of(size, level).filter(|id| level > 0 || held.contains(&id.number)) {
                self.whole(&id.path(), self.log.tile(id)?.concat())?;
            }
        }
        Ok(())
    }

    fn keys(&mut self) -> Result<(), L::Error> {
        let mut chain = Vec::new();
        for (epoch, certificate) in &self.export.chain {
            let certificate = BASE64.encode(&certificate.blob()?);
            chain.extend(to_line(&ChainLine { certificate, epoch: *epoch })?);
        }
        self.whole(name::CHAIN, chain)?;
        self.whole(name::SIGNERS, (self.export.root.line()? + "\n").into_bytes())
    }

    /// The manifest and its signatures, which are all that it does not list.
    fn manifest(mut self) -> Result<(), L::Error> {
        let manifest: String = self.hashes.iter().map(|(name, hash)| manifest::line(name, hash)).collect();
        let manifest = manifest.into_bytes();
        let certificate = self.export.chain.values().next_back().cloned().ok_or(Error::NoCertificate)?;
        let signer = self.export.signer;
        let signature = Signature::sign_certified(&manifest, NAMESPACE, signer, certificate)?.to_text()?;
        let plain = ed25519::sign(signer, &manifest).to_vec();
        self.whole(name::MANIFEST, manifest)?;
        self.whole(name::SIGNATURE, signature.into_bytes())?;
        self.whole(name::PLAIN_SIGNATURE, plain)?;
        Ok(self.sink.finish()?)
    }

    fn whole(&mut self, name: &str, content: Vec<u8>) -> Result<(), L::Error> {
        self.file(name, content.len() as u64, &mut std::iter::once(Ok(content)))
    }

    fn file(
        &mut self,
        name: &str,
        size: u64,
        content: &mut dyn Iterator<Item = Result<Vec<u8>, L::Error>>,
    ) -> Result<(), L::Error> {
        let mut hash = Context::new(&SHA256);
        let mut hashed = content.inspect(|chunk| {
            if let Ok(chunk) = chunk {
                hash.update(chunk);
            }
        });
        self.sink.file(name, size, &mut hashed)?;
        let mut sum = [0; 32];
        sum.copy_from_slice(hash.finish().as_ref());
        self.hashes.insert(name.to_owned(), sum);
        Ok(())
    }
}
