//! The tree against published answers, and proofs against every tree of a small size and random larger ones.

use data_encoding::HEXLOWER;
use proptest::prelude::*;
use redoubt_audit::{
    Hash, Tree, consistency_proof, inclusion_proof, leaf_hash, root, verify_consistency, verify_inclusion,
};

/// The leaf inputs of the certificate-transparency reference tests.
const INPUTS: [&[u8]; 8] = [
    b"",
    b"\x00",
    b"\x10",
    b"\x20\x21",
    b"\x30\x31",
    b"\x40\x41\x42\x43",
    b"\x50\x51\x52\x53\x54\x55\x56\x57",
    b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
];

/// Their roots, by number of leaves.
const ROOTS: [(usize, &str); 4] = [
    (0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    (1, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
    (3, "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"),
    (8, "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"),
];

fn reference_leaves() -> Vec<Hash> {
    INPUTS.iter().map(|input| leaf_hash(input)).collect()
}

fn inclusion(leaves: &[Hash], index: usize) -> Option<Vec<Hash>> {
    let Ok(path) = inclusion_proof(leaves, index as u64, leaves.len() as u64);
    path
}

fn consistency(leaves: &[Hash], old_size: usize) -> Option<Vec<Hash>> {
    let Ok(path) = consistency_proof(leaves, old_size as u64, leaves.len() as u64);
    path
}

fn numbered_leaves(count: usize) -> Vec<Hash> {
    (0..count).map(|number| leaf_hash(&number.to_be_bytes())).collect()
}

fn grown(leaves: &[Hash]) -> Tree {
    let mut tree = Tree::new();
    leaves.iter().for_each(|leaf| tree.push(*leaf));
    tree
}

#[test]
fn roots_are_the_published_ones() {
    let leaves = reference_leaves();
    for (size, expected) in ROOTS {
        assert_eq!(HEXLOWER.encode(&root(&leaves[..size])), expected, "size {size}");
        assert_eq!(HEXLOWER.encode(&grown(&leaves[..size]).root()), expected, "grown to {size}");
    }
}

#[test]
fn a_grown_tree_has_the_root_of_the_whole_list_and_survives_storage() {
    let leaves = numbered_leaves(300);
    let mut tree = Tree::new();
    for (index, leaf) in leaves.iter().enumerate() {
        tree.push(*leaf);
        assert_eq!(tree.size(), index as u64 + 1);
        assert_eq!(tree.root(), root(&leaves[..=index]));
        let bytes = tree.to_bytes();
        assert_eq!(bytes.len(), 8 + 32 * (index + 1).count_ones() as usize);
        tree = Tree::from_bytes(&bytes).unwrap();
    }
}

#[test]
fn bytes_that_are_no_edge_are_refused() {
    let bytes = grown(&numbered_leaves(5)).to_bytes();
    for length in (0..bytes.len()).chain([bytes.len() + 1, bytes.len() + 32]) {
        let mut other = bytes.clone();
        other.resize(length, 0);
        assert!(Tree::from_bytes(&other).is_err(), "{length} bytes");
    }
}

/// The definition of RFC 9162 section 2.1.3.1, written as it stands there.
fn path_by_definition(leaves: &[Hash], index: usize) -> Vec<Hash> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let mut half = 1;
    while half * 2 < leaves.len() {
        half *= 2;
    }
    let (left, right) = leaves.split_at(half);
    if index < half {
        [path_by_definition(left, index), vec![root(right)]].concat()
    } else {
        [path_by_definition(right, index - half), vec![root(left)]].concat()
    }
}

/// SUBPROOF of RFC 9162 section 2.1.4.1, written as it stands there.
fn subproof_by_definition(old: usize, leaves: &[Hash], known: bool) -> Vec<Hash> {
    if old == leaves.len() {
        return if known { Vec::new() } else { vec![root(leaves)] };
    }
    let mut half = 1;
    while half * 2 < leaves.len() {
        half *= 2;
    }
    let (left, right) = leaves.split_at(half);
    if old <= half {
        [subproof_by_definition(old, left, known), vec![root(right)]].concat()
    } else {
        [subproof_by_definition(old - half, right, false), vec![root(left)]].concat()
    }
}

#[test]
fn every_inclusion_proof_of_small_trees_follows_the_definition_and_verifies_only_in_its_place() {
    let leaves = numbered_leaves(33);
    for size in 1..=leaves.len() {
        let tree = &leaves[..size];
        for (index, leaf) in tree.iter().enumerate() {
            let path = inclusion(tree, index).unwrap();
            assert_eq!(path, path_by_definition(tree, index));
            for place in 0..size + 2 {
                let verified = verify_inclusion(leaf, place as u64, size as u64, &path, &root(tree)).is_ok();
                assert_eq!(verified, place == index, "leaf {index} of {size} as number {place}");
            }
        }
        assert!(inclusion(tree, size).is_none());
    }
}

#[test]
fn every_consistency_proof_of_small_trees_follows_the_definition_and_verifies() {
    let leaves = numbered_leaves(33);
    for size in 1..=leaves.len() {
        let tree = &leaves[..size];
        for old in 1..=size {
            let path = consistency(tree, old).unwrap();
            assert_eq!(path, subproof_by_definition(old, tree, true));
            let old_root = root(&tree[..old]);
            verify_consistency(old as u64, &old_root, size as u64, &root(tree), &path).unwrap();
            let other_root = leaf_hash(b"a fork");
            assert!(verify_consistency(old as u64, &other_root, size as u64, &root(tree), &path).is_err());
            assert!(verify_consistency(old as u64, &old_root, size as u64, &other_root, &path).is_err());
        }
        assert!(consistency(tree, size + 1).is_none());
    }
}

/// The class of GO-2022-1117: proofs with the wrong number of nodes, from size 0, or between equal sizes.
#[test]
fn consistency_proofs_of_the_wrong_shape_are_refused() {
    let leaves = numbered_leaves(21);
    let new_root = root(&leaves);
    for old in 1..leaves.len() {
        let (old_root, path) = (root(&leaves[..old]), consistency(&leaves, old).unwrap());
        let verify = |path: &[Hash]| verify_consistency(old as u64, &old_root, 21, &new_root, path);
        for length in 0..path.len() {
            assert!(verify(&path[..length]).is_err(), "from {old}, {length} nodes");
        }
        assert!(verify(&[path.as_slice(), &[leaf_hash(b"more")]].concat()).is_err());
    }
    let one = [leaf_hash(b"one")];
    assert!(verify_consistency(0, &root(&[]), 21, &new_root, &[]).is_ok());
    assert!(verify_consistency(0, &root(&[]), 21, &new_root, &one).is_err());
    assert!(verify_consistency(0, &one[0], 21, &new_root, &[]).is_err());
    assert!(verify_consistency(21, &new_root, 21, &new_root, &one).is_err());
    assert!(verify_consistency(21, &one[0], 21, &new_root, &[]).is_err());
    assert!(verify_consistency(22, &new_root, 21, &new_root, &[]).is_err());
}

proptest! {
    #[test]
    fn proofs_of_random_trees_verify_and_no_changed_one_does(
        size in 1_usize..2_000, first in any::<prop::sample::Index>(), second in any::<prop::sample::Index>(),
        node in any::<prop::sample::Index>(), bit in 0_usize..256,
    ) {
        let leaves = numbered_leaves(size);
        let whole = root(&leaves);
        let index = first.index(size);
        let path = inclusion(&leaves, index).unwrap();
        prop_assert!(verify_inclusion(&leaves[index], index as u64, size as u64, &path, &whole).is_ok());

        let old = second.index(size) + 1;
        let old_root = root(&leaves[..old]);
        let proof = consistency(&leaves, old).unwrap();
        prop_assert!(verify_consistency(old as u64, &old_root, size as u64, &whole, &proof).is_ok());

        if !path.is_empty() {
            let mut changed = path.clone();
            changed[node.index(path.len())][bit / 8] ^= 1 << (bit % 8);
            prop_assert!(verify_inclusion(&leaves[index], index as u64, size as u64, &changed, &whole).is_err());
        }
        if !proof.is_empty() {
            let mut changed = proof.clone();
            changed[node.index(proof.len())][bit / 8] ^= 1 << (bit % 8);
            prop_assert!(verify_consistency(old as u64, &old_root, size as u64, &whole, &changed).is_err());
        }
    }
}
