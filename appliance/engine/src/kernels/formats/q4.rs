//! The types with codes of 4 bits: Q4_0, Q4_1, Q4_K.

use super::Format;
use super::scaling::{Halves, SixBits};
use crate::kernels::activations::BLOCK;

/// 32 weights: an f16 scale, then the codes, low halves of bytes first. Codes mean -8..=7.
pub(in crate::kernels) struct Q4_0;

impl Format for Q4_0 {
    type Scaling = Halves<false>;
    const BITS: usize = 4;
    const CENTRE: i16 = 8;
    const UNITS: usize = 1;

    fn codes(block: &[u8], _unit: usize) -> [u8; BLOCK] {
        nibbles(&block[2..])
    }
}

/// 32 weights: an f16 scale and an f16 offset, then the codes as in Q4_0.
pub(in crate::kernels) struct Q4_1;

impl Format for Q4_1 {
    type Scaling = Halves<true>;
    const BITS: usize = 4;
    const CENTRE: i16 = 0;
    const UNITS: usize = 1;

    fn codes(block: &[u8], _unit: usize) -> [u8; BLOCK] {
        nibbles(&block[4..])
    }
}

/// 256 weights: scales in 16 bytes, then the codes.
pub(in crate::kernels) struct Q4K;

impl Format for Q4K {
    type Scaling = SixBits;
    const BITS: usize = 4;
    const CENTRE: i16 = 0;
    const UNITS: usize = 8;

    fn codes(block: &[u8], unit: usize) -> [u8; BLOCK] {
        alternating(&block[16..], unit)
    }
}

/// 32 codes from 16 bytes: the low halves, then the high ones.
pub(super) fn nibbles(bytes: &[u8]) -> [u8; BLOCK] {
    let mut codes = [0; BLOCK];
    let (low, high) = codes.split_at_mut(BLOCK / 2);
    for ((low, high), byte) in low.iter_mut().zip(high).zip(bytes) {
        (*low, *high) = (byte & 15, byte >> 4);
    }
    codes
}

/// The 32 codes of a unit, where 32 bytes hold one unit in their low halves and the next one in the high ones.
pub(super) fn alternating(bytes: &[u8], unit: usize) -> [u8; BLOCK] {
    let mut codes = [0; BLOCK];
    for (code, byte) in codes.iter_mut().zip(&bytes[unit / 2 * BLOCK..]) {
        *code = byte >> (unit % 2 * 4) & 15;
    }
    codes
}
