//! Hashes of a tree in tiles of 256 (C2SP tlog-tiles): how a bundle carries them, and how a tree is read from them.

use std::collections::BTreeMap;

use crate::proof::Subtrees;
use crate::tree::{Hash, root};

/// How many hashes a whole tile has.
pub const TILE: u64 = 256;
/// How many levels of the tree a tile spans.
const HEIGHT: u32 = 8;

/// The place of a tile: level L (its hashes are roots of 256^L leaves each), number N, and how many hashes it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TileId {
    pub level: u32,
    pub number: u64,
    /// 1 to 256.
    pub width: u64,
}

impl TileId {
    /// The tile's file in a bundle: `tile/1/x001/067`, with `.p/<width>` for one that is not whole.
    pub fn path(&self) -> String {
        let digits = format!("{:03}", self.number);
        let first = digits.len() % 3;
        let padded = if first == 0 { digits } else { format!("{}{digits}", &"00"[..3 - first]) };
        let groups: Vec<&str> = (0..padded.len()).step_by(3).map(|at| &padded[at..at + 3]).collect();
        let (last, upper) = groups.split_last().map_or(("000", &[][..]), |(last, upper)| (*last, upper));
        let mut path = format!("tile/{}/", self.level);
        for group in upper {
            path.push_str(&format!("x{group}/"));
        }
        path.push_str(last);
        if self.width < TILE {
            path.push_str(&format!(".p/{}", self.width));
        }
        path
    }
}

/// How many hashes a level of a tree of `size` leaves has: only those of complete subtrees.
pub fn level_len(size: u64, level: u32) -> u64 {
    size.checked_shr(HEIGHT * level).unwrap_or(0)
}

/// The tiles of one level, the last one perhaps not whole.
pub fn tiles_of(size: u64, level: u32) -> impl Iterator<Item = TileId> {
    let len = level_len(size, level);
    (0..len.div_ceil(TILE)).map(move |number| TileId {
        level,
        number,
        width: (len - number * TILE).min(TILE),
    })
}

/// The levels of a tree of `size` leaves that have a hash.
pub fn levels(size: u64) -> impl Iterator<Item = u32> {
    (0..8).take_while(move |level| level_len(size, *level) > 0)
}

/// A hash that the tiles at hand do not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no tile holds hash {index} of level {level}")]
pub struct Missing {
    pub level: u32,
    pub index: u64,
}

/// Some tiles of a tree, by level and number.
#[derive(Clone, Debug, Default)]
pub struct Tiles(BTreeMap<(u32, u64), Vec<Hash>>);

impl Tiles {
    pub fn insert(&mut self, id: TileId, hashes: Vec<Hash>) {
        self.0.insert((id.level, id.number), hashes);
    }

    /// The hash of a complete subtree of 256^`level` leaves.
    pub fn get(&self, level: u32, index: u64) -> Option<&Hash> {
        self.0.get(&(level, index / TILE))?.get(usize::try_from(index % TILE).ok()?)
    }

    /// Each whole tile gives the hash in the tile above it; returns the first that does not.
    pub fn contradiction(&self) -> Option<TileId> {
        let whole = self.0.iter().filter(|(_, hashes)| hashes.len() as u64 == TILE);
        whole
            .map(|((level, number), hashes)| (TileId { level: *level, number: *number, width: TILE }, hashes))
            .find(|(id, hashes)| self.get(id.level + 1, id.number) != Some(&root(hashes)))
            .map(|(id, _)| id)
    }
}

impl Subtrees for Tiles {
    type Error = Missing;

    fn complete(&self, height: u32, index: u64) -> Result<Hash, Missing> {
        let (level, within) = (height / HEIGHT, height % HEIGHT);
        let first = index << within;
        let hashes = (first..first + (1 << within))
            .map(|index| self.get(level, index).copied().ok_or(Missing { level, index }))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(root(&hashes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proof;
    use crate::tree::leaf_hash;

    #[test]
    fn paths_are_those_of_the_specification() {
        let path = |number, width| TileId { level: 0, number, width }.path();
        assert_eq!(path(1_234_067, 256), "tile/0/x001/x234/067");
        assert_eq!(path(0, 256), "tile/0/000");
        assert_eq!(path(999, 3), "tile/0/999.p/3");
        assert_eq!(path(1_000, 255), "tile/0/x001/000.p/255");
    }

    #[test]
    fn a_tree_is_read_from_its_tiles() {
        let leaves: Vec<Hash> = (0..70_000_u32).map(|number| leaf_hash(&number.to_be_bytes())).collect();
        let mut tiles = Tiles::default();
        let mut level_hashes = leaves.clone();
        for level in levels(leaves.len() as u64) {
            for id in tiles_of(leaves.len() as u64, level) {
                let start = usize::try_from(id.number * TILE).unwrap();
                let hashes = level_hashes[start..start + usize::try_from(id.width).unwrap()].to_vec();
                tiles.insert(id, hashes);
            }
            level_hashes = level_hashes.chunks_exact(256).map(root).collect();
        }
        assert_eq!(tiles.contradiction(), None);
        for size in [1, 255, 256, 257, 65_535, 65_536, 65_537, 69_999, 70_000] {
            let read = proof::tree(&tiles, size).unwrap();
            assert_eq!(read.root(), root(&leaves[..usize::try_from(size).unwrap()]), "{size}");
        }
        let mut changed = tiles.clone();
        changed.insert(TileId { level: 1, number: 0, width: 256 }, vec![[0; 32]; 256]);
        assert!(changed.contradiction().is_some());
        assert!(proof::tree(&Tiles::default(), 1).is_err());
    }
}
