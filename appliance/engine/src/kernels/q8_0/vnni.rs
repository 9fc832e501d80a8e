//! Q8_0 with AVX-512 VNNI on 256-bit registers.
#![expect(unsafe_code, reason = "the call needs the processor's features")]

use std::arch::x86_64::*;

use super::{BLOCK_BYTES, CODES_AT, Q8};
use crate::kernels::activations::Block;
use crate::kernels::isa::Vnni;
use crate::kernels::packed::GROUP;
use crate::kernels::sweep::{Kernel, Sums};
use crate::kernels::x86::{codes, four, halves, lanes, prefetch, scaled};

impl Kernel for Q8<Vnni> {
    #[inline]
    fn tile<const G: usize, const T: usize>(self, groups: [&[u8]; G], blocks: &[Block]) -> Sums<G, T> {
        // SAFETY: the instruction set is the proof that the processor has the features.
        unsafe { tile::<G, T>(groups, blocks) }
    }
}

#[target_feature(enable = "avx2,fma,f16c,avx512vl,avx512vnni")]
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
    sums.map(|sums| sums.map(|sum| lanes(sum)))
}

/// Adds the products of one block of a group.
#[target_feature(enable = "avx2,fma,f16c,avx512vl,avx512vnni")]
#[inline]
fn add<const T: usize>(weights: &[u8], blocks: &[Block; T], sums: &mut [__m256; T]) {
    // The instruction wants one unsigned side: the weights are shifted up by 128, and the sums start that much lower.
    let shift = _mm256_set1_epi8(i8::MIN);
    let mut exact = [[_mm256_setzero_si256(); 2]; T];
    for ([first, _], block) in exact.iter_mut().zip(blocks) {
        *first = _mm256_set1_epi32(-128 * block.sum);
    }
    for pair in 0..4 {
        let even = _mm256_xor_si256(codes(&weights[CODES_AT..], 2 * pair), shift);
        let odd = _mm256_xor_si256(codes(&weights[CODES_AT..], 2 * pair + 1), shift);
        // Two chains a row, as each step waits for the one before.
        for ([first, second], block) in exact.iter_mut().zip(blocks) {
            *first = _mm256_dpbusd_epi32(*first, even, four(block, 2 * pair));
            *second = _mm256_dpbusd_epi32(*second, odd, four(block, 2 * pair + 1));
        }
    }
    for ((sum, [first, second]), block) in sums.iter_mut().zip(exact).zip(blocks) {
        *sum = scaled(*sum, _mm256_add_epi32(first, second), halves(weights, 0), block);
    }
}
