//! Model manifests: which files the appliance may load, and the proof that a file is the one meant.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use redoubt_engine::{Role, Sampling, Turn};
use ring::digest;
use serde::{Deserialize, Serialize};

/// The manifests in the repository's `models/` folder, part of the executable.
const BUILT_IN: &[&str] = &[include_str!("../../models/smollm2-135m-instruct-q4_1.toml")];

/// What a model file must be, and what people are told of it. `models/README.md` explains the fields.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    pub id: String,
    pub title: String,
    pub file: String,
    pub size: u64,
    pub sha256: String,
    pub context: u32,
    pub system: Option<String>,
    pub temperature: Option<f32>,
    pub top_p: Option<f32>,
    pub licence: String,
    pub source: String,
}

impl Manifest {
    /// How answers are sampled where a request does not say.
    pub fn sampling(&self) -> Sampling {
        let default = Sampling::default();
        Sampling {
            temperature: self.temperature.unwrap_or(default.temperature),
            top_p: self.top_p.unwrap_or(default.top_p),
            ..default
        }
    }

    /// The turns with this model's system prompt before them, if they bring none.
    pub fn with_system(&self, mut turns: Vec<Turn>) -> Vec<Turn> {
        let brings_one = turns.iter().any(|turn| turn.role == Role::System);
        if let Some(system) = self.system.as_ref().filter(|_| !brings_one) {
            turns.insert(0, Turn { role: Role::System, content: system.clone() });
        }
        turns
    }
}

/// Why a model file is not used. Every message names the file.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("no model file at {path}; `scripts/run --prepare` fetches the demo's model")]
    Missing { path: PathBuf },
    #[error("{path}: {source}")]
    Unreadable { path: PathBuf, source: io::Error },
    #[error(
        "{path}: no manifest names a file of this name, so nothing says what it must contain; \
             known: {known}"
    )]
    Unknown { path: PathBuf, known: String },
    #[error("{path}: the file has {found} bytes where its manifest says {expected}; copy it again")]
    Size { path: PathBuf, found: u64, expected: u64 },
    #[error("{path}: the SHA-256 sum is {found} where the manifest says {expected}; the file is not used")]
    Digest { path: PathBuf, found: String, expected: String },
    #[error("{path}: the file was replaced while it was being checked")]
    Replaced { path: PathBuf },
}

/// The built-in manifests.
pub fn built_in() -> Vec<Manifest> {
    BUILT_IN.iter().filter_map(|text| toml::from_str(text).ok()).collect()
}

/// A model file that was checked against its manifest, still open.
#[derive(Debug)]
pub struct Checked {
    pub manifest: Manifest,
    pub file: File,
}

/// Opens a model file and checks it against the manifest of its name.
///
/// The sum is computed once a file: `cache` remembers it with the file's identity (device, inode, size and
/// time of change), because hashing gigabytes at every start would be what people wait for.
pub fn open(path: &Path, cache: &Path) -> Result<Checked, Error> {
    let unreadable = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => Error::Missing { path: path.to_owned() },
        _ => Error::Unreadable { path: path.to_owned(), source },
    };
    let mut file = File::open(path).map_err(unreadable)?;
    let manifest = manifest_of(path)?;
    let before = Identity::of(&file).map_err(unreadable)?;
    if before.size != manifest.size {
        let expected = manifest.size;
        return Err(Error::Size { path: path.to_owned(), found: before.size, expected });
    }
    let found = match recall(cache, &before) {
        Some(sum) => sum,
        None => sha256(&mut file).map_err(unreadable)?,
    };
    if Identity::of(&file).map_err(unreadable)? != before {
        return Err(Error::Replaced { path: path.to_owned() });
    }
    if found != manifest.sha256 {
        let expected = manifest.sha256;
        return Err(Error::Digest { path: path.to_owned(), found, expected });
    }
    remember(cache, before, found);
    Ok(Checked { manifest, file })
}

fn manifest_of(path: &Path) -> Result<Manifest, Error> {
    let known = built_in();
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if let Some(manifest) = known.iter().find(|manifest| manifest.file == name) {
        return Ok(manifest.clone());
    }
    let known: Vec<&str> = known.iter().map(|manifest| manifest.file.as_str()).collect();
    Err(Error::Unknown { path: path.to_owned(), known: known.join(", ") })
}

/// What tells a file apart from another one that took its place.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Identity {
    device: u64,
    inode: u64,
    size: u64,
    modified_ns: i128,
    changed_ns: i128,
}

impl Identity {
    fn of(file: &File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        let nanoseconds = |seconds: i64, rest: i64| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
        Ok(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified_ns: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
            changed_ns: nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
        })
    }
}

#[derive(Serialize, Deserialize)]
struct Remembered {
    identity: Identity,
    sha256: String,
}

fn recall(cache: &Path, identity: &Identity) -> Option<String> {
    let remembered: Remembered = serde_json::from_slice(&fs::read(cache).ok()?).ok()?;
    (remembered.identity == *identity).then_some(remembered.sha256)
}

/// Only a cache: a sum that cannot be written down is computed again at the next start.
fn remember(cache: &Path, identity: Identity, sha256: String) {
    let text = serde_json::to_vec(&Remembered { identity, sha256 }).unwrap_or_default();
    if let Err(error) = fs::write(cache, text) {
        tracing::warn!(%error, cache = %cache.display(), "the model's checksum is not remembered");
    }
}

fn sha256(file: &mut File) -> io::Result<String> {
    let mut context = digest::Context::new(&digest::SHA256);
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(data_encoding::HEXLOWER.encode(context.finish().as_ref())),
            read => context.update(buffer.get(..read).unwrap_or_default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_manifest_parses() {
        assert_eq!(built_in().len(), BUILT_IN.len());
        assert!(built_in().iter().all(|manifest| manifest.sha256.len() == 64 && manifest.context > 0));
    }

    #[test]
    fn files_that_are_not_what_a_manifest_says_are_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let cache = folder.path().join("cache.json");
        let path = folder.path().join(built_in()[0].file.clone());
        assert!(matches!(open(&path, &cache), Err(Error::Missing { .. })));
        fs::write(&path, b"GGUF").unwrap();
        assert!(matches!(open(&path, &cache), Err(Error::Size { found: 4, .. })));
        File::create(&path).unwrap().set_len(built_in()[0].size).unwrap();
        assert!(matches!(open(&path, &cache), Err(Error::Digest { .. })));
        let other = folder.path().join("other.gguf");
        fs::write(&other, b"GGUF").unwrap();
        assert!(matches!(open(&other, &cache), Err(Error::Unknown { .. })));
    }
}
