//! The walk over groups of weight rows and tiles of activation rows, the same for every type and instruction set.

use std::ops::Range;

use super::activations::{Activations, Tile};
use super::formats::Format;
use super::output::Output;
use super::packed::Packed;
use super::registers::Registers;

/// Groups that are read side by side, from distant places, as memory serves several streams better than one.
pub(super) const STREAMS: usize = 4;

/// Tiles of up to so many rows go by [`STREAMS`] groups at a time: that many sums have room in the registers.
pub(super) const STREAMED: usize = 2;

/// Groups that all tiles pass by before the next ones' turn, so that weights are read from memory once.
const STRIP: usize = 4;

/// The innermost products on one instruction set.
///
/// A sum goes over the blocks of 32 columns in order and rounds alike everywhere: per block the exact integer sum, times
/// the product of both scales, fused into the sum (where 16 columns have a scale, first those of the first 16, then those of
/// the others); then, where the type has offsets, the offset times `s`, fused, too.
pub(super) trait Kernel: Registers {
    /// The most rows of a tile.
    const TILE: usize;

    /// Multiplies some groups with a tile of at most [`STREAMED`] rows.
    fn streams<F: Format>(self, weights: &Packed, groups: [usize; STREAMS], tile: Tile<'_>, out: &Output<'_>);

    /// Multiplies one group with a tile.
    fn tile<F: Format>(self, weights: &Packed, group: usize, tile: Tile<'_>, out: &Output<'_>);
}

/// Multiplies the groups in `range` with all activation rows.
pub(super) fn sweep<K: Kernel, F: Format>(
    kernel: K,
    weights: &Packed,
    activations: &Activations<'_>,
    range: Range<usize>,
    out: &Output<'_>,
) {
    let mut rest = range.clone();
    if activations.rows() <= STREAMED {
        let each = range.len() / STREAMS;
        for step in 0..each {
            let groups = std::array::from_fn(|stream| range.start + stream * each + step);
            kernel.streams::<F>(weights, groups, activations.tile(0), out);
        }
        rest.start += each * STREAMS;
    }
    while !rest.is_empty() {
        let strip = rest.start..rest.end.min(rest.start + STRIP);
        rest.start = strip.end;
        for index in 0..activations.tiles() {
            let tile = activations.tile(index);
            strip.clone().for_each(|group| kernel.tile::<F>(weights, group, tile, out));
        }
    }
}
