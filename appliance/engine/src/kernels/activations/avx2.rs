//! Quantization of activations with AVX2, bit for bit what the portable code gives.
#![expect(unsafe_code, reason = "SIMD loads and stores by pointer")]

use std::arch::x86_64::*;

use super::{BLOCK, Block, scale};
use crate::kernels::isa::Avx2;
use crate::kernels::output::Slots;

/// Quantizes one row into the slots `first`, `first + step`, …
///
/// # Safety
/// No other thread writes these slots.
pub(super) unsafe fn fill(_proof: Avx2, row: &[f32], slots: &Slots<'_, Block>, first: usize, step: usize) {
    // SAFETY: the proof says that the processor has the features; the slots are as the caller promises.
    unsafe { fill_row(row, slots, first, step) }
}

/// # Safety
/// No other thread writes these slots.
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn fill_row(row: &[f32], slots: &Slots<'_, Block>, first: usize, step: usize) {
    for (index, numbers) in row.as_chunks::<BLOCK>().0.iter().enumerate() {
        // SAFETY: as the caller promises.
        unsafe { slots.put(first + index * step, quantize(numbers)) };
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn quantize(numbers: &[f32; BLOCK]) -> Block {
    let mut x = [_mm256_setzero_ps(); 4];
    for (x, numbers) in x.iter_mut().zip(numbers.as_chunks::<8>().0) {
        // SAFETY: 8 numbers from an array of 8, unaligned.
        *x = unsafe { _mm256_loadu_ps(numbers.as_ptr()) };
    }
    let largest = f32::from_bits(largest_magnitude(x));
    let Some((d, inverse)) = scale(largest) else {
        return Block::empty(largest);
    };
    let inverse = _mm256_set1_ps(inverse);
    // The default rounding of the processor is half to even.
    let mut codes = [_mm256_setzero_si256(); 4];
    for (codes, x) in codes.iter_mut().zip(x) {
        *codes = _mm256_cvtps_epi32(_mm256_mul_ps(x, inverse));
    }
    let sums = totals(_mm256_add_epi32(codes[0], codes[1]), _mm256_add_epi32(codes[2], codes[3]));
    let low = _mm256_packs_epi32(codes[0], codes[1]);
    let high = _mm256_packs_epi32(codes[2], codes[3]);
    // Packing works on halves of registers and leaves groups of four codes in the order 0 2 4 6 1 3 5 7.
    let order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    let packed = _mm256_permutevar8x32_epi32(_mm256_packs_epi16(low, high), order);
    let mut q = [0_i8; BLOCK];
    // SAFETY: 32 bytes into an array of 32 bytes, unaligned.
    unsafe { _mm256_storeu_si256(q.as_mut_ptr().cast(), packed) };
    let rounded = _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(_mm_set_ss(d))));
    Block::new(q, if rounded.is_finite() { rounded } else { d }, sums)
}

/// Bits of the largest magnitude: as integers they order like the magnitudes, with NaN on top.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn largest_magnitude(x: [__m256; 4]) -> u32 {
    let magnitude = _mm256_set1_epi32(0x7fff_ffff);
    let mut eight = _mm256_setzero_si256();
    for x in x {
        eight = _mm256_max_epi32(eight, _mm256_and_si256(_mm256_castps_si256(x), magnitude));
    }
    let four = _mm_max_epi32(_mm256_castsi256_si128(eight), _mm256_extracti128_si256::<1>(eight));
    let two = _mm_max_epi32(four, _mm_shuffle_epi32::<0b00_00_11_10>(four));
    let one = _mm_max_epi32(two, _mm_shuffle_epi32::<0b00_00_00_01>(two));
    _mm_cvtsi128_si32(one).cast_unsigned()
}

/// The sums of both.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn totals(first: __m256i, last: __m256i) -> [i16; 2] {
    let pairs = _mm256_hadd_epi32(first, last);
    let four = _mm_add_epi32(_mm256_castsi256_si128(pairs), _mm256_extracti128_si256::<1>(pairs));
    let two = _mm_add_epi32(four, _mm_shuffle_epi32::<0b10_11_00_01>(four));
    // At most 16 × 127 each.
    [_mm_cvtsi128_si32(two) as i16, _mm_extract_epi32::<2>(two) as i16]
}
