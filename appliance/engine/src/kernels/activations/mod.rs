//! Activations quantized to 8 bits per block of 32, as llama.cpp's Q8_0 does, and laid out for the tiles. They serve weights
//! of every type.
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

/// 32 activations: `d × q[i]` each.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C, align(16))]
pub(super) struct Block {
    pub(super) q: [i8; BLOCK],
    /// The scale; NaN when an activation of the block is not finite.
    pub(super) d: f32,
    /// Scale × sum of all codes: what a weight's offset is multiplied with.
    pub(super) s: f32,
    /// Sums of the first 16 codes and of the others.
    pub(super) sums: [i16; 2],
}

impl Block {
    pub(super) const ZERO: Self = Self { q: [0; BLOCK], d: 0.0, s: 0.0, sums: [0; 2] };

    #[inline]
    fn new(q: [i8; BLOCK], d: f32, sums: [i16; 2]) -> Self {
        Self { q, d, s: d * f32::from(sums[0] + sums[1]), sums }
    }

    /// A block of which no code is other than 0 or an activation is not finite.
    #[inline]
    fn empty(largest: f32) -> Self {
        Self { d: if largest.is_finite() { 0.0 } else { f32::NAN }, ..Self::ZERO }
    }

    /// Four codes as they lie in memory.
    #[inline(always)]
    pub(super) fn four(&self, index: usize) -> i32 {
        let four = &self.q[4 * index..][..4];
        // SAFETY: 4 bytes from a slice of 4 bytes, unaligned.
        unsafe { four.as_ptr().cast::<i32>().read_unaligned() }
    }

    /// Both sums as they lie in memory.
    #[inline(always)]
    pub(super) fn both_sums(&self) -> i32 {
        // SAFETY: 4 bytes from an array of 4 bytes, unaligned.
        unsafe { self.sums.as_ptr().cast::<i32>().read_unaligned() }
    }

    /// `centre` for one of the sums, or for both, as [`Self::both_sums`] has them.
    #[inline(always)]
    pub(super) fn centres(centre: i16, half: Option<usize>) -> i32 {
        let centre = i32::from(centre.cast_unsigned());
        match half {
            Some(0) => centre,
            Some(_) => centre << 16,
            None => centre << 16 | centre,
        }
    }
}

/// The activation rows of one product. The rows of a tile lie block by block: `[tile][block][row of the tile]`.
pub(super) struct Activations<'a> {
    blocks: &'a [Block],
    rows: usize,
    per_row: usize,
    /// The most rows of a tile.
    most: usize,
}

/// Neighbouring activation rows that pass by a group of weight rows together.
#[derive(Clone, Copy)]
pub(super) struct Tile<'a> {
    blocks: &'a [Block],
    first: usize,
    rows: usize,
}

impl<'a> Tile<'a> {
    /// Block after block, each of all rows.
    #[inline]
    pub(super) fn blocks(self) -> &'a [Block] {
        self.blocks
    }

    /// The first row's number.
    #[inline]
    pub(super) fn first(self) -> usize {
        self.first
    }

    /// How many rows.
    #[inline]
    pub(super) fn rows(self) -> usize {
        self.rows
    }
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
        let most = self.path.tile();
        let tile = tile(self.rows, tile_of(self.rows, row, most), most);
        let first = tile.start * self.per_row + column / BLOCK * tile.len() + (row - tile.start);
        // SAFETY: the slots first, first + len, … are these numbers' alone.
        unsafe { fill(self.path, numbers, &self.slots, first, tile.len()) };
    }
}

impl<'a> Activations<'a> {
    /// The blocks that a [`Quantizer`] of the same shape and path has filled.
    pub(super) fn new(path: Path, blocks: &'a [Block], rows: usize, cols: usize) -> Self {
        let per_row = cols / BLOCK;
        Self { blocks: &blocks[..rows * per_row], rows, per_row, most: path.tile() }
    }
}

impl Activations<'_> {
    /// All blocks, tile after tile.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn blocks(&self) -> &[Block] {
        self.blocks
    }

    /// How many tiles there are.
    pub(super) fn tiles(&self) -> usize {
        self.rows.div_ceil(self.most)
    }

    /// Tile number `index`.
    pub(super) fn tile(&self, index: usize) -> Tile<'_> {
        let rows = tile(self.rows, index, self.most);
        let blocks = &self.blocks[rows.start * self.per_row..rows.end * self.per_row];
        Tile { blocks, first: rows.start, rows: rows.len() }
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }
}

/// Rows of tile `index` of `rows`: as few tiles as possible, all nearly the same size, so that no row goes alone.
fn tile(rows: usize, index: usize, most: usize) -> Range<usize> {
    share(rows, index, rows.div_ceil(most))
}

/// The tile that a row is in.
fn tile_of(rows: usize, row: usize, most: usize) -> usize {
    let tiles = rows.div_ceil(most);
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
        Path::Avx512(has) => unsafe { avx2::fill(has.avx2(), row, slots, first, step) },
    }
}

/// The reference.
pub(super) fn portable(numbers: &[f32; BLOCK]) -> Block {
    // Compared as bits, a NaN is larger than every number and is not lost.
    let largest = f32::from_bits(numbers.iter().map(|x| x.to_bits() & 0x7fff_ffff).max().unwrap_or(0));
    let Some((d, inverse)) = scale(largest) else {
        return Block::empty(largest);
    };
    let mut q = [0; BLOCK];
    for (code, x) in q.iter_mut().zip(numbers) {
        // In -127..=127, as the inverse is at most 127 / |x|, give or take a rounding that stays below a half.
        *code = (x * inverse).round_ties_even() as i8;
    }
    let sum = |half: &[i8]| half.iter().map(|&code| i16::from(code)).sum();
    Block::new(q, half_precision(d), [sum(&q[..BLOCK / 2]), sum(&q[BLOCK / 2..])])
}

/// Scale and its inverse from the largest magnitude; none when all codes are 0 or an activation is not finite.
fn scale(largest: f32) -> Option<(f32, f32)> {
    let inverse = 127.0 / largest;
    (largest.is_finite() && inverse.is_finite()).then_some((largest / 127.0, inverse))
}

/// Rounded to f16, except that a finite number stays finite.
fn half_precision(number: f32) -> f32 {
    let rounded = f16::from_f32(number).to_f32();
    if rounded.is_finite() { rounded } else { number }
}
