//! Quantized weights in groups of interleaved rows, at the bits per weight of the file.
//!
//! A group has as many rows as the instruction set has lanes; the last one is filled up with rows of zeros.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use super::Error;
use super::activations::{Activations, BLOCK};
use super::buffer::Buffer;
use super::formats::{Format, Kind, Scaling, Source, Stored, Unit, codes, interleave, with_format};
use super::isa::{Path, Portable, with_kernel};
use super::output::Output;
use super::sweep::sweep;
use super::team::Team;

/// A matrix in groups.
pub(super) struct Packed {
    kind: Kind,
    path: Path,
    rows: usize,
    cols: usize,
    data: Buffer,
}

impl Packed {
    /// Interleaves the rows on all threads of the team. `bytes` has been checked against the shape.
    pub(super) fn new(
        kind: Kind,
        path: Path,
        rows: usize,
        cols: usize,
        bytes: &[u8],
        team: &Team,
    ) -> Result<Self, Error> {
        let lanes = path.lanes();
        let row_bytes = bytes.len() / rows;
        let needed = rows.div_ceil(lanes).checked_mul(lanes * row_bytes);
        let mut data = Buffer::zeroed(needed.unwrap_or(usize::MAX))?;
        let groups = data.chunks_exact_mut(lanes * row_bytes).zip(bytes.chunks(lanes * row_bytes));
        let groups = Mutex::new(groups);
        team.run(|_, _| {
            let take = || groups.lock().unwrap_or_else(PoisonError::into_inner).next();
            while let Some((group, rows)) = take() {
                with_format!(kind, F => fill::<F>(group, rows, row_bytes, lanes));
            }
        });
        Ok(Self { kind, path, rows, cols, data })
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// The instruction set that it was packed for.
    pub(super) fn path(&self) -> Path {
        self.path
    }

    pub(super) fn cols(&self) -> usize {
        self.cols
    }

    pub(super) fn bytes(&self) -> usize {
        self.data.len()
    }

    /// Rows of a group.
    pub(super) fn lanes(&self) -> usize {
        self.path.lanes()
    }

    /// How many groups of rows there are.
    pub(super) fn groups(&self) -> usize {
        self.rows.div_ceil(self.lanes())
    }

    /// The bytes of one group.
    #[inline]
    pub(super) fn group(&self, index: usize) -> &[u8] {
        let bytes = self.data.len() / self.groups();
        &self.data[index * bytes..][..bytes]
    }

    /// Multiplies some groups with all activation rows.
    pub(super) fn part(&self, activations: &Activations<'_>, groups: Range<usize>, out: &Output<'_>) {
        with_format!(self.kind, F => {
            with_kernel!(self.path, kernel => sweep::<_, F>(kernel, self, activations, groups, out))
        });
    }

    pub(super) fn row(&self, index: usize, out: &mut [f32]) {
        let (group, lane) = (self.group(index / self.lanes()), index % self.lanes());
        with_format!(self.kind, F => match self.lanes() {
            16 => row::<F, 16>(group, lane, out),
            _ => row::<F, 8>(group, lane, out),
        });
    }
}

/// Interleaves the rows of one group.
fn fill<F: Format>(group: &mut [u8], rows: &[u8], row_bytes: usize, lanes: usize) {
    for (index, block) in group.chunks_exact_mut(lanes * F::BYTES).enumerate() {
        for (lane, row) in rows.chunks_exact(row_bytes).enumerate() {
            interleave::<F>(block, &row[index * F::BYTES..][..F::BYTES], lane, lanes);
        }
    }
}

/// The weights of one lane of a group.
fn row<F: Format, const LANES: usize>(group: &[u8], lane: usize, out: &mut [f32]) {
    for (index, out) in out.as_chunks_mut::<BLOCK>().0.iter_mut().enumerate() {
        let Unit { vectors, scales } = Stored(group).unit::<F>(Portable::<LANES>, index);
        for (column, out) in out.iter_mut().enumerate() {
            let half = column / (BLOCK / 2);
            let code = vectors[column / 4 % 4][half][lane].to_le_bytes()[column % 4];
            let scale = if half == 0 { scales.first[lane] } else { scales.second[lane] };
            *out = codes::meaning(code, F::BITS, F::CENTRE, LANES) as f32 * scale;
            if F::Scaling::OFFSETS {
                *out += scales.offset[lane];
            }
        }
    }
}
