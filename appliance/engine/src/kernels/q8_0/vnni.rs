//! Q8_0 with AVX-512 VNNI.
#![expect(unsafe_code, reason = "the call needs the processor's features")]

use std::arch::x86_64::*;

use super::{BLOCK_BYTES, CODES_AT, Q8};
use crate::kernels::activations::Block;
use crate::kernels::isa::Vnni;
use crate::kernels::packed::GROUP;
use crate::kernels::sweep::{Kernel, Sums};
use crate::kernels::x86::{
    all_lanes, both_codes, both_halves, codes, four, halves, prefetch, scaled, wide_four, wide_lanes,
    wide_scaled,
};

impl Kernel for Q8<Vnni> {
    #[inline]
    fn tile<const G: usize, const T: usize>(self, groups: [&[u8]; G], blocks: &[Block]) -> Sums<G, T> {
        // SAFETY: the instruction set is the proof that the processor has the features.
        unsafe { tile::<G, T>(groups, blocks) }
    }

    #[inline]
    fn pair<const T: usize>(self, groups: [&[u8]; 2], blocks: &[Block]) -> Sums<2, T> {
        // SAFETY: as above.
        unsafe { pair::<T>(groups, blocks) }
    }
}

#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512vl,avx512bw,avx512dq,avx512vnni")]
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
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512vl,avx512bw,avx512dq,avx512vnni")]
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

/// Two groups, each in half of the 512-bit registers.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512vl,avx512bw,avx512dq,avx512vnni")]
fn pair<const T: usize>(groups: [&[u8]; 2], blocks: &[Block]) -> Sums<2, T> {
    let step = GROUP * BLOCK_BYTES;
    let mut sums = [_mm512_setzero_ps(); T];
    for (index, blocks) in blocks.as_chunks::<T>().0.iter().enumerate() {
        let weights = [&groups[0][index * step..][..step], &groups[1][index * step..][..step]];
        prefetch(weights[0]);
        prefetch(weights[1]);
        add_pair::<T>(weights, blocks, &mut sums);
    }
    wide_lanes(&sums)
}

/// Adds the products of one block of two groups.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512vl,avx512bw,avx512dq,avx512vnni")]
#[inline]
fn add_pair<const T: usize>(weights: [&[u8]; 2], blocks: &[Block; T], sums: &mut [__m512; T]) {
    let bytes = [&weights[0][CODES_AT..], &weights[1][CODES_AT..]];
    let shift = _mm512_set1_epi8(i8::MIN);
    let mut exact = [[_mm512_setzero_si512(); 2]; T];
    for ([first, _], block) in exact.iter_mut().zip(blocks) {
        *first = _mm512_set1_epi32(-128 * block.sum);
    }
    for two in 0..4 {
        let even = _mm512_xor_si512(both_codes(bytes, 2 * two), shift);
        let odd = _mm512_xor_si512(both_codes(bytes, 2 * two + 1), shift);
        for ([first, second], block) in exact.iter_mut().zip(blocks) {
            *first = _mm512_dpbusd_epi32(*first, even, wide_four(block, 2 * two));
            *second = _mm512_dpbusd_epi32(*second, odd, wide_four(block, 2 * two + 1));
        }
    }
    let scales = both_halves(weights, 0);
    for ((sum, [first, second]), block) in sums.iter_mut().zip(exact).zip(blocks) {
        *sum = wide_scaled(*sum, _mm512_add_epi32(first, second), scales, block);
    }
}
