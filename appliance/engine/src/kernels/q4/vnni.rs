//! Q4_1 and Q4_0 with AVX-512 VNNI.
#![expect(unsafe_code, reason = "the call needs the processor's features")]

use std::arch::x86_64::*;

use super::avx2::finish;
use super::{CENTRE, Q4, block_bytes, scale_bytes};
use crate::kernels::activations::Block;
use crate::kernels::isa::Vnni;
use crate::kernels::packed::GROUP;
use crate::kernels::sweep::{Kernel, Sums};
use crate::kernels::x86::{
    all_lanes, both_codes, both_halves, codes, four, prefetch, wide_four, wide_lanes, wide_scaled,
};

impl<const OFFSETS: bool> Kernel for Q4<Vnni, OFFSETS> {
    #[inline]
    fn tile<const G: usize, const T: usize>(self, groups: [&[u8]; G], blocks: &[Block]) -> Sums<G, T> {
        // SAFETY: the instruction set is the proof that the processor has the features.
        unsafe { tile::<OFFSETS, G, T>(groups, blocks) }
    }

    #[inline]
    fn pair<const T: usize>(self, groups: [&[u8]; 2], blocks: &[Block]) -> Sums<2, T> {
        // SAFETY: as above.
        unsafe { pair::<OFFSETS, T>(groups, blocks) }
    }
}

#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512vl,avx512bw,avx512dq,avx512vnni")]
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
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512vl,avx512bw,avx512dq,avx512vnni")]
#[inline]
fn add<const OFFSETS: bool, const T: usize>(weights: &[u8], blocks: &[Block; T], sums: &mut [__m256; T]) {
    let nibbles = &weights[scale_bytes::<OFFSETS>() * GROUP..];
    let mask = _mm256_set1_epi8(15);
    // Two chains a row, as each step waits for the one before.
    let mut exact = [[_mm256_setzero_si256(); 2]; T];
    for chunk in 0..4 {
        let both = codes(nibbles, chunk);
        let low = _mm256_and_si256(both, mask);
        let high = _mm256_and_si256(_mm256_srli_epi16::<4>(both), mask);
        for ([first, second], block) in exact.iter_mut().zip(blocks) {
            *first = _mm256_dpbusd_epi32(*first, low, four(block, chunk));
            *second = _mm256_dpbusd_epi32(*second, high, four(block, 4 + chunk));
        }
    }
    for ((sum, [first, second]), block) in sums.iter_mut().zip(exact).zip(blocks) {
        *sum = finish::<OFFSETS>(*sum, _mm256_add_epi32(first, second), weights, block);
    }
}

/// Two groups, each in half of the 512-bit registers.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512vl,avx512bw,avx512dq,avx512vnni")]
fn pair<const OFFSETS: bool, const T: usize>(groups: [&[u8]; 2], blocks: &[Block]) -> Sums<2, T> {
    let step = GROUP * block_bytes::<OFFSETS>();
    let mut sums = [_mm512_setzero_ps(); T];
    for (index, blocks) in blocks.as_chunks::<T>().0.iter().enumerate() {
        let weights = [&groups[0][index * step..][..step], &groups[1][index * step..][..step]];
        prefetch(weights[0]);
        prefetch(weights[1]);
        add_pair::<OFFSETS, T>(weights, blocks, &mut sums);
    }
    wide_lanes(&sums)
}

/// Adds the products of one block of two groups.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512vl,avx512bw,avx512dq,avx512vnni")]
#[inline]
fn add_pair<const OFFSETS: bool, const T: usize>(
    weights: [&[u8]; 2],
    blocks: &[Block; T],
    sums: &mut [__m512; T],
) {
    let nibbles_at = scale_bytes::<OFFSETS>() * GROUP;
    let nibbles = [&weights[0][nibbles_at..], &weights[1][nibbles_at..]];
    let mask = _mm512_set1_epi8(15);
    let mut exact = [[_mm512_setzero_si512(); 2]; T];
    for chunk in 0..4 {
        let both = both_codes(nibbles, chunk);
        let low = _mm512_and_si512(both, mask);
        let high = _mm512_and_si512(_mm512_srli_epi16::<4>(both), mask);
        for ([first, second], block) in exact.iter_mut().zip(blocks) {
            *first = _mm512_dpbusd_epi32(*first, low, wide_four(block, chunk));
            *second = _mm512_dpbusd_epi32(*second, high, wide_four(block, 4 + chunk));
        }
    }
    let scales = both_halves(weights, 0);
    for ((sum, [first, second]), block) in sums.iter_mut().zip(exact).zip(blocks) {
        let exact = _mm512_add_epi32(first, second);
        *sum = if OFFSETS {
            let sum = wide_scaled(*sum, exact, scales, block);
            _mm512_fmadd_ps(both_halves(weights, 1), _mm512_set1_ps(block.s), sum)
        } else {
            wide_scaled(*sum, _mm512_sub_epi32(exact, _mm512_set1_epi32(CENTRE * block.sum)), scales, block)
        };
    }
}
