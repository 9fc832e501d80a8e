//! The Merkle tree of RFC 6962 section 2.1 (RFC 9162 section 2.1) over SHA-256: leaf and node hashes, the
//! root of a list, and the right edge from which a growing log continues.

use ring::digest::{Context, SHA256};

use crate::Error;

/// A SHA-256 hash.
pub type Hash = [u8; 32];

const LEAF: &[u8] = &[0x00];
const NODE: &[u8] = &[0x01];

/// SHA-256(0x00 ‖ `entry`)
pub fn leaf_hash(entry: &[u8]) -> Hash {
    sha256(&[LEAF, entry])
}

/// SHA-256(0x01 ‖ `left` ‖ `right`)
pub(crate) fn node_hash(left: &Hash, right: &Hash) -> Hash {
    sha256(&[NODE, left, right])
}

/// The root of the tree over `leaves`; SHA-256 of nothing for none.
pub fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => sha256(&[]),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            node_hash(&root(left), &root(right))
        }
    }
}

/// The largest power of two smaller than `n`, for `n` ≥ 2.
fn split(n: usize) -> usize {
    n.next_power_of_two() / 2
}

/// Joins the roots of neighbouring subtrees, the largest first.
pub(crate) fn join(edge: &[Hash]) -> Hash {
    let mut subtrees = edge.iter().rev();
    match subtrees.next() {
        None => root(&[]),
        Some(last) => subtrees.fold(*last, |right, left| node_hash(left, &right)),
    }
}

/// The right edge of a growing tree: the roots of its complete subtrees, the largest first. That is one
/// hash for each bit set in the size, so a copy costs at most 2 KiB.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    size: u64,
    edge: Vec<Hash>,
}

impl Tree {
    pub fn new() -> Self {
        Self::default()
    }

    /// The tree of `size` leaves whose complete subtrees, the largest first, have these roots: one for each bit set in
    /// `size`.
    pub(crate) fn of(size: u64, edge: Vec<Hash>) -> Self {
        Self { size, edge }
    }

    /// How many leaves there are.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf.
    pub fn push(&mut self, leaf: Hash) {
        self.push_and(leaf, |_, _, _| ());
    }

    /// Adds a leaf and tells of each subtree that it completes, the leaf itself excepted: height (the subtree has
    /// 2^height leaves), index among those of its height, root.
    pub fn push_and(&mut self, leaf: Hash, mut completed: impl FnMut(u32, u64, &Hash)) {
        let mut hash = leaf;
        // Each trailing one bit of the old size is a complete subtree that the new leaf completes further.
        for height in 1..=self.size.trailing_ones() {
            if let Some(left) = self.edge.pop() {
                hash = node_hash(&left, &hash);
                completed(height, self.size >> height, &hash);
            }
        }
        self.edge.push(hash);
        self.size += 1;
    }

    pub fn root(&self) -> Hash {
        join(&self.edge)
    }

    /// The size as 8 bytes, big-endian, then the edge.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.size.to_be_bytes().to_vec();
        bytes.extend(self.edge.iter().flatten());
        bytes
    }

    /// Reads what [`Tree::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`Error::BadEdge`] if the length does not fit the size that the bytes name.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let bad = || Error::BadEdge(bytes.len());
        let (size, hashes) = bytes.split_first_chunk::<8>().ok_or_else(bad)?;
        let size = u64::from_be_bytes(*size);
        let (edge, rest) = hashes.as_chunks::<32>();
        if !rest.is_empty() || edge.len() != size.count_ones() as usize {
            return Err(bad());
        }
        Ok(Self { size, edge: edge.to_vec() })
    }
}

fn sha256(parts: &[&[u8]]) -> Hash {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(part);
    }
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}
