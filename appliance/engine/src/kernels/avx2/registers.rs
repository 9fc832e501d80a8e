//! Eight lanes in 256-bit registers.
#![expect(unsafe_code, reason = "SIMD instructions and loads by pointer")]

use std::arch::x86_64::*;

use crate::kernels::isa::Avx2;
use crate::kernels::registers::Registers;

/// How far ahead of the arithmetic the weights are called in, in bytes.
const AHEAD: usize = 2048;

/// Calls an intrinsic of AVX2, FMA or F16C where a value of [`Avx2`] is at hand.
macro_rules! proven {
    ($call:expr) => {
        // SAFETY: a value of `Avx2` is the proof that the processor has the instruction.
        unsafe { $call }
    };
}

impl Registers for Avx2 {
    const LANES: usize = 8;
    type Words = __m256i;
    type Floats = __m256;

    #[inline(always)]
    fn call_in(self, block: &[u8], from: usize, bytes: usize) {
        let ahead = block.as_ptr().wrapping_add(from + AHEAD);
        for line in 0..bytes.div_ceil(64) {
            // SAFETY: a hint, which no address makes fail.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(ahead.wrapping_add(64 * line).cast()) };
        }
    }

    #[inline(always)]
    fn expect(self, bytes: &[u8]) {
        for line in bytes.chunks(64) {
            // SAFETY: a hint, which no address makes fail.
            unsafe { _mm_prefetch::<_MM_HINT_T1>(line.as_ptr().cast()) };
        }
    }

    #[inline(always)]
    fn load(self, bytes: &[u8]) -> __m256i {
        let all = &bytes[..32];
        // SAFETY: 32 bytes from a slice of 32, unaligned; `self` is the proof of the instruction.
        unsafe { _mm256_loadu_si256(all.as_ptr().cast()) }
    }

    #[inline(always)]
    fn bytes(self, bytes: &[u8]) -> __m256i {
        let eight = &bytes[..8];
        // SAFETY: 8 bytes from a slice of 8, unaligned; `self` is the proof of the instruction.
        unsafe { _mm256_cvtepu8_epi32(_mm_loadl_epi64(eight.as_ptr().cast())) }
    }

    #[inline(always)]
    fn signed_bytes(self, bytes: &[u8]) -> __m256i {
        let eight = &bytes[..8];
        // SAFETY: 8 bytes from a slice of 8, unaligned; `self` is the proof of the instruction.
        unsafe { _mm256_cvtepi8_epi32(_mm_loadl_epi64(eight.as_ptr().cast())) }
    }

    #[inline(always)]
    fn halves(self, bytes: &[u8]) -> __m256 {
        let eight = &bytes[..16];
        // SAFETY: 16 bytes from a slice of 16, unaligned; `self` is the proof of the instruction.
        unsafe { _mm256_cvtph_ps(_mm_loadu_si128(eight.as_ptr().cast())) }
    }

    #[inline(always)]
    fn mask(self, words: __m256i, mask: u8) -> __m256i {
        proven!(_mm256_and_si256(words, _mm256_set1_epi8(mask.cast_signed())))
    }

    #[inline(always)]
    fn right(self, words: __m256i, by: u32, mask: u8) -> __m256i {
        self.mask(proven!(_mm256_srl_epi16(words, _mm_cvtsi32_si128(by.cast_signed()))), mask)
    }

    #[inline(always)]
    fn left(self, words: __m256i, by: u32, mask: u8) -> __m256i {
        self.mask(proven!(_mm256_sll_epi16(words, _mm_cvtsi32_si128(by.cast_signed()))), mask)
    }

    #[inline(always)]
    fn nibble(self, words: __m256i, index: usize) -> __m256i {
        proven!(_mm256_and_si256(
            _mm256_srl_epi32(words, _mm_cvtsi32_si128(4 * index as i32)),
            _mm256_set1_epi32(15)
        ))
    }

    #[inline(always)]
    fn or(self, one: __m256i, other: __m256i) -> __m256i {
        proven!(_mm256_or_si256(one, other))
    }

    #[inline(always)]
    fn floats(self, words: __m256i) -> __m256 {
        proven!(_mm256_cvtepi32_ps(words))
    }

    #[inline(always)]
    fn times(self, one: __m256, other: __m256) -> __m256 {
        proven!(_mm256_mul_ps(one, other))
    }
}
