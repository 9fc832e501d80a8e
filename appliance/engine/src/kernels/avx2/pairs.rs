//! Products of codes of 8 bits with many activation rows: both sides widened to 16 bits.
//!
//! Eight bits against eight need one unsigned side, and to move signs costs an instruction for every four columns and row;
//! with abs, sign, multiply, widen and add all but the last wait for the same two of the processor's three vector units.
//! In 16 bits it is multiply and add alone, twice, of which the adds run on all three. Widening is paid once a group for
//! the weights, and once a part of the product for the activations.
#![expect(unsafe_code, reason = "calls that need the processor's features, and stores by pointer")]

use std::arch::x86_64::*;
use std::cell::RefCell;
use std::ops::Range;

use crate::kernels::activations::{Activations, BLOCK, Block, Tile};
use crate::kernels::formats::{Format, Near, Source};
use crate::kernels::isa::Avx2;
use crate::kernels::output::Output;
use crate::kernels::packed::Packed;
use crate::kernels::registers::Registers;
use crate::kernels::sweep::part_of_next;

/// 32 columns of a group, as pairs of 16 bits: first columns 0 and 2 of every four, then columns 1 and 3.
#[derive(Clone, Copy)]
struct Weights {
    pairs: [__m256i; BLOCK / 2],
    scales: __m256,
}

/// 32 activations in the order of [`Weights`].
type Pairs = [i32; BLOCK / 2];

/// Vectors of weights in one turn of the innermost loop, which by itself the compiler would not unroll.
const AT_ONCE: usize = 4;

/// Bytes that are asked for with every 32 columns: from three tiles on, enough for the whole next group.
const REQUEST: usize = 128;

/// Work memory of a thread.
#[derive(Default)]
struct Scratch {
    weights: Vec<Weights>,
    activations: Vec<Pairs>,
}

thread_local! {
    /// Kept from product to product, so that a step of the model allocates nothing.
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Multiplies the groups in `range` with all activation rows.
pub(super) fn sweep<F: Format>(
    has: Avx2,
    weights: &Packed,
    activations: &Activations<'_>,
    range: Range<usize>,
    out: &Output<'_>,
) {
    assert_eq!(F::BITS, 8, "only codes of 8 bits gain");
    SCRATCH.with_borrow_mut(|scratch| {
        scratch.activations.clear();
        // SAFETY: `has` is the proof that the processor has the features.
        unsafe { widen_activations(activations.blocks(), &mut scratch.activations) };
        for group in range.clone() {
            scratch.weights.clear();
            let stored = Near(weights.group(group));
            // SAFETY: as above.
            unsafe { widen_weights::<F>(has, stored, weights.cols() / BLOCK, &mut scratch.weights) };
            for index in 0..activations.tiles() {
                let next = part_of_next(weights, group, &range, index, activations.tiles());
                let tile = activations.tile(index);
                let first = tile.first() * (weights.cols() / BLOCK);
                let pairs = &scratch.activations[first..first + tile.blocks().len()];
                // SAFETY: as above.
                unsafe { multiply(has, &scratch.weights, pairs, group, tile, next, out) };
            }
        }
    });
}

// Loops and no closures: those would not be compiled for the instructions of the function around them.

#[target_feature(enable = "avx2,fma,f16c")]
fn widen_activations(blocks: &[Block], into: &mut Vec<Pairs>) {
    into.reserve(blocks.len());
    for block in blocks {
        let mut pairs = [0; BLOCK / 2];
        // SAFETY: 32 bytes from an array of 32, unaligned.
        let codes = unsafe { _mm256_loadu_si256(block.q.as_ptr().cast()) };
        for (vector, pairs) in widened(codes).into_iter().zip(pairs.as_chunks_mut::<8>().0) {
            // SAFETY: 32 bytes into an array of 32, unaligned.
            unsafe { _mm256_storeu_si256(pairs.as_mut_ptr().cast(), vector) };
        }
        into.push(pairs);
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
fn widen_weights<F: Format>(has: Avx2, group: Near<'_>, units: usize, into: &mut Vec<Weights>) {
    into.reserve(units);
    for index in 0..units {
        let unit = group.unit::<F>(has, index);
        let mut pairs = [_mm256_setzero_si256(); BLOCK / 2];
        for (index, [first, last]) in unit.vectors.into_iter().enumerate() {
            [pairs[index], pairs[8 + index]] = widened(first);
            [pairs[4 + index], pairs[12 + index]] = widened(last);
        }
        into.push(Weights { pairs, scales: unit.scales.first });
    }
}

/// The bytes 0 and 2 of every four, and the bytes 1 and 3, with their signs in 16 bits.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn widened(bytes: __m256i) -> [__m256i; 2] {
    [_mm256_srai_epi16::<8>(_mm256_slli_epi16::<8>(bytes)), _mm256_srai_epi16::<8>(bytes)]
}

/// Multiplies a group with a tile, and asks for `next` meanwhile.
#[target_feature(enable = "avx2,fma,f16c")]
fn multiply(
    has: Avx2,
    weights: &[Weights],
    pairs: &[Pairs],
    group: usize,
    tile: Tile<'_>,
    next: &[u8],
    out: &Output<'_>,
) {
    match tile.rows() {
        1 => product::<1>(has, weights, pairs, group, tile, next, out),
        2 => product::<2>(has, weights, pairs, group, tile, next, out),
        3 => product::<3>(has, weights, pairs, group, tile, next, out),
        _ => product::<4>(has, weights, pairs, group, tile, next, out),
    }
}

/// Multiplies a group with the `T` rows of a tile.
#[target_feature(enable = "avx2,fma,f16c")]
fn product<const T: usize>(
    has: Avx2,
    weights: &[Weights],
    pairs: &[Pairs],
    group: usize,
    tile: Tile<'_>,
    next: &[u8],
    out: &Output<'_>,
) {
    let mut sums = [_mm256_setzero_ps(); T];
    // A little at a time, so that no request waits for another.
    let mut next = next.chunks(REQUEST);
    let rows = pairs.as_chunks::<T>().0.iter().zip(tile.blocks().as_chunks::<T>().0);
    for (weights, (pairs, blocks)) in weights.iter().zip(rows) {
        if let Some(lines) = next.next() {
            has.expect(lines);
        }
        add(weights, pairs, blocks, &mut sums);
    }
    for (row, sum) in sums.into_iter().enumerate() {
        let mut lanes = [0.0; 8];
        // SAFETY: 8 numbers into an array of 8, unaligned.
        unsafe { _mm256_storeu_ps(lanes.as_mut_ptr(), sum) };
        // SAFETY: the group is of this worker's range.
        unsafe { out.put(tile.first() + row, group, &lanes) };
    }
}

/// Adds the products of 32 columns of a group.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn add<const T: usize>(weights: &Weights, rows: &[Pairs; T], blocks: &[Block; T], sums: &mut [__m256; T]) {
    let mut exact = [_mm256_setzero_si256(); T];
    for (turn, codes) in weights.pairs.as_chunks::<AT_ONCE>().0.iter().enumerate() {
        for (index, codes) in codes.iter().enumerate() {
            for (exact, row) in exact.iter_mut().zip(rows) {
                let pair = _mm256_set1_epi32(row[turn * AT_ONCE + index]);
                *exact = _mm256_add_epi32(*exact, _mm256_madd_epi16(*codes, pair));
            }
        }
    }
    for ((sum, exact), block) in sums.iter_mut().zip(exact).zip(blocks) {
        let scale = _mm256_mul_ps(weights.scales, _mm256_set1_ps(block.d));
        *sum = _mm256_fmadd_ps(_mm256_cvtepi32_ps(exact), scale, *sum);
    }
}
