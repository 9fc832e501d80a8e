//! Q8_0: codes of 8 bits with a scale per 32.
//!
//! A block of a group: 8 f16 scales, then 8 × 32 bytes of codes. The i-th 32 bytes hold columns 4i.. of each row.

#[cfg(target_arch = "x86_64")]
mod avx2;
mod portable;
#[cfg(target_arch = "x86_64")]
mod vnni;

use std::ops::Range;

use super::activations::{Activations, BLOCK};
use super::isa::Path;
use super::output::Output;
use super::packed::{GROUP, Packed, half_at};
use super::sweep::sweep;

/// Bytes of a block of 32 weights.
pub(super) const BLOCK_BYTES: usize = 2 + BLOCK;

/// Where the codes begin in a group's block.
const CODES_AT: usize = 2 * GROUP;

/// The kernel of this type on instruction set `P`.
#[derive(Clone, Copy)]
struct Q8<P>(P);

/// Puts one row's block of the file into its lane of a group's block.
pub(super) fn interleave(group: &mut [u8], row: &[u8], lane: usize) {
    let (scale, codes) = row.split_at(2);
    group[2 * lane..][..2].copy_from_slice(scale);
    for (chunk, four) in codes.as_chunks::<4>().0.iter().enumerate() {
        group[CODES_AT + 4 * (chunk * GROUP + lane)..][..4].copy_from_slice(four);
    }
}

/// The weights of one lane of a group's block.
pub(super) fn dequantize(group: &[u8], lane: usize, out: &mut [f32; BLOCK]) {
    let scale = half_at(group, lane);
    for (column, out) in out.iter_mut().enumerate() {
        *out = f32::from(code(group, lane, column)) * scale;
    }
}

/// The code of one lane and column.
fn code(group: &[u8], lane: usize, column: usize) -> i8 {
    group[CODES_AT + 4 * (column / 4 * GROUP + lane) + column % 4].cast_signed()
}

/// Multiplies the groups in `range` with all activation rows.
pub(super) fn product(
    path: Path,
    weights: &Packed,
    activations: &Activations<'_>,
    range: Range<usize>,
    out: &Output<'_>,
) {
    match path {
        Path::Portable(has) => sweep(Q8(has), weights, activations, range, out),
        #[cfg(target_arch = "x86_64")]
        Path::Avx2(has) => sweep(Q8(has), weights, activations, range, out),
        #[cfg(target_arch = "x86_64")]
        Path::Vnni(has) => sweep(Q8(has), weights, activations, range, out),
    }
}
