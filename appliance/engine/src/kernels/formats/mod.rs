//! The weight types with own kernels: what a block of the file holds, and how the blocks of a group's rows lie side by side.
//!
//! A group's block is the same number of bytes as its rows' blocks in the file: first the scales of all lanes
//! ([`Scaling`]), then, for every 32 columns, the codes of all lanes ([`codes`]). A type says where the file keeps these;
//! everything else is shared.

pub(super) mod codes;
mod q4;
mod q5;
mod q6_k;
mod q8_0;
mod scaling;

use candle_core::quantized::GgmlDType;

pub(super) use q4::{Q4_0, Q4_1, Q4K};
pub(super) use q5::{Q5_0, Q5_1, Q5K};
pub(super) use q6_k::Q6K;
pub(super) use q8_0::Q8_0;
pub(super) use scaling::{Scales, Scaling};

use super::activations::BLOCK;
use super::registers::Registers;

/// A weight type. A weight is `scale × (code − CENTRE) + offset`.
pub(super) trait Format {
    /// How scales and offsets are stored.
    type Scaling: Scaling;
    /// Bits of a code: 4, 5, 6 or 8. Codes of 8 bits are signed.
    const BITS: usize;
    /// The code of the weight 0.
    const CENTRE: i16;
    /// How many times 32 columns a block of the file holds.
    const UNITS: usize;

    /// Bytes of a block, in the file and of each lane in a group.
    const BYTES: usize = Self::Scaling::BYTES + Self::UNITS * codes::bytes(Self::BITS);

    /// The codes of the `unit`-th 32 columns of a block of the file.
    fn codes(block: &[u8], unit: usize) -> [u8; BLOCK];
}

/// 32 columns of a group, unpacked.
#[derive(Clone, Copy)]
pub(super) struct Unit<R: Registers> {
    /// Four columns of each lane a vector: number i of the first 16 columns, and of the last 16.
    pub(super) vectors: [[R::Words; 2]; 4],
    pub(super) scales: Scales<R::Floats>,
}

/// Where the units of a group come from.
pub(super) trait Source<R: Registers>: Copy {
    fn unit<F: Format>(self, has: R, index: usize) -> Unit<R>;
}

/// A group as it is stored.
#[derive(Clone, Copy)]
pub(super) struct Stored<'a>(pub(super) &'a [u8]);

/// A group as it is stored, which is in a near cache already.
#[derive(Clone, Copy)]
pub(super) struct Near<'a>(pub(super) &'a [u8]);

impl<R: Registers> Source<R> for Stored<'_> {
    #[inline(always)]
    fn unit<F: Format>(self, has: R, index: usize) -> Unit<R> {
        let bytes = R::LANES * F::BYTES;
        let (block, unit) = (&self.0[index / F::UNITS * bytes..][..bytes], index % F::UNITS);
        has.call_in(block, bytes / F::UNITS * unit, bytes / F::UNITS);
        Near(self.0).unit::<F>(has, index)
    }
}

impl<R: Registers> Source<R> for Near<'_> {
    #[inline(always)]
    fn unit<F: Format>(self, has: R, index: usize) -> Unit<R> {
        let bytes = R::LANES * F::BYTES;
        let (block, unit) = (&self.0[index / F::UNITS * bytes..][..bytes], index % F::UNITS);
        let (header, units) = block.split_at(R::LANES * F::Scaling::BYTES);
        let bytes = R::LANES * codes::bytes(F::BITS);
        let packed = &units[unit * bytes..][..bytes];
        let vectors = [
            codes::vectors(has, packed, F::BITS, 0),
            codes::vectors(has, packed, F::BITS, 1),
            codes::vectors(has, packed, F::BITS, 2),
            codes::vectors(has, packed, F::BITS, 3),
        ];
        Unit { vectors, scales: F::Scaling::read(has, header, unit) }
    }
}

/// A group that has been unpacked before, for more than one tile.
#[derive(Clone, Copy)]
pub(super) struct Unpacked<'a, R: Registers>(pub(super) &'a [Unit<R>]);

impl<R: Registers> Source<R> for Unpacked<'_, R> {
    #[inline(always)]
    fn unit<F: Format>(self, _has: R, index: usize) -> Unit<R> {
        self.0[index]
    }
}

/// The weight types with own kernels, as values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Q4_0,
    Q4_1,
    Q4K,
    Q5_0,
    Q5_1,
    Q5K,
    Q6K,
    Q8_0,
}

/// Evaluates an expression with `$format` as the [`Format`] of a [`Kind`].
macro_rules! with_format {
    ($kind:expr, $format:ident => $body:expr) => {{
        use $crate::kernels::formats::{self, Kind};
        match $kind {
            Kind::Q4_0 => {
                type $format = formats::Q4_0;
                $body
            }
            Kind::Q4_1 => {
                type $format = formats::Q4_1;
                $body
            }
            Kind::Q4K => {
                type $format = formats::Q4K;
                $body
            }
            Kind::Q5_0 => {
                type $format = formats::Q5_0;
                $body
            }
            Kind::Q5_1 => {
                type $format = formats::Q5_1;
                $body
            }
            Kind::Q5K => {
                type $format = formats::Q5K;
                $body
            }
            Kind::Q6K => {
                type $format = formats::Q6K;
                $body
            }
            Kind::Q8_0 => {
                type $format = formats::Q8_0;
                $body
            }
        }
    }};
}
pub(super) use with_format;

impl Kind {
    pub(super) fn of(dtype: GgmlDType) -> Option<Self> {
        match dtype {
            GgmlDType::Q4_0 => Some(Self::Q4_0),
            GgmlDType::Q4_1 => Some(Self::Q4_1),
            GgmlDType::Q4K => Some(Self::Q4K),
            GgmlDType::Q5_0 => Some(Self::Q5_0),
            GgmlDType::Q5_1 => Some(Self::Q5_1),
            GgmlDType::Q5K => Some(Self::Q5K),
            GgmlDType::Q6K => Some(Self::Q6K),
            GgmlDType::Q8_0 => Some(Self::Q8_0),
            _ => None,
        }
    }
}

/// Puts one row's block of the file into its lane of a group's block.
pub(super) fn interleave<F: Format>(group: &mut [u8], block: &[u8], lane: usize, lanes: usize) {
    let (header, units) = group.split_at_mut(lanes * F::Scaling::BYTES);
    F::Scaling::put(header, block, lane, lanes);
    for (unit, to) in units.chunks_exact_mut(lanes * codes::bytes(F::BITS)).enumerate() {
        codes::put(to, &F::codes(block, unit), F::BITS, lane, lanes);
    }
}
