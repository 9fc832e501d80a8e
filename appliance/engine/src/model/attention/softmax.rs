//! The running softmax of a query over positions.

use crate::model::lanes::{LANES, Lanes, dispatched};

/// What a query has seen so far: the largest score, and the sum of weights relative to it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Softmax {
    pub(super) largest: f32,
    pub(super) sum: f32,
}

impl Softmax {
    /// Nothing seen.
    pub(super) const EMPTY: Softmax = Softmax { largest: f32::NEG_INFINITY, sum: 0.0 };

    /// Whether no position was seen.
    pub(super) fn is_empty(self) -> bool {
        self.sum == 0.0
    }
}

dispatched! {
    /// Turns the scores of the positions `from..to` into weights relative to the largest of them, and those of all
    /// others in `scores` into 0. At least one position is seen.
    fn weigh(scores: &mut [f32], from: usize, to: usize) -> Softmax = weigh_body
}

dispatched! {
    /// Adds what a later chunk has gathered to what those before it have; both are weighted sums of values.
    fn join(state: &mut Softmax, gathered: &mut [f32], later: Softmax, more: &[f32]) = join_body
}

dispatched! {
    /// Divides what has been gathered by the sum of weights.
    fn finish(state: Softmax, gathered: &mut [f32]) = finish_body
}

#[inline(always)]
fn weigh_body<V: Lanes>(scores: &mut [f32], from: usize, to: usize) -> Softmax {
    // Positions that are not to be seen may hold anything.
    scores[..from].fill(f32::NEG_INFINITY);
    scores[to..].fill(f32::NEG_INFINITY);
    let (vectors, _) = scores.as_chunks_mut::<LANES>();
    let mut largest = V::splat(f32::NEG_INFINITY);
    for vector in &*vectors {
        largest = V::load(vector).max(largest);
    }
    let largest = largest.largest();
    let (shift, mut sum) = (V::splat(largest), V::splat(0.0));
    for vector in vectors {
        V::load(vector).sub(shift).exp().store(vector);
    }
    // The power of an unseen position is tiny, but not 0.
    scores[..from].fill(0.0);
    scores[to..].fill(0.0);
    for vector in scores.as_chunks::<LANES>().0 {
        sum = sum.add(V::load(vector));
    }
    Softmax { largest, sum: sum.total() }
}

#[inline(always)]
fn join_body<V: Lanes>(state: &mut Softmax, gathered: &mut [f32], later: Softmax, more: &[f32]) {
    if later.is_empty() {
        return;
    }
    if state.is_empty() {
        *state = later;
        return gathered.copy_from_slice(more);
    }
    let largest = if later.largest > state.largest { later.largest } else { state.largest };
    let mut powers = [0.0; LANES];
    powers[..2].copy_from_slice(&[state.largest - largest, later.largest - largest]);
    V::load(&powers.clone()).exp().store(&mut powers);
    let [keep, take, ..] = powers;
    state.largest = largest;
    state.sum = state.sum * keep + later.sum * take;
    let (keep, take) = (V::splat(keep), V::splat(take));
    let pairs = gathered.as_chunks_mut::<LANES>().0.iter_mut().zip(more.as_chunks::<LANES>().0);
    for (gathered, more) in pairs {
        V::load(more).mul(take).add(V::load(gathered).mul(keep)).store(gathered);
    }
}

#[inline(always)]
fn finish_body<V: Lanes>(state: Softmax, gathered: &mut [f32]) {
    let scale = V::splat(1.0 / state.sum);
    for vector in gathered.as_chunks_mut::<LANES>().0 {
        V::load(vector).mul(scale).store(vector);
    }
}
