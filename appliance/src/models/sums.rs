//! Checksums of model files, each computed once and remembered.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use ring::digest;
use serde::{Deserialize, Serialize};

use super::{Error, Part};

/// Files whose sums are remembered; the oldest leaves.
const MOST: usize = 32;

/// Where sums come from.
pub(super) enum Sums<'a> {
    /// This file, where it has them; what it lacks is computed and written into it.
    Remembered(&'a Path),
    /// The bytes themselves, whatever is remembered; told after every MiB how much was read, and of how much.
    Computed(&'a mut dyn FnMut(&Path, u64, u64)),
}

/// The open file, if it is the one meant.
pub(super) fn check(path: &Path, mut file: File, part: &Part, sums: &mut Sums<'_>) -> Result<File, Error> {
    let unreadable = |source| Error::Unreadable { path: path.to_owned(), source };
    let before = Identity::of(&file).map_err(unreadable)?;
    if before.size != part.size {
        return Err(Error::Size { path: path.to_owned(), found: before.size, expected: part.size });
    }
    let found = match sums {
        Sums::Remembered(cache) => match recall(cache, &before) {
            Some(sum) => Ok(sum),
            None => sha256(&mut file, |_| ()),
        },
        Sums::Computed(tell) => sha256(&mut file, |done| tell(path, done, before.size)),
    };
    let found = found.map_err(unreadable)?;
    if Identity::of(&file).map_err(unreadable)? != before {
        return Err(Error::Replaced { path: path.to_owned() });
    }
    if found != part.sha256 {
        return Err(Error::Digest { path: path.to_owned(), found, expected: part.sha256.clone() });
    }
    if let Sums::Remembered(cache) = sums {
        remember(cache, before, found);
    }
    Ok(file)
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
    let all = read(cache);
    all.into_iter().find(|one| one.identity == *identity).map(|one| one.sha256)
}

/// A cache that cannot be read is an empty one.
fn read(cache: &Path) -> Vec<Remembered> {
    fs::read(cache).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
}

/// Only a cache: a sum that cannot be written down is computed again at the next start.
fn remember(cache: &Path, identity: Identity, sha256: String) {
    let mut all = read(cache);
    if all.iter().any(|one| one.identity == identity) {
        return;
    }
    all.push(Remembered { identity, sha256 });
    let text = serde_json::to_vec(&all[all.len().saturating_sub(MOST)..]).unwrap_or_default();
    if let Err(error) = fs::write(cache, text) {
        tracing::warn!(%error, cache = %cache.display(), "the checksums of models are not remembered");
    }
}

fn sha256(file: &mut File, mut tell: impl FnMut(u64)) -> io::Result<String> {
    let mut context = digest::Context::new(&digest::SHA256);
    let mut done = 0;
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(data_encoding::HEXLOWER.encode(context.finish().as_ref())),
            read => {
                context.update(buffer.get(..read).unwrap_or_default());
                done += read as u64;
                tell(done);
            }
        }
    }
}
