//! Q6_K: codes of 6 bits with a scale per 16.

use super::Format;
use super::scaling::Sixteens;
use crate::kernels::activations::BLOCK;

/// 256 weights: four bits of the codes in 128 bytes, two more in 64 bytes, then the scales. Codes mean -32..=31.
///
/// Half a block, four units, has 64 bytes of the first kind: units 0 and 1 in the low halves, 2 and 3 in the high ones; and
/// 32 of the second kind, where unit u has the bits 2u and 2u + 1.
pub(in crate::kernels) struct Q6K;

impl Format for Q6K {
    type Scaling = Sixteens;
    const BITS: usize = 6;
    const CENTRE: i16 = 32;
    const UNITS: usize = 8;

    fn codes(block: &[u8], unit: usize) -> [u8; BLOCK] {
        let (half, unit) = (unit / 4, unit % 4);
        let four = &block[64 * half + unit % 2 * BLOCK..][..BLOCK];
        let two = &block[128 + 32 * half..][..BLOCK];
        let mut codes = [0; BLOCK];
        for ((code, four), two) in codes.iter_mut().zip(four).zip(two) {
            *code = four >> (unit / 2 * 4) & 15 | (two >> (2 * unit) & 3) << 4;
        }
        codes
    }
}
