//! The KV cache: blocks of 32 positions from one pool with a limit.
//!
//! A block holds 32 positions of every layer in f16: for each layer and key head first the keys, one dimension
//! after the other (32 positions side by side, so that a query meets 32 keys at once), then the values, one
//! position after the other, each filled up to whole vectors.

use super::lanes::LANES;
use super::shape::Shape;
use crate::Error;
use half::f16;
use half::slice::HalfFloatSliceExt;

/// Positions in a block.
pub(crate) const BLOCK: usize = 32;

/// The widest head, with its padding.
pub(crate) const WIDEST: usize = 512;

/// Memory of one position, in bytes: keys and values of every layer.
pub(crate) fn bytes_per_position(shape: &Shape) -> usize {
    shape.layers * shape.kv_heads * 2 * shape.head * size_of::<f16>()
}

/// All blocks, in use or not.
pub(crate) struct Pool {
    blocks: Vec<Box<[f16]>>,
    free: Vec<u32>,
    /// Most blocks there may be.
    limit: usize,
    layout: Layout,
    /// Numbers in a block.
    length: usize,
}

/// How the numbers of a layer lie in a block.
#[derive(Clone, Copy)]
struct Layout {
    heads: usize,
    /// Width of a key.
    head: usize,
    /// Width of a value with its filling.
    value: usize,
}

/// Blocks to be written, each by one thread: they are handed out once and in the order of their numbers.
pub(crate) struct Pages<'a> {
    layout: Layout,
    blocks: &'a mut [Box<[f16]>],
    /// Number of the first of `blocks`.
    first: usize,
}

/// A block to be written.
pub(crate) struct Page<'a> {
    layout: Layout,
    numbers: &'a mut [f16],
}

impl Pool {
    /// A pool of at most `bytes`, but of at least one whole context.
    pub(crate) fn new(shape: &Shape, context: u32, bytes: u64) -> Pool {
        let value = shape.head.next_multiple_of(LANES);
        let length = shape.layers * shape.kv_heads * (shape.head + value) * BLOCK;
        let fits = usize::try_from(bytes).unwrap_or(usize::MAX) / (length * size_of::<f16>());
        Pool {
            blocks: Vec::new(),
            free: Vec::new(),
            limit: fits.max((context as usize).div_ceil(BLOCK)),
            layout: Layout { heads: shape.kv_heads, head: shape.head, value },
            length,
        }
    }

    /// Memory of the blocks so far, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.blocks.len() * self.length * size_of::<f16>()
    }

    /// Blocks that could be had now.
    pub(crate) fn available(&self) -> usize {
        self.free.len() + self.limit - self.blocks.len()
    }

    /// A block, or `None` where all are in use.
    ///
    /// # Errors
    /// [`Error::Memory`] where the pool may grow, but the system has nothing left.
    pub(crate) fn take(&mut self) -> Result<Option<u32>, Error> {
        if let Some(block) = self.free.pop() {
            return Ok(Some(block));
        }
        if self.blocks.len() >= self.limit {
            return Ok(None);
        }
        let refused =
            |_| Error::Memory { bytes: self.length * size_of::<f16>(), purpose: "a block of the KV cache" };
        let mut block = Vec::new();
        block.try_reserve_exact(self.length).map_err(refused)?;
        block.resize(self.length, f16::ZERO);
        self.blocks.push(block.into_boxed_slice());
        Ok(u32::try_from(self.blocks.len() - 1).ok())
    }

    /// Copies a whole block, so that its first positions can be continued in another way.
    pub(crate) fn copy(&mut self, from: u32, to: u32) {
        if let Ok([from, to]) = self.blocks.get_disjoint_mut([from as usize, to as usize]) {
            to.copy_from_slice(from);
        }
    }

    /// Gives blocks back, overwritten: what was computed from somebody's words stays in no memory that is free.
    pub(crate) fn release(&mut self, blocks: &mut Vec<u32>) {
        blocks.iter().for_each(|block| self.wipe(*block));
        self.free.append(blocks);
    }

    /// Overwrites a block with zeros.
    pub(crate) fn wipe(&mut self, block: u32) {
        self.blocks.get_mut(block as usize).into_iter().for_each(|numbers| numbers.fill(f16::ZERO));
    }

    /// Whether nothing is written in a block.
    #[cfg(test)]
    pub(crate) fn is_blank(&self, block: u32) -> bool {
        self.blocks[block as usize].iter().all(|number| *number == f16::ZERO)
    }

    /// All blocks so far, by number.
    #[cfg(test)]
    pub(crate) fn all(&self) -> std::ops::Range<u32> {
        0..u32::try_from(self.blocks.len()).unwrap()
    }

    /// Width of a value in a tile: that of a head, filled up with zeros to whole vectors.
    pub(crate) fn value_width(&self) -> usize {
        self.layout.value
    }

    /// Keys (dimension by position) and values (position by dimension) of one head.
    pub(crate) fn tile(&self, block: u32, layer: usize, head: usize) -> (&[f16], &[f16]) {
        let start = self.layout.tile_start(layer, head);
        let tile = &self.blocks[block as usize][start..start + self.layout.tile_length()];
        tile.split_at(self.layout.head * BLOCK)
    }

    /// All blocks, to be written.
    pub(crate) fn pages(&mut self) -> Pages<'_> {
        Pages { layout: self.layout, blocks: &mut self.blocks, first: 0 }
    }
}

impl<'a> Pages<'a> {
    /// The block with this number.
    ///
    /// # Panics
    /// When it, or a later one, has been taken before: a mistake of the caller.
    pub(crate) fn take(&mut self, block: u32) -> Page<'a> {
        let block = block as usize;
        assert!(block >= self.first, "block {block} of the cache after block {}", self.first);
        let (passed, rest) = std::mem::take(&mut self.blocks).split_at_mut(block - self.first + 1);
        let numbers = &mut passed[block - self.first];
        (self.blocks, self.first) = (rest, block + 1);
        Page { layout: self.layout, numbers }
    }
}

impl Page<'_> {
    /// Numbers of all heads' keys for one position, and of their values.
    pub(crate) fn row(&self) -> usize {
        self.layout.heads * self.layout.head
    }

    /// Stores one position's keys and values of all heads. `finish` sees each key in f32 before.
    pub(crate) fn write(
        &mut self,
        layer: usize,
        slot: usize,
        keys: &[f32],
        values: &[f32],
        finish: impl Fn(&mut [f32]),
    ) {
        let Layout { heads, head, .. } = self.layout;
        let (start, tile) = (self.layout.tile_start(layer, 0), self.layout.tile_length());
        let tiles = self.numbers[start..start + heads * tile].chunks_exact_mut(tile);
        let rows = keys.chunks_exact(head).zip(values.chunks_exact(head));
        for (tile, (key, value)) in tiles.zip(rows) {
            self.layout.write(tile, slot, key, value, &finish);
        }
    }
}

impl Layout {
    /// Stores the key and the value of one head.
    fn write(self, tile: &mut [f16], slot: usize, key: &[f32], value: &[f32], finish: impl Fn(&mut [f32])) {
        let (mut finished, mut narrow) = ([0.0; WIDEST], [f16::ZERO; WIDEST]);
        let (finished, narrow) = (&mut finished[..key.len()], &mut narrow[..key.len()]);
        finished.copy_from_slice(key);
        finish(finished);
        narrow.convert_from_f32_slice(finished);
        let (keys, values) = tile.split_at_mut(self.head * BLOCK);
        for (positions, key) in keys.as_chunks_mut::<BLOCK>().0.iter_mut().zip(narrow) {
            positions[slot] = *key;
        }
        values[slot * self.value..][..self.head].convert_from_f32_slice(value);
    }

    fn tile_start(self, layer: usize, head: usize) -> usize {
        (layer * self.heads + head) * self.tile_length()
    }

    /// Numbers of one head in a block of one layer.
    fn tile_length(self) -> usize {
        (self.head + self.value) * BLOCK
    }
}
