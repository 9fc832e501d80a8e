//! Q4_1 and Q4_0: codes of 4 bits with a scale per 32 and, in Q4_1 (`OFFSETS`), an offset.
//!
//! A block of a group: 8 f16 scales, 8 f16 offsets, then 4 × 32 bytes of codes. The i-th 32 bytes hold 4 bytes of each
//! row, whose low halves are columns 4i.. and whose high halves are columns 16 + 4i..

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

/// Bytes of the codes of one row's block.
const CODES: usize = BLOCK / 2;

/// The codes of Q4_0 mean -8..=7.
const CENTRE: i32 = 8;

/// The kernel of this type on instruction set `P`.
#[derive(Clone, Copy)]
struct Q4<P, const OFFSETS: bool>(P);

/// Bytes of a block of 32 weights.
pub(super) const fn block_bytes<const OFFSETS: bool>() -> usize {
    scale_bytes::<OFFSETS>() + CODES
}

/// Bytes in front of the codes of one row's block.
const fn scale_bytes<const OFFSETS: bool>() -> usize {
    if OFFSETS { 4 } else { 2 }
}

/// Puts one row's block of the file into its lane of a group's block.
pub(super) fn interleave<const OFFSETS: bool>(group: &mut [u8], row: &[u8], lane: usize) {
    let (scales, codes) = row.split_at(scale_bytes::<OFFSETS>());
    for (kind, scale) in scales.as_chunks::<2>().0.iter().enumerate() {
        group[2 * (kind * GROUP + lane)..][..2].copy_from_slice(scale);
    }
    for (chunk, four) in codes.as_chunks::<4>().0.iter().enumerate() {
        let at = scale_bytes::<OFFSETS>() * GROUP + 4 * (chunk * GROUP + lane);
        group[at..at + 4].copy_from_slice(four);
    }
}

/// The weights of one lane of a group's block.
pub(super) fn dequantize<const OFFSETS: bool>(group: &[u8], lane: usize, out: &mut [f32; BLOCK]) {
    let scale = half_at(group, lane);
    for (column, out) in out.iter_mut().enumerate() {
        let code = code::<OFFSETS>(group, lane, column);
        *out = if OFFSETS {
            code as f32 * scale + half_at(group, GROUP + lane)
        } else {
            (code - CENTRE) as f32 * scale
        };
    }
}

/// The code of one lane and column, in 0..16.
fn code<const OFFSETS: bool>(group: &[u8], lane: usize, column: usize) -> i32 {
    let at = column % CODES;
    let byte = group[scale_bytes::<OFFSETS>() * GROUP + 4 * (at / 4 * GROUP + lane) + at % 4];
    i32::from(if column < CODES { byte & 15 } else { byte >> 4 })
}

/// Multiplies the groups in `range` with all activation rows.
pub(super) fn product<const OFFSETS: bool>(
    path: Path,
    weights: &Packed,
    activations: &Activations<'_>,
    range: Range<usize>,
    out: &Output<'_>,
) {
    match path {
        Path::Portable(has) => sweep(Q4::<_, OFFSETS>(has), weights, activations, range, out),
        #[cfg(target_arch = "x86_64")]
        Path::Avx2(has) => sweep(Q4::<_, OFFSETS>(has), weights, activations, range, out),
        #[cfg(target_arch = "x86_64")]
        Path::Vnni(has) => sweep(Q4::<_, OFFSETS>(has), weights, activations, range, out),
    }
}
