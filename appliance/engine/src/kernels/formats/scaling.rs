//! Scales and offsets of a group's block: how they lie there, and what they are for 32 columns.

use crate::kernels::registers::Registers;

/// What the codes of 32 columns are multiplied with, a number a lane.
#[derive(Clone, Copy)]
pub(in crate::kernels) struct Scales<F> {
    /// The scale of the first 16 columns, or of all.
    pub(in crate::kernels) first: F,
    /// The scale of the last 16 columns.
    pub(in crate::kernels) second: F,
    /// What is added to every weight; of no meaning where there are no offsets.
    pub(in crate::kernels) offset: F,
}

/// A way to store scales and offsets.
pub(in crate::kernels) trait Scaling {
    /// Bytes of a block, of each lane.
    const BYTES: usize;
    /// Whether weights have an offset.
    const OFFSETS: bool;
    /// Whether the two halves of 32 columns have scales of their own.
    const SPLIT: bool;

    /// Puts what a block of the file has into its lane.
    fn put(header: &mut [u8], block: &[u8], lane: usize, lanes: usize);

    /// The scales of the `unit`-th 32 columns.
    fn read<R: Registers>(has: R, header: &[u8], unit: usize) -> Scales<R::Floats>;
}

/// An f16 scale a block and, with `OFFSETS`, an f16 offset: first in the file's block; in a group the scales of all lanes,
/// then the offsets of all.
pub(in crate::kernels) struct Halves<const OFFSETS: bool>;

impl<const OFFSETS: bool> Scaling for Halves<OFFSETS> {
    const BYTES: usize = if OFFSETS { 4 } else { 2 };
    const OFFSETS: bool = OFFSETS;
    const SPLIT: bool = false;

    fn put(header: &mut [u8], block: &[u8], lane: usize, lanes: usize) {
        for (kind, half) in block[..Self::BYTES].as_chunks::<2>().0.iter().enumerate() {
            header[2 * (kind * lanes + lane)..][..2].copy_from_slice(half);
        }
    }

    #[inline(always)]
    fn read<R: Registers>(has: R, header: &[u8], _unit: usize) -> Scales<R::Floats> {
        let scale = has.halves(header);
        let offset = if OFFSETS { has.halves(&header[2 * R::LANES..]) } else { scale };
        Scales { first: scale, second: scale, offset }
    }
}

/// Eight scales and eight minima of 6 bits, times two f16 numbers: Q4_K and Q5_K.
///
/// In a group: the f16 factors of the scales, those of the minima with their signs turned, then for each unit a byte a lane
/// with four bits of the scale (low) and of the minimum (high), then a word a lane with 2 + 2 more bits for each unit.
pub(in crate::kernels) struct SixBits;

impl SixBits {
    /// Scale and minimum of a unit, from the twelve bytes of the file: the first eight hold 6 bits each for units 0 to 3,
    /// and with their upper two bits and the halves of the last four bytes the rest.
    fn of_file(packed: &[u8], unit: usize) -> (u8, u8) {
        if unit < 4 {
            (packed[unit] & 63, packed[unit + 4] & 63)
        } else {
            let low = packed[unit + 4];
            (low & 15 | packed[unit - 4] >> 6 << 4, low >> 4 | packed[unit] >> 6 << 4)
        }
    }
}

impl Scaling for SixBits {
    const BYTES: usize = 16;
    const OFFSETS: bool = true;
    const SPLIT: bool = false;

    fn put(header: &mut [u8], block: &[u8], lane: usize, lanes: usize) {
        header[2 * lane..][..2].copy_from_slice(&block[..2]);
        header[2 * (lanes + lane)..][..2].copy_from_slice(&[block[2], block[3] ^ 0x80]);
        let mut upper = 0;
        for unit in 0..8 {
            let (scale, minimum) = Self::of_file(&block[4..16], unit);
            header[(4 + unit) * lanes + lane] = scale & 15 | minimum << 4;
            upper |= u32::from(scale >> 4 | minimum >> 4 << 2) << (4 * unit);
        }
        header[4 * (3 * lanes + lane)..][..4].copy_from_slice(&upper.to_le_bytes());
    }

    #[inline(always)]
    fn read<R: Registers>(has: R, header: &[u8], unit: usize) -> Scales<R::Floats> {
        let lower = has.bytes(&header[(4 + unit) * R::LANES..]);
        let upper = has.nibble(has.load(&header[12 * R::LANES..]), unit);
        let scale = has.or(has.mask(lower, 15), has.left(upper, 4, 0x30));
        let minimum = has.or(has.right(lower, 4, 15), has.left(upper, 2, 0x30));
        let scale = has.times(has.halves(header), has.floats(scale));
        let offset = has.times(has.halves(&header[2 * R::LANES..]), has.floats(minimum));
        Scales { first: scale, second: scale, offset }
    }
}

/// A signed byte for every 16 columns, times an f16 number: Q6_K, where they follow the codes.
///
/// In a group: the f16 numbers, then for every 16 columns a byte a lane.
pub(in crate::kernels) struct Sixteens;

impl Scaling for Sixteens {
    const BYTES: usize = 18;
    const OFFSETS: bool = false;
    const SPLIT: bool = true;

    fn put(header: &mut [u8], block: &[u8], lane: usize, lanes: usize) {
        header[2 * lane..][..2].copy_from_slice(&block[208..210]);
        for (index, scale) in block[192..208].iter().enumerate() {
            header[(2 + index) * lanes + lane] = *scale;
        }
    }

    #[inline(always)]
    fn read<R: Registers>(has: R, header: &[u8], unit: usize) -> Scales<R::Floats> {
        let factor = has.halves(header);
        let bytes = &header[(2 + 2 * unit) * R::LANES..];
        let first = has.times(factor, has.floats(has.signed_bytes(bytes)));
        let second = has.times(factor, has.floats(has.signed_bytes(&bytes[R::LANES..])));
        Scales { first, second, offset: first }
    }
}
