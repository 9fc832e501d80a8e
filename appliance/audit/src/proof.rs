//! Inclusion and consistency proofs: made from the roots of complete subtrees, wherever they are kept (RFC 9162 sections
//! 2.1.3.1 and 2.1.4.1), verified from hashes alone (sections 2.1.3.2 and 2.1.4.2).

use std::convert::Infallible;
use std::ops::Range;

use crate::Error;
use crate::tree::{Hash, Tree, join, node_hash, root};

/// Where the roots of a tree's complete subtrees come from.
pub trait Subtrees {
    type Error;

    /// The root over the leaves from `index` · 2^`height` to before (`index` + 1) · 2^`height`, all of which there are.
    ///
    /// # Errors
    /// What keeps it from being found.
    fn complete(&self, height: u32, index: u64) -> Result<Hash, Self::Error>;
}

/// All leaves at hand.
impl Subtrees for [Hash] {
    type Error = Infallible;

    fn complete(&self, height: u32, index: u64) -> Result<Hash, Infallible> {
        let place = |index: u64| usize::try_from(index << height).unwrap_or(usize::MAX).min(self.len());
        Ok(root(&self[place(index)..place(index + 1)]))
    }
}

/// The tree over the first `size` leaves.
///
/// # Errors
/// Those of `source`.
pub fn tree<S: Subtrees + ?Sized>(source: &S, size: u64) -> Result<Tree, S::Error> {
    Ok(Tree::of(size, edge(source, 0..size)?))
}

/// The hashes that lead from leaf `index` to the root of the tree over the first `size` leaves; `None` if it has no such
/// leaf.
///
/// # Errors
/// Those of `source`.
pub fn inclusion_proof<S: Subtrees + ?Sized>(
    source: &S,
    index: u64,
    size: u64,
) -> Result<Option<Vec<Hash>>, S::Error> {
    if index >= size {
        return Ok(None);
    }
    let mut path = Vec::new();
    let mut span = 0..size;
    while span.end - span.start > 1 {
        let (left, right) = halves(&span);
        let (inside, outside) = if index < left.end { (left, right) } else { (right, left) };
        path.push(join(&edge(source, outside)?));
        span = inside;
    }
    path.reverse();
    Ok(Some(path))
}

/// The hashes that show that the tree over the first `old_size` leaves is a beginning of the one over the first
/// `new_size`. Empty for an old tree that is empty or the same; `None` if it is larger.
///
/// # Errors
/// Those of `source`.
pub fn consistency_proof<S: Subtrees + ?Sized>(
    source: &S,
    old_size: u64,
    new_size: u64,
) -> Result<Option<Vec<Hash>>, S::Error> {
    if old_size > new_size {
        return Ok(None);
    }
    let mut path = Vec::new();
    if old_size == 0 {
        return Ok(Some(path));
    }
    let mut span = 0..new_size;
    while old_size < span.end {
        let (left, right) = halves(&span);
        let (inside, outside) = if old_size <= left.end { (left, right) } else { (right, left) };
        path.push(join(&edge(source, outside)?));
        span = inside;
    }
    // The root of the old tree itself is known to the verifier and is left out.
    if span.start > 0 {
        path.push(join(&edge(source, span)?));
    }
    path.reverse();
    Ok(Some(path))
}

/// Both subtrees of one with at least two leaves: the left one has the largest power of two that is smaller than all.
fn halves(span: &Range<u64>) -> (Range<u64>, Range<u64>) {
    let middle = span.start + (span.end - span.start).next_power_of_two() / 2;
    (span.start..middle, middle..span.end)
}

/// The roots of the complete subtrees that make up a subtree, the largest first.
fn edge<S: Subtrees + ?Sized>(source: &S, span: Range<u64>) -> Result<Vec<Hash>, S::Error> {
    let (mut start, mut left) = (span.start, span.end - span.start);
    let mut roots = Vec::new();
    while left > 0 {
        let height = left.ilog2();
        roots.push(source.complete(height, start >> height)?);
        start += 1 << height;
        left -= 1 << height;
    }
    Ok(roots)
}

/// Whether `leaf` is number `index` of the tree of `size` leaves with this root. Size and root must come
/// from one checkpoint: a path alone does not bind the size.
///
/// # Errors
/// [`Error::BadProof`] if it does not follow from `path`.
pub fn verify_inclusion(
    leaf: &Hash,
    index: u64,
    size: u64,
    path: &[Hash],
    expected: &Hash,
) -> Result<(), Error> {
    if index >= size {
        return Err(Error::BadProof);
    }
    let (mut node, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for sibling in path {
        if last == 0 {
            return Err(Error::BadProof);
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            // A node without a right sibling moves up unchanged until it is a right child.
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    proven(last == 0 && hash == *expected)
}

/// Whether the tree of `old_size` leaves with `old_root` is a beginning of that of `new_size` with
/// `new_root`.
///
/// # Errors
/// [`Error::BadProof`] if it does not follow from `path`. An empty old tree begins every tree, and proves
/// nothing: callers that need an anchor must not accept it as one.
pub fn verify_consistency(
    old_size: u64,
    old_root: &Hash,
    new_size: u64,
    new_root: &Hash,
    path: &[Hash],
) -> Result<(), Error> {
    if old_size > new_size {
        return Err(Error::BadProof);
    }
    if old_size == new_size {
        return proven(path.is_empty() && old_root == new_root);
    }
    if old_size == 0 {
        return proven(path.is_empty() && *old_root == root(&[]));
    }
    let mut path = path.iter();
    let (mut node, mut last) = (old_size - 1, new_size - 1);
    while node & 1 == 1 {
        node >>= 1;
        last >>= 1;
    }
    // An old tree that is a complete subtree starts from its own root.
    let start = if old_size.is_power_of_two() { *old_root } else { *path.next().ok_or(Error::BadProof)? };
    let (mut old, mut new) = (start, start);
    for sibling in path {
        if last == 0 {
            return Err(Error::BadProof);
        }
        if node & 1 == 1 || node == last {
            old = node_hash(sibling, &old);
            new = node_hash(sibling, &new);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            new = node_hash(&new, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    proven(last == 0 && old == *old_root && new == *new_root)
}

fn proven(holds: bool) -> Result<(), Error> {
    if holds { Ok(()) } else { Err(Error::BadProof) }
}
