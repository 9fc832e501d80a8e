//! The cache as sequences see it: blocks that are their own while they are filled, and common once they are full.
//!
//! A full block is never written to again, so all who begin with the same tokens can read the same one. Where
//! the pool is used up, blocks go that nobody uses.

use super::prefixes::{Key, Prefixes, Scope};
use crate::model::Model;
use crate::model::cache::{BLOCK, Pool};
use crate::{CacheScope, Error};
use std::sync::Arc;

/// Who may reuse which part of a sequence.
#[derive(Clone, Debug)]
pub(crate) struct Owner {
    shared: Arc<str>,
    private: Arc<str>,
    /// So many of the first tokens are of a system prompt.
    common: usize,
}

impl Owner {
    pub(crate) fn new(scope: &CacheScope, common: usize) -> Owner {
        Owner { shared: scope.shared.as_str().into(), private: scope.private.as_str().into(), common }
    }

    /// A block that is not wholly of the system prompt is the person's own.
    fn scope(&self, block: usize) -> Scope {
        let common = (block + 1) * BLOCK <= self.common;
        Scope { shared: Arc::clone(&self.shared), private: (!common).then(|| Arc::clone(&self.private)) }
    }
}

/// The blocks of one sequence.
#[derive(Default)]
pub(super) struct Held {
    table: Vec<u32>,
    /// So many of the first ones are full and can be found by others.
    kept: usize,
}

impl Held {
    pub(super) fn table(&self) -> &[u32] {
        &self.table
    }

    /// Blocks that are missing for so many positions.
    pub(super) fn missing(&self, positions: usize) -> usize {
        positions.div_ceil(BLOCK).saturating_sub(self.table.len())
    }

    /// What the next block will be found by, if it will be full with these tokens.
    pub(super) fn next_key(&self, owner: &Owner, tokens: &[u32]) -> Option<Key> {
        let tokens = tokens.get(self.kept * BLOCK..(self.kept + 1) * BLOCK)?.try_into().ok()?;
        Some(Key { parent: self.last(), scope: owner.scope(self.kept), tokens })
    }

    /// The last block that others can find.
    fn last(&self) -> Option<u32> {
        self.table[..self.kept].last().copied()
    }
}

/// What was found in the cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Tokens whose keys and values are there.
    pub(super) computed: usize,
    /// Those of the new ones that the sequence's owner may be told of.
    pub(super) told: usize,
}

/// All blocks.
pub(super) struct Cache {
    pool: Pool,
    prefixes: Prefixes,
}

impl Cache {
    /// A cache of at most `bytes`, but of at least one whole context.
    pub(super) fn new(model: &Model, bytes: u64) -> Cache {
        let pool = Pool::new(model.shape(), model.info().context, bytes);
        Cache { pool, prefixes: Prefixes::default() }
    }

    /// What the forward pass reads and writes.
    pub(super) fn pool(&mut self) -> &mut Pool {
        &mut self.pool
    }

    /// Blocks that could be had now.
    pub(super) fn available(&self) -> usize {
        self.pool.available() + self.prefixes.unused()
    }

    /// Continues a sequence that ends at the end of a block with what is known of its further tokens, except the
    /// last one: there must be something left to compute. Tokens below `reached` were the sequence's own before
    /// and are not told again.
    pub(super) fn adopt(&mut self, held: &mut Held, owner: &Owner, tokens: &[u32], reached: usize) -> Found {
        let mut told = 0;
        if held.kept == held.table.len() {
            let but_last = &tokens[..tokens.len().saturating_sub(1)];
            while let Some(block) = held.next_key(owner, but_last).and_then(|key| self.prefixes.find(&key)) {
                self.prefixes.join(block);
                held.table.push(block);
                held.kept += 1;
                if self.prefixes.introduce(block, &owner.private) && held.kept * BLOCK > reached {
                    told += BLOCK;
                }
            }
        }
        Found { computed: held.kept * BLOCK, told }
    }

    /// Goes on from a block of one's own that begins with the sequence's next tokens, in a copy of it: so that what
    /// was edited or asked again is computed from the first different token on. After [`Cache::adopt`], where there
    /// is room for the whole sequence.
    pub(super) fn adopt_beginning(
        &mut self,
        held: &mut Held,
        owner: &Owner,
        tokens: &[u32],
    ) -> Result<usize, Error> {
        let rest = tokens.get(held.kept * BLOCK..tokens.len().saturating_sub(1)).unwrap_or_default();
        if held.kept < held.table.len() {
            return Ok(0);
        }
        let Some((block, alike)) = self.prefixes.closest(held.last(), &owner.scope(held.kept), rest) else {
            return Ok(0);
        };
        // In use meanwhile, or it might be the one that goes.
        self.prefixes.join(block);
        let grown = self.grow(held, (held.kept + 1) * BLOCK);
        if let (Ok(true), Some(own)) = (&grown, held.table.last()) {
            self.pool.copy(block, *own);
        }
        self.leave(block);
        Ok(if grown? { alike } else { 0 })
    }

    /// Gives a sequence blocks for so many positions; `false` where all blocks are in use.
    ///
    /// # Errors
    /// [`Error::Memory`] where the pool may grow, but the system has nothing left.
    pub(super) fn grow(&mut self, held: &mut Held, positions: usize) -> Result<bool, Error> {
        while held.missing(positions) > 0 {
            let block = match self.pool.take() {
                Ok(Some(block)) => Some(block),
                Ok(None) => self.evict(),
                Err(error) => Some(self.evict().ok_or(error)?),
            };
            let Some(block) = block else { return Ok(false) };
            held.table.push(block);
        }
        Ok(true)
    }

    /// Lets others find what a sequence has computed: so many of its tokens.
    pub(super) fn keep(&mut self, held: &mut Held, owner: &Owner, tokens: &[u32], computed: usize) {
        while let Some(key) = held.next_key(owner, &tokens[..computed]) {
            let own = held.table[held.kept];
            let known = self.prefixes.insert(key, own);
            if known != own {
                // Somebody else was faster. The same tokens after the same tokens: the same numbers.
                self.pool.release(&mut vec![own]);
                held.table[held.kept] = known;
            }
            self.prefixes.introduce(known, &owner.private);
            held.kept += 1;
        }
    }

    /// Takes all blocks from a sequence. What is full stays until the room is needed.
    pub(super) fn release(&mut self, held: &mut Held) {
        let mut own = held.table.split_off(held.kept);
        self.pool.release(&mut own);
        held.table.drain(..).rev().for_each(|block| self.leave(block));
        held.kept = 0;
    }

    /// Forgets what one person's prompts have left, and overwrites it. What somebody computes with just now is found by
    /// nobody from now on, and overwritten when they have ended.
    pub(super) fn forget(&mut self, scope: &CacheScope) {
        let scope = Owner::new(scope, 0).scope(0);
        let mut blocks = self.prefixes.forget(&scope);
        self.pool.release(&mut blocks);
    }

    fn leave(&mut self, block: u32) {
        if let Some(forgotten) = self.prefixes.leave(block) {
            self.pool.release(&mut vec![forgotten]);
        }
    }

    /// Room in place of what nobody has used for longest.
    fn evict(&mut self) -> Option<u32> {
        let block = self.prefixes.evict()?;
        self.pool.wipe(block);
        Some(block)
    }
}
