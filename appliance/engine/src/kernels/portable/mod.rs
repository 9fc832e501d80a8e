//! Products in plain Rust, eight weight rows at a time: the reference for the other instruction sets.
#![expect(unsafe_code, reason = "each worker writes the columns of its own groups")]

mod registers;

use super::activations::{Block, Tile};
use super::formats::{Format, Scaling, codes};
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
        groups.into_iter().for_each(|group| self.tile::<F>(weights, group, tile, out));
    }

    fn tile<F: Format>(self, weights: &Packed, group: usize, tile: Tile<'_>, out: &Output<'_>) {
        let mut sums = [[0.0; LANES]; TILE];
        let blocks = weights.group(group).chunks_exact(LANES * F::BYTES);
        for (block, rows) in blocks.zip(tile.blocks().chunks_exact(F::UNITS * tile.rows())) {
            for (unit, rows) in rows.chunks_exact(tile.rows()).enumerate() {
                add::<F>(self, block, unit, rows, &mut sums);
            }
        }
        for (row, sums) in sums[..tile.rows()].iter().enumerate() {
            // SAFETY: the group is of this worker's range.
            unsafe { out.put(tile.first() + row, group, sums) };
        }
    }
}

/// Adds the products of 32 columns of a group's block.
fn add<F: Format>(
    has: Portable<LANES>,
    block: &[u8],
    unit: usize,
    rows: &[Block],
    sums: &mut [[f32; LANES]; TILE],
) {
    let (header, units) = block.split_at(LANES * F::Scaling::BYTES);
    let unit_bytes = LANES * codes::bytes(F::BITS);
    let unit_codes = &units[unit * unit_bytes..][..unit_bytes];
    let scales = F::Scaling::read(has, header, unit);
    let mut exact = [[[0; LANES]; 2]; TILE];
    for index in 0..4 {
        let vectors = codes::vectors(has, unit_codes, F::BITS, index);
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
