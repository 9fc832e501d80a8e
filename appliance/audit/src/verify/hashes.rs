//! The signed roots and the hashes beneath them: checkpoints, proofs between them, tiles.

use std::collections::BTreeMap;

use data_encoding::BASE64;

use super::files::Files;
use super::report::Finding;
use crate::bundle::{Index, NoteField, checkpoints_name, consistency_name, name, parse_line};
use crate::tile::{TILE, TileId, Tiles, levels, tiles_of};
use crate::tree::Hash;
use crate::{Note, NoteKey, verify_consistency};

const MAX_NOTE: u64 = 64 << 10;
const MAX_WHOLE: u64 = 64 << 20;
/// The most hashes in a proof between trees of fewer than 2^63 leaves.
const MAX_HASHES: usize = 63;

/// A checkpoint whose signature is good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Signed {
    pub(super) epoch: u64,
    pub(super) root: Hash,
    note: String,
}

/// Every checkpoint of the bundle by size.
pub(super) struct Checkpoints {
    pub(super) by_size: BTreeMap<u64, Signed>,
    pub(super) newest: Signed,
}

impl Checkpoints {
    pub(super) fn read(files: &Files, index: &Index, keys: &BTreeMap<u64, NoteKey>) -> Result<Self, Finding> {
        let mut by_size = BTreeMap::new();
        let mut last = 0;
        for (epoch, key) in keys {
            let name = checkpoints_name(*epoch);
            if files.size(&name).is_none() {
                continue;
            }
            for line in lines(&files.whole(&name, MAX_WHOLE)?, &name)? {
                let field: NoteField = parse_line(line).map_err(|error| Finding::in_file(&name, error))?;
                let (size, signed) = verified(&field.note, *epoch, key, index, &name)?;
                if size <= last {
                    let why = format!("the checkpoint of {size} records comes after one of {last}");
                    return Err(Finding::in_file(&name, why));
                }
                last = size;
                by_size.insert(size, signed);
            }
        }
        if let Some(stray) = files.names().find(|name| {
            name.starts_with("checkpoints/") && !keys.keys().any(|epoch| *name == checkpoints_name(*epoch))
        }) {
            return Err(Finding::in_file(stray, "it is of no epoch that the bundle has a key of"));
        }
        let note = text(files, name::CHECKPOINT, MAX_NOTE)?;
        let (epoch, key) =
            keys.last_key_value().ok_or_else(|| Finding::in_file(name::CHAIN, "it has no certificate"))?;
        let (size, newest) = verified(&note, *epoch, key, index, name::CHECKPOINT)?;
        if size != index.size {
            let why = format!("it covers {size} records, and the bundle says {}", index.size);
            return Err(Finding::in_file(name::CHECKPOINT, why));
        }
        if by_size.get(&size).is_some_and(|signed| (signed.epoch, signed.root) != (newest.epoch, newest.root))
        {
            return Err(Finding::in_file(name::CHECKPOINT, "another checkpoint has the same size"));
        }
        by_size.insert(size, newest.clone());
        Ok(Self { by_size, newest })
    }

    /// The proofs from older checkpoints to the newest. Returns the sizes of those.
    pub(super) fn check_proofs(&self, files: &Files, index: &Index) -> Result<Vec<u64>, Finding> {
        let mut proven = Vec::new();
        for file in files.names().filter(|name| name.starts_with("proof/")) {
            let wrong = |why: &str| Finding::in_file(file, why);
            let content = text(files, file, MAX_NOTE)?;
            let (head, note) = content.split_once("\n\n").ok_or_else(|| wrong("it is no proof"))?;
            if note != self.newest.note {
                return Err(wrong("it does not end with the newest checkpoint"));
            }
            let mut lines = head.split('\n');
            let old = lines.next().and_then(|line| line.strip_prefix("old ")).and_then(number);
            let old = old.ok_or_else(|| wrong("it does not say from which size"))?;
            if file != consistency_name(old, index.size) {
                return Err(wrong("its name says something else"));
            }
            let hashes: Vec<Hash> = lines
                .map(|line| BASE64.decode(line.as_bytes()).ok().and_then(|hash| hash.try_into().ok()))
                .collect::<Option<_>>()
                .filter(|hashes: &Vec<Hash>| hashes.len() <= MAX_HASHES)
                .ok_or_else(|| wrong("its hashes are none"))?;
            if old == 0 || old >= index.size {
                return Err(wrong("it proves nothing"));
            }
            let signed =
                self.by_size.get(&old).ok_or_else(|| wrong("the bundle has no checkpoint of that size"))?;
            verify_consistency(old, &signed.root, index.size, &self.newest.root, &hashes)
                .map_err(|error| Finding::in_file(file, error))?;
            proven.push(old);
        }
        if let Some(previous) = &index.previous {
            let known = proven.iter().filter_map(|old| self.by_size.get(old));
            if !known.into_iter().any(|signed| signed.note == previous.note) {
                return Err(Finding::in_file(
                    name::INDEX,
                    "nothing proves the checkpoint of the export before",
                ));
            }
        }
        Ok(proven)
    }
}

fn verified(
    note: &str,
    epoch: u64,
    key: &NoteKey,
    index: &Index,
    file: &str,
) -> Result<(u64, Signed), Finding> {
    let wrong = |error: crate::Error| Finding::in_file(file, error);
    let parsed = Note::parse(note.as_bytes()).map_err(wrong)?;
    parsed.verify(std::slice::from_ref(key)).map_err(wrong)?;
    let checkpoint = parsed.checkpoint().map_err(wrong)?;
    if checkpoint.origin != index.origin {
        return Err(Finding::in_file(file, "the checkpoint is of another log"));
    }
    if checkpoint.size == 0 || checkpoint.size > index.size {
        return Err(Finding::in_file(file, "the checkpoint is of more records than the log has, or of none"));
    }
    Ok((checkpoint.size, Signed { epoch, root: checkpoint.root, note: note.to_owned() }))
}

/// The tiles at hand, each as wide as the log makes it, and all of one tree.
pub(super) fn read_tiles(files: &Files, size: u64) -> Result<Tiles, Finding> {
    let mut tiles = Tiles::default();
    let mut found = 0;
    for id in levels(size).flat_map(|level| tiles_of(size, level)) {
        let name = id.path();
        match files.size(&name) {
            None if id.level == 0 => continue,
            None => return Err(Finding::in_file(&name, "it is missing")),
            Some(length) if length != id.width * 32 => {
                return Err(Finding::in_file(&name, "it has another number of hashes"));
            }
            Some(_) => {}
        }
        let content = files.whole(&name, TILE * 32)?;
        tiles.insert(id, content.as_chunks::<32>().0.to_vec());
        found += 1;
    }
    if files.names().filter(|name| name.starts_with("tile/")).count() != found {
        return Err(Finding::new("there is a tile that the log has no place for"));
    }
    if let Some(TileId { level, number, .. }) = tiles.contradiction() {
        return Err(Finding::new(format!("tile {number} of level {level} does not give the hash above it")));
    }
    Ok(tiles)
}

/// The lines of a file that ends with a newline.
fn lines<'a>(bytes: &'a [u8], name: &str) -> Result<impl Iterator<Item = &'a [u8]>, Finding> {
    let lines =
        bytes.strip_suffix(b"\n").ok_or_else(|| Finding::in_file(name, "it does not end with a newline"))?;
    Ok(lines.split(|byte| *byte == b'\n'))
}

fn text(files: &Files, name: &str, limit: u64) -> Result<String, Finding> {
    String::from_utf8(files.whole(name, limit)?).map_err(|error| Finding::in_file(name, error))
}

/// A decimal number as the format writes it.
fn number(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}
