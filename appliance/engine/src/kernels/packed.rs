//! Quantized weights in groups of eight interleaved rows, at the bits per weight of the file.
//!
//! For every 32 columns a group holds the f16 scales of its eight rows, then their offsets if the type has them, then
//! the codes, four columns of each row at a time: one 32-byte load brings the same four columns of eight rows, their
//! sums stay in eight lanes, and no row needs a horizontal sum. The last group is filled up with rows of zeros.

use std::ops::Range;

use candle_core::quantized::GgmlDType;
use half::f16;

use super::activations::{Activations, BLOCK};
use super::isa::Path;
use super::output::Output;
use super::{Error, q4, q8_0};

/// Weight rows of a group.
pub(super) const GROUP: usize = 8;

/// The types with own kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Q4_0,
    Q4_1,
    Q8_0,
}

impl Format {
    pub(super) fn of(dtype: GgmlDType) -> Option<Self> {
        match dtype {
            GgmlDType::Q4_0 => Some(Self::Q4_0),
            GgmlDType::Q4_1 => Some(Self::Q4_1),
            GgmlDType::Q8_0 => Some(Self::Q8_0),
            _ => None,
        }
    }

    /// Bytes of a block of 32 weights, in the file and here.
    fn block_bytes(self) -> usize {
        match self {
            Self::Q4_0 => q4::block_bytes::<false>(),
            Self::Q4_1 => q4::block_bytes::<true>(),
            Self::Q8_0 => q8_0::BLOCK_BYTES,
        }
    }
}

/// A matrix in groups.
pub(super) struct Packed {
    format: Format,
    path: Path,
    rows: usize,
    cols: usize,
    data: Vec<u8>,
    /// Where the groups begin in `data`: at a cache line.
    start: usize,
}

/// Bytes of a cache line.
const LINE: usize = 64;

impl Packed {
    /// `bytes` has been checked against the shape.
    pub(super) fn new(
        format: Format,
        path: Path,
        rows: usize,
        cols: usize,
        bytes: &[u8],
    ) -> Result<Self, Error> {
        let block = format.block_bytes();
        let row_bytes = cols / BLOCK * block;
        let needed = rows.div_ceil(GROUP) * GROUP * row_bytes + LINE;
        let mut data = Vec::new();
        data.try_reserve_exact(needed).map_err(|_| Error::Memory { bytes: needed })?;
        data.resize(needed, 0);
        let start = data.as_ptr().addr().next_multiple_of(LINE) - data.as_ptr().addr();
        let groups = data[start..].chunks_exact_mut(GROUP * row_bytes);
        for (group, rows) in groups.zip(bytes.chunks(GROUP * row_bytes)) {
            for (lane, row) in rows.chunks_exact(row_bytes).enumerate() {
                for (to, from) in group.chunks_exact_mut(GROUP * block).zip(row.chunks_exact(block)) {
                    match format {
                        Format::Q4_0 => q4::interleave::<false>(to, from, lane),
                        Format::Q4_1 => q4::interleave::<true>(to, from, lane),
                        Format::Q8_0 => q8_0::interleave(to, from, lane),
                    }
                }
            }
        }
        Ok(Self { format, path, rows, cols, data, start })
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    pub(super) fn cols(&self) -> usize {
        self.cols
    }

    pub(super) fn bytes(&self) -> usize {
        self.data.len()
    }

    /// How many groups of rows there are.
    pub(super) fn groups(&self) -> usize {
        self.rows.div_ceil(GROUP)
    }

    /// The bytes of one group.
    #[inline]
    pub(super) fn group(&self, index: usize) -> &[u8] {
        let bytes = self.cols / BLOCK * GROUP * self.format.block_bytes();
        &self.data[self.start + index * bytes..][..bytes]
    }

    /// Multiplies some groups with all activation rows.
    pub(super) fn part(&self, activations: &Activations<'_>, groups: Range<usize>, out: &Output<'_>) {
        match self.format {
            Format::Q4_0 => q4::product::<false>(self.path, self, activations, groups, out),
            Format::Q4_1 => q4::product::<true>(self.path, self, activations, groups, out),
            Format::Q8_0 => q8_0::product(self.path, self, activations, groups, out),
        }
    }

    pub(super) fn row(&self, index: usize, out: &mut [f32]) {
        let blocks = self.group(index / GROUP).chunks_exact(GROUP * self.format.block_bytes());
        for (block, out) in blocks.zip(out.as_chunks_mut::<BLOCK>().0) {
            match self.format {
                Format::Q4_0 => q4::dequantize::<false>(block, index % GROUP, out),
                Format::Q4_1 => q4::dequantize::<true>(block, index % GROUP, out),
                Format::Q8_0 => q8_0::dequantize(block, index % GROUP, out),
            }
        }
    }
}

/// The f16 number at place `index` of `bytes`.
pub(super) fn half_at(bytes: &[u8], index: usize) -> f32 {
    f16::from_le_bytes([bytes[2 * index], bytes[2 * index + 1]]).to_f32()
}
