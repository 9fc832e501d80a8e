//! The walk over groups of weight rows and tiles of activation rows, the same for every type and instruction set.

use std::ops::Range;

use super::activations::{Activations, BLOCK, Tile};
use super::formats::{Format, Source, Stored, Unit, Unpacked};
use super::output::Output;
use super::packed::Packed;
use super::registers::Registers;
use super::team::share;

/// Groups that are read side by side, from distant places, as memory serves several streams better than one.
pub(super) const STREAMS: usize = 4;

/// Tiles of up to so many rows go by [`STREAMS`] groups at a time: that many sums have room in the registers.
pub(super) const STREAMED: usize = 2;

/// Groups that all tiles pass by before the next ones' turn, so that weights are read from memory once, and a tile from its
/// cache several times.
const STRIP: usize = 4;

/// From this many tiles on a group is unpacked once for all of them. Before, that costs more than it saves.
const SEVERAL: usize = 3;

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

    /// Multiplies the groups in `range` with all activation rows, if for so many rows of this type there is a better way
    /// than tile by tile, and says whether it did.
    fn many<F: Format>(
        self,
        _weights: &Packed,
        _activations: &Activations<'_>,
        _range: &Range<usize>,
        _out: &Output<'_>,
    ) -> bool {
        false
    }

    /// Multiplies one group with a tile.
    fn tile<F: Format, S: Source<Self>>(self, source: S, group: usize, tile: Tile<'_>, out: &Output<'_>);

    /// Whether to unpack costs more than to read what is unpacked, where both are in the nearest cache.
    fn unpacks<F: Format>() -> bool;

    /// The units of a group, in memory of this thread that [`Self::keep`] takes back.
    fn unpack<F: Format>(self, group: Stored<'_>, units: usize) -> Vec<Unit<Self>>;

    /// Takes memory back.
    fn keep(self, unpacked: Vec<Unit<Self>>);
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
    if kernel.many::<F>(weights, activations, &rest, out) {
        return;
    }
    while !rest.is_empty() {
        let strip = rest.start..rest.end.min(rest.start + STRIP);
        rest.start = strip.end;
        let tiles = (0..activations.tiles()).map(|index| activations.tile(index));
        if tiles.len() < SEVERAL || !K::unpacks::<F>() {
            for tile in tiles {
                strip.clone().for_each(|group| {
                    kernel.tile::<F, _>(Stored(weights.group(group)), group, tile, out);
                });
            }
            continue;
        }
        for group in strip {
            let unpacked = kernel.unpack::<F>(Stored(weights.group(group)), weights.cols() / BLOCK);
            for (index, tile) in tiles.clone().enumerate() {
                kernel.expect(part_of_next(weights, group, &range, index, tiles.len()));
                kernel.tile::<F, _>(Unpacked(&unpacked), group, tile, out);
            }
            kernel.keep(unpacked);
        }
    }
}

/// The `index`-th of `of` parts of the group after this one, to be asked for while this one is multiplied; empty where
/// `range` ends. Weights are read when they are unpacked, which would else wait for memory, and memory for the arithmetic
/// in between.
#[inline]
pub(super) fn part_of_next<'a>(
    weights: &'a Packed,
    group: usize,
    range: &Range<usize>,
    index: usize,
    of: usize,
) -> &'a [u8] {
    if group + 1 >= range.end {
        return &[];
    }
    let next = weights.group(group + 1);
    &next[share(next.len(), index, of)]
}
