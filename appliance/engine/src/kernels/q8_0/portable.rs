//! Q8_0 in plain Rust: the reference for the other instruction sets.

use super::{BLOCK_BYTES, Q8, code};
use crate::kernels::activations::Block;
use crate::kernels::isa::Portable;
use crate::kernels::packed::{GROUP, half_at};
use crate::kernels::sweep::{Kernel, Sums};

impl Kernel for Q8<Portable> {
    fn tile<const G: usize, const T: usize>(self, groups: [&[u8]; G], blocks: &[Block]) -> Sums<G, T> {
        let mut sums = [[[0.0; GROUP]; T]; G];
        for (group, sums) in groups.into_iter().zip(&mut sums) {
            let weights = group.chunks_exact(GROUP * BLOCK_BYTES);
            for (weights, blocks) in weights.zip(blocks.chunks_exact(T)) {
                for (block, sums) in blocks.iter().zip(&mut *sums) {
                    for (lane, sum) in sums.iter_mut().enumerate() {
                        *sum = add(weights, lane, block, *sum);
                    }
                }
            }
        }
        sums
    }
}

/// `sum` and the product of one lane of a group's block with 32 activations.
fn add(weights: &[u8], lane: usize, block: &Block, sum: f32) -> f32 {
    let codes = block.q.iter().enumerate();
    let exact: i32 = codes.map(|(column, &q)| i32::from(code(weights, lane, column)) * i32::from(q)).sum();
    (exact as f32).mul_add(half_at(weights, lane) * block.d, sum)
}
