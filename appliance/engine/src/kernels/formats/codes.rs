//! The codes of 32 columns of a group.
//!
//! Four columns of each lane make a vector of four bytes a lane: one load brings the same four columns of all rows, their
//! sums stay in their lanes, and no row needs a horizontal sum. Vectors 0 to 3 are columns 0..16, vectors 4 to 7 columns
//! 16..32. Four bits of a code lie in the low (vectors 0 to 3) or high (4 to 7) halves of four stored vectors. In front of
//! those is what a code has beyond four bits:
//!
//! - 5 bits: one stored vector, whose bits number v are the fifth bits of vector v;
//! - 6 bits: two, the first for vectors 0 to 3 and the second for 4 to 7, with two bits for each.
//!
//! Codes of 8 bits are stored as they are; for 16 lanes shifted up by 128, as the instructions for these want them
//! unsigned.

use crate::kernels::activations::BLOCK;
use crate::kernels::registers::Registers;

/// Bytes of 32 codes of one lane.
pub(in crate::kernels) const fn bytes(bits: usize) -> usize {
    BLOCK * bits / 8
}

/// What codes of 8 bits are XORed with in groups of that many lanes.
pub(in crate::kernels) const fn shift(lanes: usize) -> u8 {
    if lanes == 16 { 0x80 } else { 0 }
}

/// The number that a code stands for, before its scale.
#[inline(always)]
pub(in crate::kernels) fn meaning(code: u8, bits: usize, centre: i16, lanes: usize) -> i32 {
    if bits == 8 {
        i32::from((code ^ shift(lanes)).cast_signed())
    } else {
        i32::from(code) - i32::from(centre)
    }
}

/// Puts 32 codes into their lane.
pub(super) fn put(to: &mut [u8], codes: &[u8; BLOCK], bits: usize, lane: usize, lanes: usize) {
    let mut words = [0; 8];
    for (word, four) in words.iter_mut().zip(codes.as_chunks().0) {
        *word = u32::from_le_bytes(*four);
    }
    let mut store = |vector: usize, word: u32| {
        to[4 * (vector * lanes + lane)..][..4].copy_from_slice(&word.to_le_bytes());
    };
    match bits {
        5 => store(0, words.iter().rev().fold(0, |fifths, word| fifths << 1 | word >> 4 & 0x0101_0101)),
        6 => {
            let sixths =
                |words: &[u32]| words.iter().rev().fold(0, |all, word| all << 2 | word >> 4 & 0x0303_0303);
            store(0, sixths(&words[..4]));
            store(1, sixths(&words[4..]));
        }
        8 => {
            let shift = u32::from_ne_bytes([shift(lanes); 4]);
            return words.iter().enumerate().for_each(|(vector, word)| store(vector, word ^ shift));
        }
        _ => {}
    }
    for vector in 0..4 {
        let (low, high) = (words[vector] & 0x0f0f_0f0f, words[4 + vector] & 0x0f0f_0f0f);
        store(bits - 4 + vector, low | high << 4);
    }
}

/// Vectors number `index` (0 to 3) and `4 + index` of the codes of one unit.
#[inline(always)]
pub(in crate::kernels) fn vectors<R: Registers>(
    has: R,
    unit: &[u8],
    bits: usize,
    index: usize,
) -> [R::Words; 2] {
    if bits == 8 {
        return [stored(has, unit, index), stored(has, unit, 4 + index)];
    }
    let both = stored(has, unit, bits - 4 + index);
    let (low, high) = (has.mask(both, 15), has.right(both, 4, 15));
    match bits {
        5 => {
            let fifths = stored(has, unit, 0);
            let low = has.or(low, has.left(fifths, 4 - index as u32, 0x10));
            [low, has.or(high, has.right(fifths, index as u32, 0x10))]
        }
        6 => {
            let low = has.or(low, sixths(has, stored(has, unit, 0), index));
            [low, has.or(high, sixths(has, stored(has, unit, 1), index))]
        }
        _ => [low, high],
    }
}

/// The `index`-th stored vector.
#[inline(always)]
fn stored<R: Registers>(has: R, unit: &[u8], index: usize) -> R::Words {
    has.load(&unit[4 * R::LANES * index..])
}

/// The `index`-th two bits of each byte, moved to where they belong in a code.
#[inline(always)]
fn sixths<R: Registers>(has: R, stored: R::Words, index: usize) -> R::Words {
    match index as u32 {
        index @ 0..2 => has.left(stored, 4 - 2 * index, 0x30),
        index => has.right(stored, 2 * index - 4, 0x30),
    }
}
