//! Q8_0 with AVX2.
#![expect(unsafe_code, reason = "the call needs the processor's features")]

use std::arch::x86_64::*;

use super::{BLOCK_BYTES, CODES_AT, Q8};
use crate::kernels::activations::Block;
use crate::kernels::isa::Avx2;
use crate::kernels::packed::GROUP;
use crate::kernels::sweep::{Kernel, Sums};
use crate::kernels::x86::{all_lanes, codes, four, halves, prefetch, scaled};

impl Kernel for Q8<Avx2> {
    #[inline]
    fn tile<const G: usize, const T: usize>(self, groups: [&[u8]; G], blocks: &[Block]) -> Sums<G, T> {
        // SAFETY: the instruction set is the proof that the processor has the features.
        unsafe { tile::<G, T>(groups, blocks) }
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
fn tile<const G: usize, const T: usize>(groups: [&[u8]; G], blocks: &[Block]) -> Sums<G, T> {
    let step = GROUP * BLOCK_BYTES;
    let mut sums = [[_mm256_setzero_ps(); T]; G];
    for (index, blocks) in blocks.as_chunks::<T>().0.iter().enumerate() {
        for (group, sums) in groups.iter().zip(&mut sums) {
            let weights = &group[index * step..][..step];
            prefetch(weights);
            add::<T>(weights, blocks, sums);
        }
    }
    all_lanes(&sums)
}

/// Adds the products of one block of a group.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn add<const T: usize>(weights: &[u8], blocks: &[Block; T], sums: &mut [__m256; T]) {
    let ones = _mm256_set1_epi16(1);
    let mut exact = [_mm256_setzero_si256(); T];
    for chunk in 0..8 {
        let signed = codes(&weights[CODES_AT..], chunk);
        // The instruction wants one unsigned side: the weight's sign moves to the activation. Two products of at most
        // 128 × 127 just stay within its 16 bits, so each pair is widened before it is added.
        let magnitude = _mm256_abs_epi8(signed);
        for (exact, block) in exact.iter_mut().zip(blocks) {
            let pairs = _mm256_maddubs_epi16(magnitude, _mm256_sign_epi8(four(block, chunk), signed));
            *exact = _mm256_add_epi32(*exact, _mm256_madd_epi16(pairs, ones));
        }
    }
    for ((sum, exact), block) in sums.iter_mut().zip(exact).zip(blocks) {
        *sum = scaled(*sum, exact, halves(weights, 0), block);
    }
}
