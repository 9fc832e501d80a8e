//! Some queries with one tile of the cache: 32 positions of one key head.
//!
//! Each sum runs over dimensions (scores) or positions (values) in order, so it does not depend on which queries
//! go together.
#![cfg_attr(target_arch = "x86_64", expect(unsafe_code, reason = "prefetching by pointer"))]

use crate::model::cache::BLOCK;
use crate::model::lanes::{LANES, Lanes, dispatched};
use half::f16;

/// Queries in a pass over a tile: more would not leave room for their sums in the registers.
pub(super) const PASS: usize = 4;

/// Bytes of a cache line.
const LINE: usize = 64;

/// Numbers of a tile: as the cache has them, or widened when many queries follow.
pub(super) trait Number: Copy {
    fn load<V: Lanes>(from: &[Self; LANES]) -> V;
}

impl Number for f16 {
    #[inline(always)]
    fn load<V: Lanes>(from: &[f16; LANES]) -> V {
        V::widen(from)
    }
}

impl Number for f32 {
    #[inline(always)]
    fn load<V: Lanes>(from: &[f32; LANES]) -> V {
        V::load(from)
    }
}

/// Asks for a tile that is wanted soon: tiles lie far apart, so the processor cannot guess the next one.
pub(super) fn expect(tile: &[f16]) {
    #[cfg(target_arch = "x86_64")]
    for line in tile.chunks(LINE / size_of::<f16>()) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: every x86-64 processor has the instruction, and it reads nothing.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) };
    }
}

dispatched! {
    /// Widens a tile.
    fn widen(narrow: &[f16], wide: &mut [f32]) = widen_body
}

dispatched! {
    /// Scores of `queries` (`[dimension][PASS]` each pass) with the 32 positions of `keys` (`[dimension][32]`): for
    /// query `n` from `scores[n · stride]` on.
    fn scores(queries: &[f32], count: usize, keys: &[f16], scores: &mut [f32], stride: usize) = scores_body
}

dispatched! {
    /// The same with widened keys.
    fn scores_wide(queries: &[f32], count: usize, keys: &[f32], scores: &mut [f32], stride: usize) = scores_body
}

dispatched! {
    /// `gathered += Σ weight · value` over the first `seen` positions of `values` (`[32][width]`) for each of `count`
    /// queries: weights from `weights[n · stride]` on, sums from `gathered[n · width]` on.
    fn gather(weights: &[f32], stride: usize, count: usize, values: &[f16], seen: usize, gathered: &mut [f32]) = gather_body
}

dispatched! {
    /// The same with widened values.
    fn gather_wide(weights: &[f32], stride: usize, count: usize, values: &[f32], seen: usize, gathered: &mut [f32]) = gather_body
}

#[inline(always)]
fn widen_body<V: Lanes>(narrow: &[f16], wide: &mut [f32]) {
    let vectors = narrow.as_chunks::<LANES>().0.iter().zip(wide.as_chunks_mut::<LANES>().0);
    for (narrow, wide) in vectors {
        V::widen(narrow).store(wide);
    }
}

#[inline(always)]
fn scores_body<V: Lanes>(
    queries: &[f32],
    count: usize,
    keys: &[impl Number],
    scores: &mut [f32],
    stride: usize,
) {
    let head = keys.len() / BLOCK;
    for (pass, queries) in queries.chunks_exact(head * PASS).enumerate() {
        let scores = &mut scores[pass * PASS * stride..];
        match (count - pass * PASS, V::MANY_REGISTERS) {
            (1, _) => pass_scores::<V, 1, 2>(queries, keys, scores, stride),
            (2, _) => pass_scores::<V, 2, 2>(queries, keys, scores, stride),
            (3, _) => pass_scores::<V, 3, 2>(queries, keys, scores, stride),
            (_, false) => pass_scores::<V, PASS, 1>(queries, keys, scores, stride),
            (_, true) => pass_scores::<V, PASS, 2>(queries, keys, scores, stride),
        }
    }
}

/// Scores of `Q` queries, `AT_ONCE` vectors of positions at a time.
#[inline(always)]
fn pass_scores<V: Lanes, const Q: usize, const AT_ONCE: usize>(
    queries: &[f32],
    keys: &[impl Number],
    scores: &mut [f32],
    stride: usize,
) {
    for first in (0..BLOCK / LANES).step_by(AT_ONCE) {
        let mut sums = [[V::splat(0.0); AT_ONCE]; Q];
        for (query, keys) in queries.as_chunks::<PASS>().0.iter().zip(keys.as_chunks::<BLOCK>().0) {
            let keys = keys.as_chunks::<LANES>().0;
            for vector in 0..AT_ONCE {
                let keys = Number::load::<V>(&keys[first + vector]);
                for (sums, query) in sums.iter_mut().zip(query) {
                    sums[vector] = V::splat(*query).fma(keys, sums[vector]);
                }
            }
        }
        for (sums, scores) in sums.iter().zip(scores.chunks_mut(stride)) {
            let (scores, _) = scores.as_chunks_mut::<LANES>();
            for (sum, scores) in sums.iter().zip(&mut scores[first..]) {
                sum.store(scores);
            }
        }
    }
}

#[inline(always)]
fn gather_body<V: Lanes>(
    weights: &[f32],
    stride: usize,
    count: usize,
    values: &[impl Number],
    seen: usize,
    gathered: &mut [f32],
) {
    let width = values.len() / BLOCK;
    for (pass, gathered) in gathered.chunks_mut(width * PASS).enumerate() {
        let weights = &weights[pass * PASS * stride..];
        match (count - pass * PASS, V::MANY_REGISTERS) {
            (1, true) => pass_gather::<V, 1, 8>(weights, stride, values, seen, gathered),
            (1, false) => pass_gather::<V, 1, 4>(weights, stride, values, seen, gathered),
            (2, true) => pass_gather::<V, 2, 4>(weights, stride, values, seen, gathered),
            (2, false) => pass_gather::<V, 2, 2>(weights, stride, values, seen, gathered),
            (3, true) => pass_gather::<V, 3, 4>(weights, stride, values, seen, gathered),
            (3, false) => pass_gather::<V, 3, 2>(weights, stride, values, seen, gathered),
            (_, true) => pass_gather::<V, PASS, 4>(weights, stride, values, seen, gathered),
            (_, false) => pass_gather::<V, PASS, 1>(weights, stride, values, seen, gathered),
        }
    }
}

/// Sums of `Q` queries, `AT_ONCE` vectors of dimensions at a time, the rest one by one.
#[inline(always)]
fn pass_gather<V: Lanes, const Q: usize, const AT_ONCE: usize>(
    weights: &[f32],
    stride: usize,
    values: &[impl Number],
    seen: usize,
    gathered: &mut [f32],
) {
    let vectors = values.len() / BLOCK / LANES;
    let mut first = 0;
    while first + AT_ONCE <= vectors {
        part_gather::<V, Q, AT_ONCE>(weights, stride, values, seen, gathered, first);
        first += AT_ONCE;
    }
    for first in first..vectors {
        part_gather::<V, Q, 1>(weights, stride, values, seen, gathered, first);
    }
}

/// The dimensions of `AT_ONCE` vectors from the vector `first` on.
#[inline(always)]
fn part_gather<V: Lanes, const Q: usize, const AT_ONCE: usize>(
    weights: &[f32],
    stride: usize,
    values: &[impl Number],
    seen: usize,
    gathered: &mut [f32],
    first: usize,
) {
    let width = values.len() / BLOCK;
    let mut rows = [&[0.0; BLOCK]; Q];
    for (row, weights) in rows.iter_mut().zip(weights.chunks(stride)) {
        if let Some(weights) = weights.first_chunk() {
            *row = weights;
        }
    }
    let mut sums = [[V::splat(0.0); AT_ONCE]; Q];
    for (sums, gathered) in sums.iter_mut().zip(gathered.chunks_exact(width)) {
        for (sum, gathered) in sums.iter_mut().zip(&gathered.as_chunks::<LANES>().0[first..]) {
            *sum = V::load(gathered);
        }
    }
    let seen = seen.min(BLOCK);
    for (position, values) in values.chunks_exact(width).enumerate().take(seen) {
        let values = &values.as_chunks::<LANES>().0[first..first + AT_ONCE];
        for (vector, values) in values.iter().enumerate() {
            let values = Number::load::<V>(values);
            for (sums, weights) in sums.iter_mut().zip(rows) {
                sums[vector] = V::splat(weights[position]).fma(values, sums[vector]);
            }
        }
    }
    for (sums, gathered) in sums.iter().zip(gathered.chunks_exact_mut(width)) {
        for (sum, gathered) in sums.iter().zip(&mut gathered.as_chunks_mut::<LANES>().0[first..]) {
            sum.store(gathered);
        }
    }
}
