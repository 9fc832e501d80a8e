//! Products with AVX2, eight weight rows at a time.
#![expect(unsafe_code, reason = "calls that need the processor's features, and stores by pointer")]

mod registers;

use std::arch::x86_64::*;

use super::activations::{Block, Tile};
use super::formats::{Format, Scaling, codes};
use super::isa::Avx2;
use super::output::Output;
use super::packed::Packed;
use super::sweep::{Kernel, STREAMS};

impl Kernel for Avx2 {
    const TILE: usize = 4;

    fn streams<F: Format>(
        self,
        weights: &Packed,
        groups: [usize; STREAMS],
        tile: Tile<'_>,
        out: &Output<'_>,
    ) {
        // SAFETY: `self` is the proof that the processor has the features.
        unsafe {
            match tile.rows() {
                1 => product::<F, STREAMS, 1>(self, weights, groups, tile, out),
                _ => product::<F, STREAMS, 2>(self, weights, groups, tile, out),
            }
        }
    }

    fn tile<F: Format>(self, weights: &Packed, group: usize, tile: Tile<'_>, out: &Output<'_>) {
        // SAFETY: `self` is the proof that the processor has the features.
        unsafe {
            match tile.rows() {
                1 => product::<F, 1, 1>(self, weights, [group], tile, out),
                2 => product::<F, 1, 2>(self, weights, [group], tile, out),
                3 => product::<F, 1, 3>(self, weights, [group], tile, out),
                _ => product::<F, 1, 4>(self, weights, [group], tile, out),
            }
        }
    }
}

/// Multiplies `G` groups with the `T` rows of a tile.
#[target_feature(enable = "avx2,fma,f16c")]
fn product<F: Format, const G: usize, const T: usize>(
    has: Avx2,
    weights: &Packed,
    groups: [usize; G],
    tile: Tile<'_>,
    out: &Output<'_>,
) {
    let bytes = groups.map(|group| weights.group(group));
    let step = 8 * F::BYTES;
    let mut sums = [[_mm256_setzero_ps(); T]; G];
    for (index, blocks) in tile.blocks().chunks_exact(F::UNITS * T).enumerate() {
        for (bytes, sums) in bytes.iter().zip(&mut sums) {
            let block = &bytes[index * step..][..step];
            for (unit, rows) in blocks.as_chunks::<T>().0.iter().enumerate().take(F::UNITS) {
                add::<F, T>(has, block, unit, rows, sums);
            }
        }
    }
    for (group, sums) in groups.into_iter().zip(sums) {
        for (row, sum) in sums.into_iter().enumerate() {
            let mut lanes = [0.0; 8];
            // SAFETY: 8 numbers into an array of 8, unaligned.
            unsafe { _mm256_storeu_ps(lanes.as_mut_ptr(), sum) };
            // SAFETY: the groups are of this worker's range and differ.
            unsafe { out.put(tile.first() + row, group, &lanes) };
        }
    }
}

/// Adds the products of 32 columns of a group's block.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn add<F: Format, const T: usize>(
    has: Avx2,
    block: &[u8],
    unit: usize,
    rows: &[Block; T],
    sums: &mut [__m256; T],
) {
    let (header, units) = block.split_at(8 * F::Scaling::BYTES);
    let unit_bytes = 8 * codes::bytes(F::BITS);
    let unit_codes = &units[unit * unit_bytes..][..unit_bytes];
    prefetch(block, unit * (block.len() / F::UNITS), block.len() / F::UNITS);
    // Sums of 16 bits in pairs, and of 32 bits for the first and last 16 columns, or all together in the first.
    let mut narrow = [_mm256_setzero_si256(); T];
    let mut exact = [[_mm256_setzero_si256(); 2]; T];
    for half in 0..2 {
        let even = codes::vectors(has, unit_codes, F::BITS, 2 * half);
        let odd = codes::vectors(has, unit_codes, F::BITS, 2 * half + 1);
        for ((narrow, exact), row) in narrow.iter_mut().zip(&mut exact).zip(rows) {
            let q = [
                four(row, 2 * half),
                four(row, 2 * half + 1),
                four(row, 2 * half + 4),
                four(row, 2 * half + 5),
            ];
            if F::BITS == 8 {
                exact[0] = _mm256_add_epi32(exact[0], signed(even[0], q[0]));
                exact[0] = _mm256_add_epi32(exact[0], signed(odd[0], q[1]));
                exact[0] = _mm256_add_epi32(exact[0], signed(even[1], q[2]));
                exact[0] = _mm256_add_epi32(exact[0], signed(odd[1], q[3]));
                continue;
            }
            let first =
                _mm256_add_epi16(_mm256_maddubs_epi16(even[0], q[0]), _mm256_maddubs_epi16(odd[0], q[1]));
            let last =
                _mm256_add_epi16(_mm256_maddubs_epi16(even[1], q[2]), _mm256_maddubs_epi16(odd[1], q[3]));
            // Pairs of products that fit in 16 bits: 8 of at most 2 × 15 × 127, 4 of 2 × 31 × 127, 2 of 2 × 63 × 127.
            match F::BITS {
                4 => *narrow = _mm256_add_epi16(*narrow, _mm256_add_epi16(first, last)),
                5 => exact[0] = _mm256_add_epi32(exact[0], widened(_mm256_add_epi16(first, last))),
                _ => {
                    exact[0] = _mm256_add_epi32(exact[0], widened(first));
                    exact[1] = _mm256_add_epi32(exact[1], widened(last));
                }
            }
        }
    }
    let scales = F::Scaling::read(has, header, unit);
    for (((sum, narrow), mut exact), row) in sums.iter_mut().zip(narrow).zip(exact).zip(rows) {
        if F::BITS == 4 {
            exact[0] = widened(narrow);
        }
        let d = _mm256_set1_ps(row.d);
        *sum = _mm256_fmadd_ps(centred::<F>(exact[0], row, 0), _mm256_mul_ps(scales.first, d), *sum);
        if F::Scaling::SPLIT {
            *sum = _mm256_fmadd_ps(centred::<F>(exact[1], row, 1), _mm256_mul_ps(scales.second, d), *sum);
        }
        if F::Scaling::OFFSETS {
            *sum = _mm256_fmadd_ps(scales.offset, _mm256_set1_ps(row.s), *sum);
        }
    }
}

/// The four activations at `index`, in units of four, the same for all lanes.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn four(row: &Block, index: usize) -> __m256i {
    _mm256_set1_epi32(row.four(index))
}

/// Sums of four products a lane, both sides signed.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn signed(codes: __m256i, four: __m256i) -> __m256i {
    // The instruction wants one unsigned side: the weight's sign moves to the activation. Two products of at most
    // 128 × 127 just stay within its 16 bits.
    widened(_mm256_maddubs_epi16(_mm256_abs_epi8(codes), _mm256_sign_epi8(four, codes)))
}

/// Sums of neighbours, in 32 bits.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn widened(pairs: __m256i) -> __m256i {
    _mm256_madd_epi16(pairs, _mm256_set1_epi16(1))
}

/// An exact sum, less what the codes are above their meaning: for one half of the columns where these have scales of
/// their own, for all otherwise.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn centred<F: Format>(exact: __m256i, row: &Block, half: usize) -> __m256 {
    if F::CENTRE == 0 {
        return _mm256_cvtepi32_ps(exact);
    }
    let centres = _mm256_set1_epi32(Block::centres(-F::CENTRE, F::Scaling::SPLIT.then_some(half)));
    let excess = _mm256_madd_epi16(_mm256_set1_epi32(row.both_sums()), centres);
    _mm256_cvtepi32_ps(_mm256_add_epi32(exact, excess))
}

/// How far ahead of the arithmetic the weights are called in, in bytes: about one memory latency.
const AHEAD: usize = 2048;

/// Asks for the cache lines that come [`AHEAD`] bytes after `from..from + bytes` of a block.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn prefetch(block: &[u8], from: usize, bytes: usize) {
    let ahead = block.as_ptr().wrapping_add(from + AHEAD);
    for line in 0..bytes.div_ceil(64) {
        _mm_prefetch::<_MM_HINT_T0>(ahead.wrapping_add(64 * line).cast());
    }
}
