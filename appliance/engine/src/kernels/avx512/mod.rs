//! Products with AVX-512 and VNNI, sixteen weight rows at a time.
#![expect(unsafe_code, reason = "calls that need the processor's features, and stores by pointer")]

mod registers;

use std::arch::x86_64::*;

use super::activations::{Block, Tile};
use super::avx2::prefetch;
use super::formats::{Format, Scaling, codes};
use super::isa::Avx512;
use super::output::Output;
use super::packed::Packed;
use super::sweep::{Kernel, STREAMS};

impl Kernel for Avx512 {
    const TILE: usize = 8;

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
                4 => product::<F, 1, 4>(self, weights, [group], tile, out),
                5 => product::<F, 1, 5>(self, weights, [group], tile, out),
                6 => product::<F, 1, 6>(self, weights, [group], tile, out),
                7 => product::<F, 1, 7>(self, weights, [group], tile, out),
                _ => product::<F, 1, 8>(self, weights, [group], tile, out),
            }
        }
    }
}

/// Multiplies `G` groups with the `T` rows of a tile.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512vl,avx512bw,avx512dq,avx512vnni")]
fn product<F: Format, const G: usize, const T: usize>(
    has: Avx512,
    weights: &Packed,
    groups: [usize; G],
    tile: Tile<'_>,
    out: &Output<'_>,
) {
    let bytes = groups.map(|group| weights.group(group));
    let step = 16 * F::BYTES;
    let mut sums = [[_mm512_setzero_ps(); T]; G];
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
            let mut lanes = [0.0; 16];
            // SAFETY: 16 numbers into an array of 16, unaligned.
            unsafe { _mm512_storeu_ps(lanes.as_mut_ptr(), sum) };
            // SAFETY: the groups are of this worker's range and differ.
            unsafe { out.put(tile.first() + row, group, &lanes) };
        }
    }
}

/// Adds the products of 32 columns of a group's block.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512vl,avx512bw,avx512dq,avx512vnni")]
#[inline]
fn add<F: Format, const T: usize>(
    has: Avx512,
    block: &[u8],
    unit: usize,
    rows: &[Block; T],
    sums: &mut [__m512; T],
) {
    let (header, units) = block.split_at(16 * F::Scaling::BYTES);
    let unit_bytes = 16 * codes::bytes(F::BITS);
    let unit_codes = &units[unit * unit_bytes..][..unit_bytes];
    prefetch(block, unit * (block.len() / F::UNITS), block.len() / F::UNITS);
    let mut vectors = [[_mm512_setzero_si512(); 2]; 4];
    for (index, vectors) in vectors.iter_mut().enumerate() {
        *vectors = codes::vectors(has, unit_codes, F::BITS, index);
    }
    let scales = F::Scaling::read(has, header, unit);
    for (sum, row) in sums.iter_mut().zip(rows) {
        let d = _mm512_set1_ps(row.d);
        let mut first = excess::<F>(row, 0);
        for (index, [low, _]) in vectors.iter().enumerate() {
            first = _mm512_dpbusd_epi32(first, *low, _mm512_set1_epi32(row.four(index)));
        }
        let mut last = if F::Scaling::SPLIT { excess::<F>(row, 1) } else { first };
        for (index, [_, high]) in vectors.iter().enumerate() {
            last = _mm512_dpbusd_epi32(last, *high, _mm512_set1_epi32(row.four(4 + index)));
        }
        if F::Scaling::SPLIT {
            *sum = _mm512_fmadd_ps(_mm512_cvtepi32_ps(first), _mm512_mul_ps(scales.first, d), *sum);
        }
        *sum = _mm512_fmadd_ps(_mm512_cvtepi32_ps(last), _mm512_mul_ps(scales.second, d), *sum);
        if F::Scaling::OFFSETS {
            *sum = _mm512_fmadd_ps(scales.offset, _mm512_set1_ps(row.s), *sum);
        }
    }
}

/// Where an exact sum begins: below 0 by what the codes are above their meaning, for one half of the columns where these
/// have scales of their own, for all otherwise.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512vl,avx512bw,avx512dq,avx512vnni")]
#[inline]
fn excess<F: Format>(row: &Block, half: usize) -> __m512i {
    let centre = if F::BITS == 8 { i16::from(codes::shift(16)) } else { F::CENTRE };
    if centre == 0 {
        return _mm512_setzero_si512();
    }
    let centres = _mm512_set1_epi32(Block::centres(-centre, F::Scaling::SPLIT.then_some(half)));
    _mm512_dpwssd_epi32(_mm512_setzero_si512(), centres, _mm512_set1_epi32(row.both_sums()))
}
