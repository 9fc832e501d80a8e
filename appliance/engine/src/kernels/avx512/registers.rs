//! Sixteen lanes in 512-bit registers.
#![expect(unsafe_code, reason = "SIMD instructions and loads by pointer")]

use std::arch::x86_64::*;

use crate::kernels::isa::Avx512;
use crate::kernels::registers::Registers;

/// Calls an intrinsic of AVX-512 where a value of [`Avx512`] is at hand.
macro_rules! proven {
    ($call:expr) => {
        // SAFETY: a value of `Avx512` is the proof that the processor has the instruction.
        unsafe { $call }
    };
}

impl Registers for Avx512 {
    const LANES: usize = 16;
    type Words = __m512i;
    type Floats = __m512;

    #[inline(always)]
    fn call_in(self, block: &[u8], from: usize, bytes: usize) {
        self.avx2().call_in(block, from, bytes);
    }

    #[inline(always)]
    fn expect(self, bytes: &[u8]) {
        self.avx2().expect(bytes);
    }

    #[inline(always)]
    fn load(self, bytes: &[u8]) -> __m512i {
        let all = &bytes[..64];
        // SAFETY: 64 bytes from a slice of 64, unaligned; `self` is the proof of the instruction.
        unsafe { _mm512_loadu_si512(all.as_ptr().cast()) }
    }

    #[inline(always)]
    fn bytes(self, bytes: &[u8]) -> __m512i {
        let sixteen = &bytes[..16];
        // SAFETY: 16 bytes from a slice of 16, unaligned; `self` is the proof of the instruction.
        unsafe { _mm512_cvtepu8_epi32(_mm_loadu_si128(sixteen.as_ptr().cast())) }
    }

    #[inline(always)]
    fn signed_bytes(self, bytes: &[u8]) -> __m512i {
        let sixteen = &bytes[..16];
        // SAFETY: 16 bytes from a slice of 16, unaligned; `self` is the proof of the instruction.
        unsafe { _mm512_cvtepi8_epi32(_mm_loadu_si128(sixteen.as_ptr().cast())) }
    }

    #[inline(always)]
    fn halves(self, bytes: &[u8]) -> __m512 {
        let sixteen = &bytes[..32];
        // SAFETY: 32 bytes from a slice of 32, unaligned; `self` is the proof of the instruction.
        unsafe { _mm512_cvtph_ps(_mm256_loadu_si256(sixteen.as_ptr().cast())) }
    }

    #[inline(always)]
    fn mask(self, words: __m512i, mask: u8) -> __m512i {
        proven!(_mm512_and_si512(words, _mm512_set1_epi8(mask.cast_signed())))
    }

    #[inline(always)]
    fn right(self, words: __m512i, by: u32, mask: u8) -> __m512i {
        self.mask(proven!(_mm512_srl_epi16(words, _mm_cvtsi32_si128(by.cast_signed()))), mask)
    }

    #[inline(always)]
    fn left(self, words: __m512i, by: u32, mask: u8) -> __m512i {
        self.mask(proven!(_mm512_sll_epi16(words, _mm_cvtsi32_si128(by.cast_signed()))), mask)
    }

    #[inline(always)]
    fn nibble(self, words: __m512i, index: usize) -> __m512i {
        proven!(_mm512_and_si512(
            _mm512_srl_epi32(words, _mm_cvtsi32_si128(4 * index as i32)),
            _mm512_set1_epi32(15)
        ))
    }

    #[inline(always)]
    fn or(self, one: __m512i, other: __m512i) -> __m512i {
        proven!(_mm512_or_si512(one, other))
    }

    #[inline(always)]
    fn floats(self, words: __m512i) -> __m512 {
        proven!(_mm512_cvtepi32_ps(words))
    }

    #[inline(always)]
    fn times(self, one: __m512, other: __m512) -> __m512 {
        proven!(_mm512_mul_ps(one, other))
    }
}
