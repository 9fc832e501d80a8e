//! Inclusion and consistency proofs: made from all leaves (RFC 9162 sections 2.1.3.1 and 2.1.4.1),
//! verified from hashes alone (sections 2.1.3.2 and 2.1.4.2).

use crate::Error;
use crate::tree::{Hash, node_hash, root, split};

/// The hashes that lead from leaf `index` to the root of the tree over `leaves`; `None` if there is no
/// such leaf.
pub fn inclusion_proof(leaves: &[Hash], index: usize) -> Option<Vec<Hash>> {
    if index >= leaves.len() {
        return None;
    }
    let mut path = Vec::new();
    let (mut leaves, mut index) = (leaves, index);
    while leaves.len() > 1 {
        let (left, right) = leaves.split_at(split(leaves.len()));
        if index < left.len() {
            path.push(root(right));
            leaves = left;
        } else {
            path.push(root(left));
            index -= left.len();
            leaves = right;
        }
    }
    path.reverse();
    Some(path)
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

/// The hashes that show that the tree over the first `old_size` leaves is a beginning of the tree over
/// `leaves`. Empty for an old tree that is empty or the same; `None` if it is larger.
pub fn consistency_proof(leaves: &[Hash], old_size: usize) -> Option<Vec<Hash>> {
    if old_size > leaves.len() {
        return None;
    }
    let mut path = Vec::new();
    if old_size == 0 {
        return Some(path);
    }
    let (mut leaves, mut old_size, mut known) = (leaves, old_size, true);
    while old_size < leaves.len() {
        let (left, right) = leaves.split_at(split(leaves.len()));
        if old_size <= left.len() {
            path.push(root(right));
            leaves = left;
        } else {
            path.push(root(left));
            old_size -= left.len();
            leaves = right;
            known = false;
        }
    }
    // The root of the old tree itself is known to the verifier and is left out.
    if !known {
        path.push(root(leaves));
    }
    path.reverse();
    Some(path)
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
