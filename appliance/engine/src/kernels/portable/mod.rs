//! Products in plain Rust, eight weight rows at a time: the reference for the other instruction sets.
#![expect(unsafe_code, reason = "each worker writes the columns of its own groups")]

mod registers;

use std::cell::RefCell;

use super::activations::{Block, Tile};
use super::formats::{Format, Scaling, Source, Stored, Unit, codes};
use super::isa::Portable;
use super::output::Output;
use super::packed::Packed;
use super::sweep::{Kernel, STREAMS};

/// Weight rows of a group.
const LANES: usize = 8;

/// The most activation rows of a tile.
const TILE: usize = 4;

impl Kernel for Portable<LANES> {
    const TILE: usize = TILE;

    fn streams<F: Format>(
        self,
        weights: &Packed,
        groups: [usize; STREAMS],
        tile: Tile<'_>,
        out: &Output<'_>,
    ) {
        for group in groups {
            self.tile::<F, _>(Stored(weights.group(group)), group, tile, out);
        }
    }

    fn tile<F: Format, S: Source<Self>>(self, source: S, group: usize, tile: Tile<'_>, out: &Output<'_>) {
        let mut sums = [[0.0; LANES]; TILE];
        for (index, rows) in tile.blocks().chunks_exact(tile.rows()).enumerate() {
            add::<F>(&source.unit::<F>(self, index), rows, &mut sums);
        }
        for (row, sums) in sums[..tile.rows()].iter().enumerate() {
            // SAFETY: the group is of this worker's range.
            unsafe { out.put(tile.first() + row, group, sums) };
        }
    }

    fn unpacks<F: Format>() -> bool {
        true
    }

    fn unpack<F: Format>(self, group: Stored<'_>, units: usize) -> Vec<Unit<Self>> {
        let mut unpacked = UNPACKED.take();
        unpacked.clear();
        unpacked.extend((0..units).map(|index| group.unit::<F>(self, index)));
        unpacked
    }

    fn keep(self, unpacked: Vec<Unit<Self>>) {
        UNPACKED.set(unpacked);
    }
}

thread_local! {
    /// Kept from group to group, so that a step of the model allocates nothing.
    static UNPACKED: RefCell<Vec<Unit<Portable<LANES>>>> = const { RefCell::new(Vec::new()) };
}

/// Adds the products of 32 columns of a group.
fn add<F: Format>(unit: &Unit<Portable<LANES>>, rows: &[Block], sums: &mut [[f32; LANES]; TILE]) {
    let Unit { vectors, scales } = unit;
    let mut exact = [[[0; LANES]; 2]; TILE];
    for (index, vectors) in vectors.iter().enumerate() {
        for (exact, row) in exact.iter_mut().zip(rows) {
            for (half, (exact, words)) in exact.iter_mut().zip(vectors).enumerate() {
                let q = row.q[4 * (4 * half + index)..][..4].iter();
                for (byte, q) in q.enumerate() {
                    for (exact, word) in exact.iter_mut().zip(words) {
                        *exact += codes::meaning(word.to_le_bytes()[byte], F::BITS, F::CENTRE, LANES)
                            * i32::from(*q);
                    }
                }
            }
        }
    }
    for ((sums, [first, last]), row) in sums.iter_mut().zip(exact).zip(rows) {
        for (lane, sum) in sums.iter_mut().enumerate() {
            if F::Scaling::SPLIT {
                *sum = (first[lane] as f32).mul_add(scales.first[lane] * row.d, *sum);
                *sum = (last[lane] as f32).mul_add(scales.second[lane] * row.d, *sum);
            } else {
                *sum = ((first[lane] + last[lane]) as f32).mul_add(scales.first[lane] * row.d, *sum);
            }
            if F::Scaling::OFFSETS {
                *sum = scales.offset[lane].mul_add(row.s, *sum);
            }
        }
    }
}
