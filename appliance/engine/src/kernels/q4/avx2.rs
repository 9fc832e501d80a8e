//! Q4_1 and Q4_0 with AVX2.
#![expect(unsafe_code, reason = "the call needs the processor's features")]

use std::arch::x86_64::*;

use super::{CENTRE, Q4, block_bytes, scale_bytes};
use crate::kernels::activations::Block;
use crate::kernels::isa::Avx2;
use crate::kernels::packed::GROUP;
use crate::kernels::sweep::{Kernel, Sums};
use crate::kernels::x86::{all_lanes, codes, four, halves, prefetch, scaled};

impl<const OFFSETS: bool> Kernel for Q4<Avx2, OFFSETS> {
    #[inline]
    fn tile<const G: usize, const T: usize>(self, groups: [&[u8]; G], blocks: &[Block]) -> Sums<G, T> {
        // SAFETY: the instruction set is the proof that the processor has the features.
        unsafe { tile::<OFFSETS, G, T>(groups, blocks) }
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
fn tile<const OFFSETS: bool, const G: usize, const T: usize>(
    groups: [&[u8]; G],
    blocks: &[Block],
) -> Sums<G, T> {
    let step = GROUP * block_bytes::<OFFSETS>();
    let mut sums = [[_mm256_setzero_ps(); T]; G];
    for (index, blocks) in blocks.as_chunks::<T>().0.iter().enumerate() {
        for (group, sums) in groups.iter().zip(&mut sums) {
            let weights = &group[index * step..][..step];
            prefetch(weights);
            add::<OFFSETS, T>(weights, blocks, sums);
        }
    }
    all_lanes(&sums)
}

/// Adds the products of one block of a group.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn add<const OFFSETS: bool, const T: usize>(weights: &[u8], blocks: &[Block; T], sums: &mut [__m256; T]) {
    let nibbles = &weights[scale_bytes::<OFFSETS>() * GROUP..];
    let mask = _mm256_set1_epi8(15);
    let mut exact = [_mm256_setzero_si256(); T];
    for chunk in 0..4 {
        let both = codes(nibbles, chunk);
        let low = _mm256_and_si256(both, mask);
        let high = _mm256_and_si256(_mm256_srli_epi16::<4>(both), mask);
        for (exact, block) in exact.iter_mut().zip(blocks) {
            // Sixteen products of at most 15 × 127 stay within the 16 bits.
            *exact = _mm256_add_epi16(*exact, _mm256_maddubs_epi16(low, four(block, chunk)));
            *exact = _mm256_add_epi16(*exact, _mm256_maddubs_epi16(high, four(block, 4 + chunk)));
        }
    }
    for ((sum, exact), block) in sums.iter_mut().zip(exact).zip(blocks) {
        let exact = _mm256_madd_epi16(exact, _mm256_set1_epi16(1));
        *sum = finish::<OFFSETS>(*sum, exact, weights, block);
    }
}

/// Adds one exact integer sum to a row's sum.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn finish<const OFFSETS: bool>(
    sum: __m256,
    exact: __m256i,
    weights: &[u8],
    block: &Block,
) -> __m256 {
    let scales = halves(weights, 0);
    if OFFSETS {
        let sum = scaled(sum, exact, scales, block);
        _mm256_fmadd_ps(halves(weights, 1), _mm256_set1_ps(block.s), sum)
    } else {
        scaled(sum, _mm256_sub_epi32(exact, _mm256_set1_epi32(CENTRE * block.sum)), scales, block)
    }
}
