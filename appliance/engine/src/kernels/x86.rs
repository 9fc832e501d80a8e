//! What the x86 kernels share: loads, prefetch, and the rounding steps of a sum.
//!
//! Loops and no closures, here and in the kernels: a closure handed to the library is not inlined, as the library is not
//! compiled for these instructions.
#![expect(unsafe_code, reason = "SIMD loads and stores by pointer")]

use std::arch::x86_64::*;

use super::activations::Block;
use super::packed::GROUP;
use super::sweep::Sums;

/// How far ahead of the arithmetic the weights are called in, in bytes: about one memory latency.
const AHEAD: usize = 2048;

/// Asks for the cache lines of the block that comes [`AHEAD`] bytes after `bytes` begins.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn prefetch(bytes: &[u8]) {
    let ahead = bytes.as_ptr().wrapping_add(AHEAD);
    for line in 0..bytes.len().div_ceil(64) {
        _mm_prefetch::<_MM_HINT_T0>(ahead.wrapping_add(64 * line).cast());
    }
}

/// The eight f16 numbers at `index`, in units of eight, as f32.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn halves(bytes: &[u8], index: usize) -> __m256 {
    let eight = &bytes[2 * GROUP * index..][..2 * GROUP];
    // SAFETY: 16 bytes from a slice of 16 bytes, unaligned.
    _mm256_cvtph_ps(unsafe { _mm_loadu_si128(eight.as_ptr().cast()) })
}

/// The 32 bytes at `index`, in units of 32.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn codes(bytes: &[u8], index: usize) -> __m256i {
    let all = &bytes[32 * index..][..32];
    // SAFETY: 32 bytes from a slice of 32 bytes, unaligned.
    unsafe { _mm256_loadu_si256(all.as_ptr().cast()) }
}

/// The four activations at `index`, in units of four, the same for all lanes.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn four(block: &Block, index: usize) -> __m256i {
    let four = &block.q[4 * index..][..4];
    // SAFETY: 4 bytes from a slice of 4 bytes, unaligned.
    _mm256_set1_epi32(unsafe { four.as_ptr().cast::<i32>().read_unaligned() })
}

/// `sum` + `exact` × scales of weights and activations.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn scaled(sum: __m256, exact: __m256i, scales: __m256, block: &Block) -> __m256 {
    _mm256_fmadd_ps(_mm256_cvtepi32_ps(exact), _mm256_mul_ps(scales, _mm256_set1_ps(block.d)), sum)
}

/// The sums from their registers.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn all_lanes<const G: usize, const T: usize>(sums: &[[__m256; T]; G]) -> Sums<G, T> {
    let mut all = [[[0.0; GROUP]; T]; G];
    for (all, sums) in all.iter_mut().zip(sums) {
        for (all, sum) in all.iter_mut().zip(sums) {
            *all = lanes(*sum);
        }
    }
    all
}

/// The eight lanes as an array.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn lanes(sum: __m256) -> [f32; GROUP] {
    let mut lanes = [0.0; GROUP];
    // SAFETY: 8 numbers into an array of 8, unaligned.
    unsafe { _mm256_storeu_ps(lanes.as_mut_ptr(), sum) };
    lanes
}

/// The 32 bytes at `index` of both, side by side.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512vl,avx512bw,avx512dq,avx512vnni")]
#[inline]
pub(super) fn both_codes([first, second]: [&[u8]; 2], index: usize) -> __m512i {
    _mm512_inserti64x4::<1>(_mm512_castsi256_si512(codes(first, index)), codes(second, index))
}

/// The eight f16 numbers at `index` of both, side by side, as f32.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512vl,avx512bw,avx512dq,avx512vnni")]
#[inline]
pub(super) fn both_halves([first, second]: [&[u8]; 2], index: usize) -> __m512 {
    _mm512_insertf32x8::<1>(_mm512_castps256_ps512(halves(first, index)), halves(second, index))
}

/// The four activations at `index`, the same for all sixteen lanes.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512vl,avx512bw,avx512dq,avx512vnni")]
#[inline]
pub(super) fn wide_four(block: &Block, index: usize) -> __m512i {
    _mm512_broadcastd_epi32(_mm256_castsi256_si128(four(block, index)))
}

/// `sum` + `exact` × scales of weights and activations, for sixteen lanes.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512vl,avx512bw,avx512dq,avx512vnni")]
#[inline]
pub(super) fn wide_scaled(sum: __m512, exact: __m512i, scales: __m512, block: &Block) -> __m512 {
    _mm512_fmadd_ps(_mm512_cvtepi32_ps(exact), _mm512_mul_ps(scales, _mm512_set1_ps(block.d)), sum)
}

/// The sums of two groups from registers that hold both.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512vl,avx512bw,avx512dq,avx512vnni")]
#[inline]
pub(super) fn wide_lanes<const T: usize>(sums: &[__m512; T]) -> Sums<2, T> {
    let mut all = [[[0.0; GROUP]; T]; 2];
    for (token, sum) in sums.iter().enumerate() {
        all[0][token] = lanes(_mm512_castps512_ps256(*sum));
        all[1][token] = lanes(_mm512_extractf32x8_ps::<1>(*sum));
    }
    all
}
