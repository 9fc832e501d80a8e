//! Lanes in plain arrays.

use half::f16;

use crate::kernels::isa::Portable;
use crate::kernels::registers::Registers;

impl<const LANES: usize> Registers for Portable<LANES> {
    const LANES: usize = LANES;
    type Words = [u32; LANES];
    type Floats = [f32; LANES];

    #[inline(always)]
    fn call_in(self, _block: &[u8], _from: usize, _bytes: usize) {}

    #[inline(always)]
    fn expect(self, _bytes: &[u8]) {}

    #[inline(always)]
    fn load(self, bytes: &[u8]) -> [u32; LANES] {
        let mut words = [0; LANES];
        for (word, four) in words.iter_mut().zip(bytes.as_chunks().0) {
            *word = u32::from_le_bytes(*four);
        }
        words
    }

    #[inline(always)]
    fn bytes(self, bytes: &[u8]) -> [u32; LANES] {
        let mut words = [0; LANES];
        for (word, byte) in words.iter_mut().zip(bytes) {
            *word = u32::from(*byte);
        }
        words
    }

    #[inline(always)]
    fn signed_bytes(self, bytes: &[u8]) -> [u32; LANES] {
        self.bytes(bytes).map(|word| i32::from((word as u8).cast_signed()).cast_unsigned())
    }

    #[inline(always)]
    fn halves(self, bytes: &[u8]) -> [f32; LANES] {
        let mut floats = [0.0; LANES];
        for (float, two) in floats.iter_mut().zip(bytes.as_chunks().0) {
            *float = f16::from_le_bytes(*two).to_f32();
        }
        floats
    }

    #[inline(always)]
    fn mask(self, words: [u32; LANES], mask: u8) -> [u32; LANES] {
        words.map(|word| word & u32::from_ne_bytes([mask; 4]))
    }

    #[inline(always)]
    fn right(self, words: [u32; LANES], by: u32, mask: u8) -> [u32; LANES] {
        self.mask(words.map(|word| word >> by), mask)
    }

    #[inline(always)]
    fn left(self, words: [u32; LANES], by: u32, mask: u8) -> [u32; LANES] {
        self.mask(words.map(|word| word << by), mask)
    }

    #[inline(always)]
    fn nibble(self, words: [u32; LANES], index: usize) -> [u32; LANES] {
        words.map(|word| word >> (4 * index) & 15)
    }

    #[inline(always)]
    fn or(self, mut one: [u32; LANES], other: [u32; LANES]) -> [u32; LANES] {
        for (one, other) in one.iter_mut().zip(other) {
            *one |= other;
        }
        one
    }

    #[inline(always)]
    fn floats(self, words: [u32; LANES]) -> [f32; LANES] {
        words.map(|word| word.cast_signed() as f32)
    }

    #[inline(always)]
    fn times(self, mut one: [f32; LANES], other: [f32; LANES]) -> [f32; LANES] {
        for (one, other) in one.iter_mut().zip(other) {
            *one *= other;
        }
        one
    }
}
