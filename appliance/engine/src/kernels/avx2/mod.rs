//! Products with AVX2, eight weight rows at a time.
#![expect(unsafe_code, reason = "calls that need the processor's features, and stores by pointer")]

mod pairs;
mod registers;

use std::arch::x86_64::*;
use std::cell::RefCell;
use std::ops::Range;

use super::activations::{Activations, Block, Tile};
use super::formats::{Format, Scaling, Source, Stored, Unit};
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
        let stored = groups.map(|group| Stored(weights.group(group)));
        // SAFETY: `self` is the proof that the processor has the features.
        unsafe {
            match tile.rows() {
                1 => product::<F, _, STREAMS, 1>(self, stored, groups, tile, out),
                _ => product::<F, _, STREAMS, 2>(self, stored, groups, tile, out),
            }
        }
    }

    fn many<F: Format>(
        self,
        weights: &Packed,
        activations: &Activations<'_>,
        range: &Range<usize>,
        out: &Output<'_>,
    ) -> bool {
        // Two tiles do not pay for the widening.
        let many = F::BITS == 8 && activations.tiles() > 2;
        if many {
            pairs::sweep::<F>(self, weights, activations, range.clone(), out);
        }
        many
    }

    fn tile<F: Format, S: Source<Self>>(self, source: S, group: usize, tile: Tile<'_>, out: &Output<'_>) {
        // SAFETY: `self` is the proof that the processor has the features.
        unsafe {
            match tile.rows() {
                1 => product::<F, S, 1, 1>(self, [source], [group], tile, out),
                2 => product::<F, S, 1, 2>(self, [source], [group], tile, out),
                3 => product::<F, S, 1, 3>(self, [source], [group], tile, out),
                _ => product::<F, S, 1, 4>(self, [source], [group], tile, out),
            }
        }
    }

    fn unpacks<F: Format>() -> bool {
        true
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
    static UNPACKED: RefCell<Vec<Unit<Avx2>>> = const { RefCell::new(Vec::new()) };
}

/// Multiplies `G` groups with the `T` rows of a tile.
#[target_feature(enable = "avx2,fma,f16c")]
fn product<F: Format, S: Source<Avx2>, const G: usize, const T: usize>(
    has: Avx2,
    sources: [S; G],
    groups: [usize; G],
    tile: Tile<'_>,
    out: &Output<'_>,
) {
    let mut sums = [[_mm256_setzero_ps(); T]; G];
    for (index, rows) in tile.blocks().as_chunks::<T>().0.iter().enumerate() {
        for (source, sums) in sources.iter().zip(&mut sums) {
            add::<F, T>(&source.unit::<F>(has, index), rows, sums);
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

/// Unpacks all units of a group.
#[target_feature(enable = "avx2,fma,f16c")]
fn unpack<F: Format>(has: Avx2, group: Stored<'_>, units: usize, unpacked: &mut Vec<Unit<Avx2>>) {
    unpacked.reserve(units);
    for index in 0..units {
        unpacked.push(group.unit::<F>(has, index));
    }
}

/// Adds the products of 32 columns of a group.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn add<F: Format, const T: usize>(unit: &Unit<Avx2>, rows: &[Block; T], sums: &mut [__m256; T]) {
    let Unit { vectors, scales } = unit;
    // Sums of 16 bits in pairs, and of 32 bits for the first and last 16 columns, or all together in the first.
    let mut narrow = [_mm256_setzero_si256(); T];
    let mut exact = [[_mm256_setzero_si256(); 2]; T];
    for half in 0..2 {
        let (even, odd) = (vectors[2 * half], vectors[2 * half + 1]);
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
