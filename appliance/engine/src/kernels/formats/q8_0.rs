//! Q8_0: signed codes of 8 bits with a scale per 32.

use super::Format;
use super::scaling::Halves;
use crate::kernels::activations::BLOCK;

/// 32 weights: an f16 scale, then the codes.
pub(in crate::kernels) struct Q8_0;

impl Format for Q8_0 {
    type Scaling = Halves<false>;
    const BITS: usize = 8;
    const CENTRE: i16 = 0;
    const UNITS: usize = 1;

    fn codes(block: &[u8], _unit: usize) -> [u8; BLOCK] {
        let mut codes = [0; BLOCK];
        codes.copy_from_slice(&block[2..]);
        codes
    }
}
