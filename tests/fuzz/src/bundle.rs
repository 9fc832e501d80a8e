//! A small bundle that verifies, and others that are nearly it: one file is another, and `MANIFEST` is signed again, so that
//! every reader behind the signature sees it.

use data_encoding::BASE64;
use redoubt_audit::bundle::{
    self, Chunks, Export, Index, Log, NoteField, Proof, Sink, Tar, manifest, name,
};
use redoubt_audit::ssh::{Certificate, NAMESPACE, PRINCIPAL, PrivateKey, Signature, Terms, TrustedRoot};
use redoubt_audit::tile::TileId;
use redoubt_audit::verify::{Known, State};
use redoubt_audit::{
    Actor, Checkpoint, Draft, Hash, Note, Origin, Outcome, Record, Source, Stamp, Tree, catalogue,
    consistency_proof,
};
use ring::digest::{SHA256, digest};
use std::collections::BTreeMap;
use std::io;

const ORIGIN: &str = "redoubt/fuzz";
/// How many records the first export's checkpoint covers, and the second's.
const OLD: u64 = 3;
const NEW: u64 = 6;

/// The contents of files by their names.
pub type Files = BTreeMap<String, Vec<u8>>;

/// The bundle, the keys that signed it, and what its auditor knows.
pub struct Honest {
    pub files: Files,
    pub known: Known,
    key: PrivateKey,
    certificate: Certificate,
}

impl Honest {
    pub fn new() -> Self {
        let root = PrivateKey::from_seed([1; 32], "root").expect("a seed is a key");
        let key = PrivateKey::from_seed([2; 32], "epoch 0").expect("a seed is a key");
        let terms = Terms {
            key: key.public(),
            serial: 0,
            key_id: format!("{ORIGIN} epoch 0"),
            principals: vec![PRINCIPAL.to_owned()],
            valid_after: 0,
            valid_before: 4_000_000_000,
        };
        let certificate = Certificate::issue(terms, [3; 32], root.pair()).expect("terms of a certificate");
        let log = Records::new(&key);
        let (old, new) = (&log.notes[0], &log.notes[1]);
        let last = log.records.last().expect("the record of the export").fields();
        let index = Index {
            v: 1,
            origin: ORIGIN.to_owned(),
            from: 0,
            to: NEW,
            size: NEW,
            export: 2,
            nonce: None,
            time: last.time.clone(),
            sw: last.sw.clone(),
            previous: Some(NoteField { note: old.clone() }),
        };
        let leaves = log.leaves();
        let Ok(hashes) = consistency_proof(leaves.as_slice(), OLD, NEW);
        let trusted = TrustedRoot { key: root.public(), comment: String::new() };
        let export = Export {
            index,
            newest: new.clone(),
            checkpoints: BTreeMap::from([(0, vec![old.clone(), new.clone()])]),
            proofs: vec![Proof { old: OLD, hashes: hashes.expect("a proof of a smaller tree") }],
            chain: BTreeMap::from([(0, certificate.clone())]),
            signer: key.pair(),
            root: trusted.clone(),
        };
        let mut files = Files::new();
        bundle::write(&export, &log, Memory(&mut files)).expect("a bundle of an honest log");
        let state = State {
            origin: ORIGIN.to_owned(),
            root_key: root.public(),
            size: OLD,
            root: log.root(OLD),
            export: 1,
        };
        let known = Known { roots: vec![trusted], state: Some(state), nonce: None };
        Self { files, known, key, certificate }
    }

    /// The bundle with another content of one file, as an archive. `MANIFEST` fits, unless that is the file.
    pub fn with(&self, name: &str, content: &[u8]) -> Vec<u8> {
        let mut files = self.files.clone();
        files.insert(name.to_owned(), content.to_vec());
        if !name.starts_with(name::MANIFEST) {
            let signed = [name::MANIFEST, name::SIGNATURE, name::PLAIN_SIGNATURE];
            let listed = files.iter().filter(|(name, _)| !signed.contains(&name.as_str()));
            let lines: String = listed.map(|(name, content)| manifest::line(name, &sha256(content))).collect();
            files.insert(name::MANIFEST.to_owned(), lines.into_bytes());
        }
        if ![name::SIGNATURE, name::PLAIN_SIGNATURE].contains(&name) {
            self.sign(&mut files);
        }
        archive(&files)
    }

    fn sign(&self, files: &mut Files) {
        let manifest = &files[name::MANIFEST];
        let signature =
            Signature::sign_certified(manifest, NAMESPACE, self.key.pair(), self.certificate.clone());
        let text = signature.and_then(|signature| signature.to_text()).expect("a signature");
        let plain = self.key.pair().sign(manifest).as_ref().to_vec();
        files.insert(name::SIGNATURE.to_owned(), text.into_bytes());
        files.insert(name::PLAIN_SIGNATURE.to_owned(), plain);
    }
}

impl Default for Honest {
    fn default() -> Self {
        Self::new()
    }
}

/// The files as an archive.
pub fn archive(files: &Files) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut tar = Tar::new(&mut bytes);
    for (name, content) in files {
        let mut pieces = std::iter::once(Ok::<_, io::Error>(content.clone()));
        tar.file(name, content.len() as u64, &mut pieces).expect("a name of a bundle");
    }
    tar.finish().expect("memory");
    bytes
}

fn sha256(bytes: &[u8]) -> Hash {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, bytes).as_ref());
    hash
}

/// A log of six records with two exports, each with its checkpoint.
struct Records {
    records: Vec<Record>,
    notes: Vec<String>,
}

impl Records {
    fn new(key: &PrivateKey) -> Self {
        let mut log = Self { records: Vec::new(), notes: Vec::new() };
        let system = |event| Draft::new(event, Outcome::Ok, Actor::system());
        log.append(system(catalogue::SYSTEM_INIT));
        let source =
            Source { ip: "10.1.2.3".to_owned(), port: 51544, tls: Some("1.3".to_owned()), agent_sha256: None };
        let refused = Draft::new(catalogue::LOGIN_PASSWORD, Outcome::Deny, Actor::nobody(Some("ada".to_owned())));
        log.append(refused.reason("unknown_name").source(source));
        log.append(system(catalogue::AUDIT_EXPORT).data("export", 1_u64).data("from", 0_u64));
        log.sign(key);
        let described = system(catalogue::CHECKPOINT)
            .data("size", OLD)
            .data("root", BASE64.encode(&log.root(OLD)))
            .data("epoch", 0_u64)
            .data("state", "00");
        log.append(described);
        log.append(system(catalogue::SYSTEM_STOP));
        log.append(system(catalogue::AUDIT_EXPORT).data("export", 2_u64).data("from", 0_u64));
        log.sign(key);
        log
    }

    fn append(&mut self, draft: Draft) {
        let origin = Origin { origin: ORIGIN.to_owned(), boot: "boot".to_owned(), software: "sw".to_owned() };
        let seq = self.records.len() as u64;
        let stamp = Stamp { seq, time_us: 1_795_000_000_000_000 + seq as i64, mono_us: seq };
        self.records.push(draft.seal(&origin, stamp).expect("a record of short fields"));
    }

    fn sign(&mut self, key: &PrivateKey) {
        let size = self.records.len() as u64;
        let checkpoint = Checkpoint { origin: ORIGIN.to_owned(), size, root: self.root(size) };
        self.notes.push(Note::sign(&checkpoint, key.pair()).expect("an origin of a log").to_text());
    }

    fn leaves(&self) -> Vec<Hash> {
        self.records.iter().map(Record::leaf).collect()
    }

    fn root(&self, size: u64) -> Hash {
        let mut tree = Tree::new();
        self.leaves().into_iter().take(size as usize).for_each(|leaf| tree.push(leaf));
        tree.root()
    }
}

/// What a log has to say of its reading; nothing here can fail.
#[derive(Debug)]
pub enum Fault {
    Io(io::Error),
    Audit(redoubt_audit::Error),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<redoubt_audit::Error> for Fault {
    fn from(error: redoubt_audit::Error) -> Self {
        Self::Audit(error)
    }
}

impl Log for Records {
    type Error = Fault;

    fn records(&self, from: u64, to: u64) -> Result<Vec<Record>, Fault> {
        Ok(self.records[from as usize..to as usize].to_vec())
    }

    fn tile(&self, _: TileId) -> Result<Vec<Hash>, Fault> {
        Ok(self.leaves())
    }
}

/// Keeps the files of a bundle.
struct Memory<'a>(&'a mut Files);

impl Sink for Memory<'_> {
    fn file<E: From<io::Error>>(&mut self, name: &str, _: u64, content: Chunks<'_, E>) -> Result<(), E> {
        let content: Vec<Vec<u8>> = content.collect::<Result<_, _>>()?;
        self.0.insert(name.to_owned(), content.concat());
        Ok(())
    }

    fn finish(self) -> io::Result<()> {
        Ok(())
    }
}
