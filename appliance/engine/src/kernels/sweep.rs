//! The walk over groups of weight rows and tiles of activation rows, the same for every type and instruction set.
#![expect(unsafe_code, reason = "each worker writes the columns of its own groups")]

use std::ops::Range;

use super::activations::{Activations, Block};
use super::output::Output;
use super::packed::{GROUP, Packed};

/// Groups that all tiles of activations pass by before the next ones' turn, so that weights are read from memory once.
const STRIP: usize = 4;

/// Up to this many activation rows memory is the limit, beyond it the arithmetic.
const FEW: usize = 8;

/// The sums of `T` activation rows with each of `G` groups.
pub(super) type Sums<const G: usize, const T: usize> = [[[f32; GROUP]; T]; G];

/// The innermost product of one type on one instruction set.
pub(super) trait Kernel: Copy {
    /// Multiplies each group with the `T` rows whose blocks lie side by side in `blocks`.
    ///
    /// A sum goes over the blocks in order and rounds alike everywhere: per block the exact integer sum, times the
    /// product of both scales, fused into the sum; then, where the type has offsets, the offset times `s`, fused, too.
    fn tile<const G: usize, const T: usize>(self, groups: [&[u8]; G], blocks: &[Block]) -> Sums<G, T>;

    /// The same for two neighbours when arithmetic is the limit: together where registers are wide enough for both.
    #[inline]
    fn pair<const T: usize>(self, [first, second]: [&[u8]; 2], blocks: &[Block]) -> Sums<2, T> {
        let [first] = self.tile([first], blocks);
        let [second] = self.tile([second], blocks);
        [first, second]
    }
}

/// Multiplies the groups in `range` with all activation rows.
pub(super) fn sweep<K: Kernel>(
    kernel: K,
    weights: &Packed,
    activations: &Activations<'_>,
    range: Range<usize>,
    out: &Output<'_>,
) {
    let mut rest = range.clone();
    if activations.rows() <= FEW {
        let each = range.len() / STRIP;
        for step in 0..each {
            let strip = std::array::from_fn(|stream| range.start + stream * each + step);
            distant(kernel, weights, strip, activations, out);
        }
        rest.start += each * STRIP;
    }
    while !rest.is_empty() {
        let strip = rest.start..rest.end.min(rest.start + STRIP);
        rest.start = strip.end;
        for index in 0..activations.tiles() {
            adjacent(kernel, weights, strip.clone(), activations.tile(index), out);
        }
    }
}

/// A strip whose groups come from distant places, as memory serves several streams better than one, and are read side by
/// side: as many at a time as leave room for their sums in the registers.
fn distant<K: Kernel>(
    kernel: K,
    weights: &Packed,
    strip: [usize; STRIP],
    activations: &Activations<'_>,
    out: &Output<'_>,
) {
    let [a, b, c, d] = strip;
    for index in 0..activations.tiles() {
        let (rows, blocks) = activations.tile(index);
        let first = rows.start;
        match rows.len() {
            1 => some::<K, 4, 1>(kernel, weights, strip, first, blocks, out),
            2 => some::<K, 4, 2>(kernel, weights, strip, first, blocks, out),
            3 => [[a, b], [c, d]]
                .into_iter()
                .for_each(|pair| some::<K, 2, 3>(kernel, weights, pair, first, blocks, out)),
            _ => [[a, b], [c, d]]
                .into_iter()
                .for_each(|pair| some::<K, 2, 4>(kernel, weights, pair, first, blocks, out)),
        }
    }
}

/// A strip of neighbours with one tile, pair after pair: most work is done in the nearest cache.
fn adjacent<K: Kernel>(
    kernel: K,
    weights: &Packed,
    mut strip: Range<usize>,
    (rows, blocks): (Range<usize>, &[Block]),
    out: &Output<'_>,
) {
    let first = rows.start;
    while strip.len() >= 2 {
        let two = [strip.start, strip.start + 1];
        strip.start += 2;
        match rows.len() {
            1 => pair::<K, 1>(kernel, weights, two, first, blocks, out),
            2 => pair::<K, 2>(kernel, weights, two, first, blocks, out),
            3 => pair::<K, 3>(kernel, weights, two, first, blocks, out),
            _ => pair::<K, 4>(kernel, weights, two, first, blocks, out),
        }
    }
    for group in strip {
        match rows.len() {
            1 => some::<K, 1, 1>(kernel, weights, [group], first, blocks, out),
            2 => some::<K, 1, 2>(kernel, weights, [group], first, blocks, out),
            3 => some::<K, 1, 3>(kernel, weights, [group], first, blocks, out),
            _ => some::<K, 1, 4>(kernel, weights, [group], first, blocks, out),
        }
    }
}

/// Two neighbours with one tile of `T` rows that begins at row `first`.
fn pair<K: Kernel, const T: usize>(
    kernel: K,
    weights: &Packed,
    groups: [usize; 2],
    first: usize,
    blocks: &[Block],
    out: &Output<'_>,
) {
    let sums = kernel.pair::<T>(groups.map(|group| weights.group(group)), blocks);
    put(groups, &sums, first, out);
}

/// Some groups with one tile of `T` rows that begins at row `first`.
fn some<K: Kernel, const G: usize, const T: usize>(
    kernel: K,
    weights: &Packed,
    groups: [usize; G],
    first: usize,
    blocks: &[Block],
    out: &Output<'_>,
) {
    let sums = kernel.tile::<G, T>(groups.map(|group| weights.group(group)), blocks);
    put(groups, &sums, first, out);
}

/// Writes the sums of some groups, for the rows from `first` on.
fn put<const G: usize, const T: usize>(
    groups: [usize; G],
    sums: &Sums<G, T>,
    first: usize,
    out: &Output<'_>,
) {
    for (group, sums) in groups.into_iter().zip(sums) {
        for (token, sums) in sums.iter().enumerate() {
            // SAFETY: the groups are of this worker's range and differ.
            unsafe { out.put(first + token, group, sums) };
        }
    }
}
