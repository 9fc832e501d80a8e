//! Products with AVX-512 and VNNI, sixteen weight rows at a time.
#![expect(unsafe_code, reason = "calls that need the processor's features, and stores by pointer")]

mod registers;

use std::arch::x86_64::*;
use std::cell::RefCell;

use super::activations::{Block, Tile};
use super::formats::{Format, Scaling, Source, Stored, Unit, codes};
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
        let stored = groups.map(|group| Stored(weights.group(group)));
        // SAFETY: `self` is the proof that the processor has the features.
        unsafe {
            match tile.rows() {
                1 => product::<F, _, STREAMS, 1>(self, stored, groups, tile, out),
                _ => product::<F, _, STREAMS, 2>(self, stored, groups, tile, out),
            }
        }
    }

    fn tile<F: Format, S: Source<Self>>(self, source: S, group: usize, tile: Tile<'_>, out: &Output<'_>) {
        // SAFETY: `self` is the proof that the processor has the features.
        unsafe {
            match tile.rows() {
                1 => product::<F, S, 1, 1>(self, [source], [group], tile, out),
                2 => product::<F, S, 1, 2>(self, [source], [group], tile, out),
                3 => product::<F, S, 1, 3>(self, [source], [group], tile, out),
                4 => product::<F, S, 1, 4>(self, [source], [group], tile, out),
                5 => product::<F, S, 1, 5>(self, [source], [group], tile, out),
                6 => product::<F, S, 1, 6>(self, [source], [group], tile, out),
                7 => product::<F, S, 1, 7>(self, [source], [group], tile, out),
                _ => product::<F, S, 1, 8>(self, [source], [group], tile, out),
            }
        }
    }

    fn unpacks<F: Format>() -> bool {
        F::BITS == 5 || F::BITS == 6 || F::UNITS > 1
    }

    fn unpack<F: Format>(self, group: Stored<'_>, units: usize) -> Vec<Unit<Self>> {
        let mut unpacked = UNPACKED.take();
        unpacked.clear();
        // SAFETY: `self` is the proof that the processor has the features.
        unsafe { unpack::<F>(self, group, units, &mut unpacked) };
        unpacked
    }

    fn keep(self, unpacked: Vec<Unit<Self>>) {
        UNPACKED.set(unpacked);
    }
}

thread_local! {
    /// Kept from group to group, so that a step of the model allocates nothing.
    static UNPACKED: RefCell<Vec<Unit<Avx512>>> = const { RefCell::new(Vec::new()) };
}

/// Multiplies `G` groups with the `T` rows of a tile.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512vl,avx512bw,avx512dq,avx512vnni")]
fn product<F: Format, S: Source<Avx512>, const G: usize, const T: usize>(
    has: Avx512,
    sources: [S; G],
    groups: [usize; G],
    tile: Tile<'_>,
    out: &Output<'_>,
) {
    let mut sums = [[_mm512_setzero_ps(); T]; G];
    for (index, rows) in tile.blocks().as_chunks::<T>().0.iter().enumerate() {
        for (source, sums) in sources.iter().zip(&mut sums) {
            add::<F, T>(&source.unit::<F>(has, index), rows, sums);
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

/// Unpacks all units of a group.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512vl,avx512bw,avx512dq,avx512vnni")]
fn unpack<F: Format>(has: Avx512, group: Stored<'_>, units: usize, unpacked: &mut Vec<Unit<Avx512>>) {
    unpacked.reserve(units);
    for index in 0..units {
        unpacked.push(group.unit::<F>(has, index));
    }
}

/// Adds the products of 32 columns of a group.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512vl,avx512bw,avx512dq,avx512vnni")]
#[inline]
fn add<F: Format, const T: usize>(unit: &Unit<Avx512>, rows: &[Block; T], sums: &mut [__m512; T]) {
    let Unit { vectors, scales } = unit;
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
