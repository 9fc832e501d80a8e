//! The types with codes of 5 bits: Q5_0, Q5_1, Q5_K. The fifth bits lie apart from the others.

use super::Format;
use super::q4::{alternating, nibbles};
use super::scaling::{Halves, SixBits};
use crate::kernels::activations::BLOCK;

/// 32 weights: an f16 scale, 32 fifth bits, then the others as in Q4_0. Codes mean -16..=15.
pub(in crate::kernels) struct Q5_0;

impl Format for Q5_0 {
    type Scaling = Halves<false>;
    const BITS: usize = 5;
    const CENTRE: i16 = 16;
    const UNITS: usize = 1;

    fn codes(block: &[u8], _unit: usize) -> [u8; BLOCK] {
        with_fifths(&block[2..])
    }
}

/// 32 weights: an f16 scale and an f16 offset, then the codes as in Q5_0.
pub(in crate::kernels) struct Q5_1;

impl Format for Q5_1 {
    type Scaling = Halves<true>;
    const BITS: usize = 5;
    const CENTRE: i16 = 0;
    const UNITS: usize = 1;

    fn codes(block: &[u8], _unit: usize) -> [u8; BLOCK] {
        with_fifths(&block[4..])
    }
}

/// 256 weights: scales in 16 bytes, 32 bytes whose bits number u are the fifth bits of unit u, then the others as in Q4_K.
pub(in crate::kernels) struct Q5K;

impl Format for Q5K {
    type Scaling = SixBits;
    const BITS: usize = 5;
    const CENTRE: i16 = 0;
    const UNITS: usize = 8;

    fn codes(block: &[u8], unit: usize) -> [u8; BLOCK] {
        let mut codes = alternating(&block[48..], unit);
        for (code, fifths) in codes.iter_mut().zip(&block[16..48]) {
            *code |= (fifths >> unit & 1) << 4;
        }
        codes
    }
}

/// 32 codes from a word of fifth bits and 16 bytes of the others.
fn with_fifths(bytes: &[u8]) -> [u8; BLOCK] {
    let mut codes = nibbles(&bytes[4..]);
    for (codes, fifths) in codes.as_chunks_mut::<8>().0.iter_mut().zip(bytes) {
        for (bit, code) in codes.iter_mut().enumerate() {
            *code |= (fifths >> bit & 1) << 4;
        }
    }
    codes
}
