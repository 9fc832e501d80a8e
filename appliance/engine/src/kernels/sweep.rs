//! The walk over groups of weight rows and tiles of activation rows, the same for every type and instruction set.
#![expect(unsafe_code, reason = "each worker writes the columns of its own groups")]

use std::ops::Range;

use super::activations::{Activations, Block};
use super::output::Output;
use super::packed::{GROUP, Packed};

/// Groups that are read side by side, from distant places, when there is one activation row: memory serves several
/// streams better than one.
const STREAMS: usize = 4;

/// Groups that pass by a tile of activations before the next tile's turn, so that both stay in the nearest cache.
const STRIP: usize = 4;

/// The sums of `T` activation rows with each of `G` groups.
pub(super) type Sums<const G: usize, const T: usize> = [[[f32; GROUP]; T]; G];

/// The innermost product of one type on one instruction set.
pub(super) trait Kernel: Copy {
    /// Multiplies each group with the `T` rows whose blocks lie side by side in `blocks`.
    ///
    /// A sum goes over the blocks in order and rounds alike everywhere: per block the exact integer sum, times the
    /// product of both scales, fused into the sum; then, where the type has offsets, the offset times `s`, fused, too.
    fn tile<const G: usize, const T: usize>(self, groups: [&[u8]; G], blocks: &[Block]) -> Sums<G, T>;
}

/// Multiplies the groups in `range` with all activation rows.
pub(super) fn sweep<K: Kernel>(
    kernel: K,
    weights: &Packed,
    activations: &Activations<'_>,
    range: Range<usize>,
    out: &Output<'_>,
) {
    if activations.rows() == 1 {
        return streams(kernel, weights, activations, range, out);
    }
    let mut strip = range.start..range.start;
    while strip.end < range.end {
        strip = strip.end..range.end.min(strip.end + STRIP);
        for index in 0..activations.tiles() {
            let (rows, blocks) = activations.tile(index);
            for group in strip.clone() {
                match rows.len() {
                    1 => one::<K, 1>(kernel, weights, group, rows.start, blocks, out),
                    2 => one::<K, 2>(kernel, weights, group, rows.start, blocks, out),
                    3 => one::<K, 3>(kernel, weights, group, rows.start, blocks, out),
                    _ => one::<K, 4>(kernel, weights, group, rows.start, blocks, out),
                }
            }
        }
    }
}

/// A single activation row: as many streams of weights as [`STREAMS`].
fn streams<K: Kernel>(
    kernel: K,
    weights: &Packed,
    activations: &Activations<'_>,
    range: Range<usize>,
    out: &Output<'_>,
) {
    let (_, blocks) = activations.tile(0);
    let each = range.len() / STREAMS;
    for step in 0..each {
        let groups: [usize; STREAMS] = std::array::from_fn(|stream| range.start + stream * each + step);
        let sums = kernel.tile::<STREAMS, 1>(groups.map(|group| weights.group(group)), blocks);
        for (group, [sums]) in groups.into_iter().zip(&sums) {
            // SAFETY: the groups of the range are this worker's, and the streams have different ones.
            unsafe { out.put(0, group, sums) };
        }
    }
    for group in range.start + STREAMS * each..range.end {
        one::<K, 1>(kernel, weights, group, 0, blocks, out);
    }
}

/// One group with one tile of `T` rows that begins at row `first`.
fn one<K: Kernel, const T: usize>(
    kernel: K,
    weights: &Packed,
    group: usize,
    first: usize,
    blocks: &[Block],
    out: &Output<'_>,
) {
    let [sums] = kernel.tile::<1, T>([weights.group(group)], blocks);
    for (token, sums) in sums.iter().enumerate() {
        // SAFETY: the group is this worker's.
        unsafe { out.put(first + token, group, sums) };
    }
}
