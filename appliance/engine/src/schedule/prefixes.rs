//! Computed blocks by the tokens that led to them: a tree, so that prompts share what they begin with.
//!
//! **Invariants:** a block is found only by exactly the same tokens, from the first on, within the same scopes;
//! nothing rests on a hash being unique. Whoever uses a block uses all those before it, so what nobody uses can
//! be evicted leaf by leaf. What was forgotten is found by nobody, nor is what follows it.

use crate::model::cache::BLOCK;
use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

/// Names that a common block remembers; a forgotten one is told of fewer cached tokens than there were.
const MOST_NAMES: usize = 256;
/// Continuations of a block that are looked at for the one that begins most alike.
const MOST_SIBLINGS: usize = 64;

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
    /// Nobody finds it any more; it goes with the last of its users.
    forgotten: bool,
}

/// All blocks that can be found.
#[derive(Default)]
pub(super) struct Prefixes {
    blocks: HashMap<Arc<Key>, u32>,
    /// A person's own blocks by what comes before them, the newest last.
    siblings: HashMap<(Option<u32>, Scope), Vec<u32>>,
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

    /// One's own block after `parent` that begins with most of `tokens`, and with how many of them.
    ///
    /// Common blocks are found as a whole only: otherwise the time to the first word would tell token by token
    /// how somebody else's system prompt goes on.
    pub(super) fn closest(&self, parent: Option<u32>, scope: &Scope, tokens: &[u32]) -> Option<(u32, usize)> {
        let siblings = self.siblings.get(&(parent, scope.clone()))?;
        let alike = |block: &u32| {
            let known = &self.nodes.get(block)?.key.tokens;
            Some((*block, known.iter().zip(tokens).take_while(|(known, token)| known == token).count()))
        };
        let closest =
            siblings.iter().rev().take(MOST_SIBLINGS).filter_map(alike).max_by_key(|(_, count)| *count);
        closest.filter(|(_, count)| *count > 0)
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
        let parent = key.parent.and_then(|parent| self.nodes.get_mut(&parent));
        // A forgotten block's number will be another's: nothing may be found by it.
        let forgotten = parent.as_ref().is_some_and(|parent| parent.forgotten);
        let key = Arc::new(key);
        if !forgotten {
            parent.into_iter().for_each(|parent| parent.children += 1);
            if key.scope.private.is_some() {
                self.siblings.entry((key.parent, key.scope.clone())).or_default().push(block);
            }
            self.blocks.insert(Arc::clone(&key), block);
        }
        let (users, children, left, names) = (1, 0, 0, VecDeque::new());
        self.nodes.insert(block, Node { key, users, children, left, names, forgotten });
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

    /// One fewer uses a block; it stays until the room is needed. A forgotten one that nobody uses now is returned:
    /// it is nobody's.
    pub(super) fn leave(&mut self, block: u32) -> Option<u32> {
        let node = self.nodes.get_mut(&block)?;
        node.users -= 1;
        if node.users > 0 {
            return None;
        }
        if node.forgotten {
            self.nodes.remove(&block);
            return Some(block);
        }
        self.now += 1;
        node.left = self.now;
        self.unused += 1;
        if node.children == 0 {
            self.leaves.insert((node.left, block));
        }
        None
    }

    /// Forgets all blocks of this scope and returns those that nobody uses; the others come from [`Prefixes::leave`].
    pub(super) fn forget(&mut self, scope: &Scope) -> Vec<u32> {
        let of_scope = |(block, node): (&u32, &Node)| (node.key.scope == *scope).then_some(*block);
        let blocks: Vec<u32> = self.nodes.iter().filter_map(of_scope).collect();
        blocks.into_iter().filter(|block| self.unlink(*block)).collect()
    }

    /// Takes a block out of everything by which it is found; whether nobody uses it, so that it is gone.
    fn unlink(&mut self, block: u32) -> bool {
        let Some(node) = self.nodes.get_mut(&block).filter(|node| !node.forgotten) else { return false };
        node.forgotten = true;
        let (key, left, is_unused) = (Arc::clone(&node.key), node.left, node.users == 0);
        self.remove_names(&key, block);
        if is_unused {
            self.leaves.remove(&(left, block));
            self.unused -= 1;
            self.nodes.remove(&block);
        }
        is_unused
    }

    /// A block is found by neither its key nor its parent any more.
    fn remove_names(&mut self, key: &Key, block: u32) {
        self.blocks.remove(key);
        if let Entry::Occupied(mut siblings) = self.siblings.entry((key.parent, key.scope.clone())) {
            siblings.get_mut().retain(|sibling| *sibling != block);
            if siblings.get().is_empty() {
                siblings.remove();
            }
        }
        if let Some(id) = key.parent
            && let Some(parent) = self.nodes.get_mut(&id)
        {
            parent.children -= 1;
            if parent.children == 0 && parent.users == 0 {
                self.leaves.insert((parent.left, id));
            }
        }
    }

    /// Forgets the block that nobody has used for longest and none follows.
    pub(super) fn evict(&mut self) -> Option<u32> {
        let (_, block) = self.leaves.pop_first()?;
        let node = self.nodes.remove(&block)?;
        self.remove_names(&node.key, block);
        self.unused -= 1;
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
        [3, 1, 2, 1].into_iter().for_each(|block| assert_eq!(prefixes.leave(block), None));
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
    fn the_closest_continuation_is_one_s_own_and_known_until_it_is_evicted() {
        let mut prefixes = Prefixes::default();
        let scope = |private: Option<&str>| key(None, 0, private).scope;
        let mut other = key(None, 0, Some("a"));
        other.tokens[5] = 99;
        prefixes.insert(other.clone(), 1);
        prefixes.insert(key(None, 0, Some("a")), 2);
        prefixes.insert(key(None, 0, None), 3);
        let tokens: Vec<u32> = (0..20).collect();
        assert_eq!(prefixes.closest(None, &scope(Some("a")), &tokens), Some((2, 20)));
        assert_eq!(prefixes.closest(None, &scope(Some("a")), &other.tokens[..7]), Some((1, 7)));
        assert_eq!(prefixes.closest(None, &scope(Some("a")), &[7]), None);
        for foreign in [scope(Some("b")), scope(None)] {
            assert_eq!(prefixes.closest(None, &foreign, &tokens), None);
        }
        prefixes.leave(2);
        assert_eq!(prefixes.evict(), Some(2));
        assert_eq!(prefixes.closest(None, &scope(Some("a")), &tokens), Some((1, 5)));
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

    #[test]
    fn what_is_forgotten_is_found_by_nobody_and_goes_with_its_last_user() {
        let mut prefixes = Prefixes::default();
        let own = |parent, first| key(parent, first, Some("a"));
        prefixes.insert(key(None, 0, None), 1);
        // One that is used, one after it that is not, and somebody else's.
        prefixes.insert(own(Some(1), 0), 2);
        prefixes.insert(own(Some(2), 0), 3);
        prefixes.insert(key(Some(1), 0, Some("b")), 4);
        [3, 4].into_iter().for_each(|block| assert_eq!(prefixes.leave(block), None));
        let scope = own(None, 0).scope;
        assert_eq!(prefixes.forget(&scope), [3]);
        assert_eq!(prefixes.forget(&scope), [0_u32; 0], "once");
        for known in [own(Some(1), 0), own(Some(2), 0)] {
            assert_eq!(prefixes.find(&known), None);
        }
        assert_eq!(prefixes.closest(Some(1), &scope, &[0, 1, 2]), None);
        assert_eq!(prefixes.find(&key(Some(1), 0, Some("b"))), Some(4));

        // Its user goes on, but what it computes is found by nobody: the number 2 will be another block's.
        assert_eq!(prefixes.insert(own(Some(2), 7), 5), 5);
        assert_eq!(prefixes.find(&own(Some(2), 7)), None);
        assert_eq!((prefixes.leave(5), prefixes.leave(2), prefixes.leave(1)), (Some(5), Some(2), None));
        assert_eq!(prefixes.unused(), 2);
        assert_eq!((prefixes.evict(), prefixes.evict(), prefixes.evict()), (Some(4), Some(1), None));
        assert_eq!(prefixes.unused(), 0);
    }

    #[test]
    fn forgetting_everything_leaves_common_blocks_to_be_evicted() {
        let mut prefixes = Prefixes::default();
        prefixes.insert(key(None, 0, None), 1);
        prefixes.insert(key(Some(1), 0, Some("a")), 2);
        [2, 1].into_iter().for_each(|block| assert_eq!(prefixes.leave(block), None));
        assert_eq!(prefixes.forget(&key(None, 0, Some("a")).scope), [2]);
        assert_eq!((prefixes.unused(), prefixes.evict(), prefixes.unused()), (1, Some(1), 0));
    }
}
