//! What the x86 kernels share: loads, prefetch, and the rounding steps of a sum.
#![expect(unsafe_code, reason = "SIMD loads and stores by pointer")]

use std::arch::x86_64::*;

use super::activations::Block;
use super::packed::GROUP;

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

/// The eight lanes as an array.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn lanes(sum: __m256) -> [f32; GROUP] {
    let mut lanes = [0.0; GROUP];
    // SAFETY: 8 numbers into an array of 8, unaligned.
    unsafe { _mm256_storeu_ps(lanes.as_mut_ptr(), sum) };
    lanes
}
