//! Activations quantized to 8 bits per block of 32, as llama.cpp's Q8_0 and Q8_1 do, and laid out for the tiles.
//!
//! The scale is the largest magnitude / 127, rounded to f16; codes round half to even. AVX2 and portable code agree bit
//! by bit.
#![expect(unsafe_code, reason = "threads write disjoint slots of one buffer, which safe Rust cannot split")]

use std::ops::Range;

use half::f16;

use super::isa::Path;
use super::output::Slots;
use super::team::share;

#[cfg(target_arch = "x86_64")]
mod avx2;

/// Weights and activations are quantized in blocks of this many.
pub(super) const BLOCK: usize = 32;

/// The most activation rows that one pass over a group of weight rows serves.
pub(super) const TILE: usize = 4;

/// 32 activations: `d × q[i]` each.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C, align(16))]
pub(super) struct Block {
    pub(super) q: [i8; BLOCK],
    /// The scale; NaN when an activation of the block is not finite.
    pub(super) d: f32,
    /// Scale × sum of the codes, rounded as llama.cpp's Q8_1 does: what the offset of Q4_1 multiplies.
    pub(super) s: f32,
    /// Sum of the codes.
    pub(super) sum: i32,
}

impl Block {
    pub(super) const ZERO: Self = Self { q: [0; BLOCK], d: 0.0, s: 0.0, sum: 0 };
}

/// The activation rows of one product. The rows of a tile lie block by block: `[tile][block][row of the tile]`.
pub(super) struct Activations<'a> {
    blocks: &'a [Block],
    rows: usize,
    per_row: usize,
}

/// Quantizes numbers of rows into their places.
pub(super) struct Quantizer<'a> {
    path: Path,
    slots: Slots<'a, Block>,
    rows: usize,
    per_row: usize,
}

impl<'a> Quantizer<'a> {
    /// For `rows` rows of `cols` numbers; what does not fill a block is left out. `blocks` has room for them.
    pub(super) fn new(path: Path, blocks: &'a mut [Block], rows: usize, cols: usize) -> Self {
        let per_row = cols / BLOCK;
        Self { path, slots: Slots::new(&mut blocks[..rows * per_row]), rows, per_row }
    }

    /// Quantizes the `numbers` of one row, of which the first stands in column `column`, where a block begins.
    ///
    /// # Safety
    /// No other thread quantizes the same numbers.
    pub(super) unsafe fn put(&self, row: usize, column: usize, numbers: &[f32]) {
        let tile = tile(self.rows, tile_of(self.rows, row));
        let first = tile.start * self.per_row + column / BLOCK * tile.len() + (row - tile.start);
        // SAFETY: the slots first, first + len, … are these numbers' alone.
        unsafe { fill(self.path, numbers, &self.slots, first, tile.len()) };
    }
}

impl<'a> Activations<'a> {
    /// The blocks that a [`Quantizer`] of the same shape has filled.
    pub(super) fn new(blocks: &'a [Block], rows: usize, cols: usize) -> Self {
        let per_row = cols / BLOCK;
        Self { blocks: &blocks[..rows * per_row], rows, per_row }
    }
}

impl Activations<'_> {
    /// How many tiles there are.
    pub(super) fn tiles(&self) -> usize {
        self.rows.div_ceil(TILE)
    }

    /// The rows of tile `index` and their blocks.
    pub(super) fn tile(&self, index: usize) -> (Range<usize>, &[Block]) {
        let rows = tile(self.rows, index);
        let blocks = &self.blocks[rows.start * self.per_row..rows.end * self.per_row];
        (rows, blocks)
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }
}

/// Rows of tile `index` of `rows`: as few tiles as possible, all nearly the same size, so that no row goes alone.
fn tile(rows: usize, index: usize) -> Range<usize> {
    share(rows, index, rows.div_ceil(TILE))
}

/// The tile that a row is in.
fn tile_of(rows: usize, row: usize) -> usize {
    let tiles = rows.div_ceil(TILE);
    // The largest tile whose first row, rows · tile / tiles rounded down, is not beyond the row.
    ((row + 1) * tiles).div_ceil(rows) - 1
}

/// Quantizes one row into the slots `first`, `first + step`, …
///
/// # Safety
/// No other thread writes these slots.
unsafe fn fill(path: Path, row: &[f32], slots: &Slots<'_, Block>, first: usize, step: usize) {
    match path {
        Path::Portable(_) => {
            for (index, numbers) in row.as_chunks::<BLOCK>().0.iter().enumerate() {
                // SAFETY: as the caller promises.
                unsafe { slots.put(first + index * step, portable(numbers)) };
            }
        }
        // SAFETY: as the caller promises.
        #[cfg(target_arch = "x86_64")]
        Path::Avx2(has) => unsafe { avx2::fill(has, row, slots, first, step) },
        // SAFETY: as the caller promises.
        #[cfg(target_arch = "x86_64")]
        Path::Vnni(has) => unsafe { avx2::fill(has.avx2(), row, slots, first, step) },
    }
}

/// The reference.
pub(super) fn portable(numbers: &[f32; BLOCK]) -> Block {
    // Compared as bits, a NaN is larger than every number and is not lost.
    let largest = f32::from_bits(numbers.iter().map(|x| x.to_bits() & 0x7fff_ffff).max().unwrap_or(0));
    let Some((d, inverse)) = scale(largest) else {
        return Block { d: if largest.is_finite() { 0.0 } else { f32::NAN }, ..Block::ZERO };
    };
    let mut q = [0; BLOCK];
    for (code, x) in q.iter_mut().zip(numbers) {
        // In -127..=127, as the inverse is at most 127 / |x|, give or take a rounding that stays below a half.
        *code = (x * inverse).round_ties_even() as i8;
    }
    finish(q, d, q.iter().map(|&code| i32::from(code)).sum())
}

/// Scale and its inverse from the largest magnitude; none when all codes are 0 or an activation is not finite.
fn scale(largest: f32) -> Option<(f32, f32)> {
    let inverse = 127.0 / largest;
    (largest.is_finite() && inverse.is_finite()).then_some((largest / 127.0, inverse))
}

/// `d` before its rounding, and the codes with their sum.
fn finish(q: [i8; BLOCK], d: f32, sum: i32) -> Block {
    Block { q, d: half_precision(d), s: half_precision(d * sum as f32), sum }
}

/// Rounded to f16, except that a finite number stays finite.
fn half_precision(number: f32) -> f32 {
    let rounded = f16::from_f32(number).to_f32();
    if rounded.is_finite() { rounded } else { number }
}
