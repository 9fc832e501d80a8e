//! Computed blocks by the tokens that led to them: a tree, so that prompts share what they begin with.
//!
//! **Invariants:** a block is found only by exactly the same tokens, from the first on, within the same scopes;
//! nothing rests on a hash being unique. Whoever uses a block uses all those before it, so what nobody uses can
//! be evicted leaf by leaf.

use crate::model::cache::BLOCK;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

/// Names that a common block remembers; a forgotten one is told of fewer cached tokens than there were.
const MOST_NAMES: usize = 256;

/// Who may use a block.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Scope {
    pub(super) shared: Arc<str>,
    /// None for the blocks of a system prompt.
    pub(super) private: Option<Arc<str>>,
}

/// What a block is found by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    /// The block before it.
    pub(super) parent: Option<u32>,
    pub(super) scope: Scope,
    pub(super) tokens: [u32; BLOCK],
}

struct Node {
    key: Arc<Key>,
    /// Running sequences.
    users: usize,
    children: usize,
    /// When the last of its users left.
    left: u64,
    /// The persons that have used it, for blocks that are not a person's own anyway.
    names: VecDeque<Arc<str>>,
}

/// All blocks that can be found.
#[derive(Default)]
pub(super) struct Prefixes {
    blocks: HashMap<Arc<Key>, u32>,
    nodes: HashMap<u32, Node>,
    /// Those that nobody uses and none follows, the longest unused first.
    leaves: BTreeSet<(u64, u32)>,
    unused: usize,
    now: u64,
}

impl Prefixes {
    pub(super) fn find(&self, key: &Key) -> Option<u32> {
        self.blocks.get(key).copied()
    }

    /// Blocks that nobody uses.
    pub(super) fn unused(&self) -> usize {
        self.unused
    }

    /// Makes a block known that its caller uses. Where an equal one is known, the caller uses that from now on.
    pub(super) fn insert(&mut self, key: Key, block: u32) -> u32 {
        if let Some(known) = self.find(&key) {
            self.join(known);
            return known;
        }
        if let Some(parent) = key.parent.and_then(|parent| self.nodes.get_mut(&parent)) {
            parent.children += 1;
        }
        let key = Arc::new(key);
        self.blocks.insert(Arc::clone(&key), block);
        self.nodes.insert(block, Node { key, users: 1, children: 0, left: 0, names: VecDeque::new() });
        block
    }

    /// One more uses a block.
    pub(super) fn join(&mut self, block: u32) {
        let Some(node) = self.nodes.get_mut(&block) else { return };
        if node.users == 0 {
            self.unused -= 1;
            self.leaves.remove(&(node.left, block));
        }
        node.users += 1;
    }

    /// One fewer uses a block; it stays until the room is needed.
    pub(super) fn leave(&mut self, block: u32) {
        let Some(node) = self.nodes.get_mut(&block) else { return };
        node.users -= 1;
        if node.users == 0 {
            self.now += 1;
            node.left = self.now;
            self.unused += 1;
            if node.children == 0 {
                self.leaves.insert((node.left, block));
            }
        }
    }

    /// Forgets the block that nobody has used for longest and none follows.
    pub(super) fn evict(&mut self) -> Option<u32> {
        let (_, block) = self.leaves.pop_first()?;
        let node = self.nodes.remove(&block)?;
        self.blocks.remove(&node.key);
        self.unused -= 1;
        if let Some(id) = node.key.parent
            && let Some(parent) = self.nodes.get_mut(&id)
        {
            parent.children -= 1;
            if parent.children == 0 && parent.users == 0 {
                self.leaves.insert((parent.left, id));
            }
        }
        Some(block)
    }

    /// Whether a person may be told that a block was there: it is their own, or they have used it before.
    /// Remembers that they have now.
    pub(super) fn introduce(&mut self, block: u32, name: &Arc<str>) -> bool {
        let Some(node) = self.nodes.get_mut(&block) else { return false };
        if node.key.scope.private.is_some() || node.names.contains(name) {
            return true;
        }
        if node.names.len() == MOST_NAMES {
            node.names.pop_front();
        }
        node.names.push_back(Arc::clone(name));
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(parent: Option<u32>, first: u32, private: Option<&str>) -> Key {
        let scope = Scope { shared: "m".into(), private: private.map(Arc::from) };
        Key { parent, scope, tokens: std::array::from_fn(|index| first + index as u32) }
    }

    #[test]
    fn a_block_is_found_by_its_parent_its_scope_and_its_tokens_only() {
        let mut prefixes = Prefixes::default();
        prefixes.insert(key(None, 0, None), 7);
        assert_eq!(prefixes.find(&key(None, 0, None)), Some(7));
        for other in [key(Some(7), 0, None), key(None, 1, None), key(None, 0, Some(""))] {
            assert_eq!(prefixes.find(&other), None, "{other:?}");
        }
    }

    #[test]
    fn equal_blocks_become_one() {
        let mut prefixes = Prefixes::default();
        assert_eq!(prefixes.insert(key(None, 0, None), 1), 1);
        assert_eq!(prefixes.insert(key(None, 0, None), 2), 1);
        prefixes.leave(1);
        assert_eq!((prefixes.unused(), prefixes.evict()), (0, None));
        prefixes.leave(1);
        assert_eq!((prefixes.unused(), prefixes.evict()), (1, Some(1)));
        assert_eq!(prefixes.find(&key(None, 0, None)), None);
    }

    #[test]
    fn leaves_go_before_what_they_follow_and_the_longest_unused_first() {
        let mut prefixes = Prefixes::default();
        prefixes.insert(key(None, 0, None), 1);
        prefixes.insert(key(Some(1), 0, Some("a")), 2);
        prefixes.join(1);
        prefixes.insert(key(Some(1), 0, Some("b")), 3);
        [3, 1, 2, 1].into_iter().for_each(|block| prefixes.leave(block));
        prefixes.join(1);
        assert_eq!(prefixes.unused(), 2);
        assert_eq!(prefixes.evict(), Some(3));
        assert_eq!(prefixes.evict(), Some(2));
        assert_eq!(prefixes.evict(), None, "the last one is in use");
        prefixes.leave(1);
        assert_eq!(prefixes.evict(), Some(1));
        assert_eq!((prefixes.unused(), prefixes.evict()), (0, None));
    }

    #[test]
    fn a_person_hears_only_of_what_they_have_used_themselves() {
        let mut prefixes = Prefixes::default();
        prefixes.insert(key(None, 0, None), 1);
        let (ann, bob): (Arc<str>, Arc<str>) = ("ann".into(), "bob".into());
        assert!(!prefixes.introduce(1, &ann));
        assert!(prefixes.introduce(1, &ann));
        assert!(!prefixes.introduce(1, &bob));
        (0..MOST_NAMES).for_each(|n| {
            prefixes.introduce(1, &n.to_string().into());
        });
        assert!(!prefixes.introduce(1, &ann), "forgotten, so told of less");
    }
}
