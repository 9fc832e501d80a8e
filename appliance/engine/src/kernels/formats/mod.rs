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
pub(super) use scaling::Scaling;

use super::activations::BLOCK;

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
