//! Inner loops that the compiler must turn into vector instructions: plain Rust, compiled twice.
//!
//! Order of sums is part of the result: it depends on absolute positions only, never on the company of a row.

#![expect(
    unsafe_code,
    reason = "functions compiled for instructions that the processor is asked for before, and one load and store"
)]

use super::cache::BLOCK;
use half::f16;
use half::slice::HalfFloatSliceExt;

/// Defines a function that runs the generic body compiled with AVX2 and FMA where the processor has them.
macro_rules! dispatched {
    ($(#[$doc:meta])* fn $name:ident($($argument:ident: $kind:ty),*) $(-> $result:ty)? = $body:ident) => {
        $(#[$doc])*
        pub(crate) fn $name($($argument: $kind),*) $(-> $result)? {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2,fma")]
                fn with_avx2($($argument: $kind),*) $(-> $result)? {
                    $body::<true>($($argument),*)
                }
                if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                    // SAFETY: the processor was just asked for both features.
                    return unsafe { with_avx2($($argument),*) };
                }
            }
            $body::<false>($($argument),*)
        }
    };
}

/// Widens 16-bit numbers.
pub(crate) fn widen(narrow: &[f16], wide: &mut [f32]) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_mm_loadu_si128, _mm256_cvtph_ps, _mm256_storeu_ps};

        #[target_feature(enable = "avx,f16c")]
        fn with_f16c(narrow: &[[f16; 8]], wide: &mut [[f32; 8]]) {
            for (narrow, wide) in narrow.iter().zip(wide) {
                // SAFETY: each side is eight numbers, and neither load nor store needs them aligned.
                unsafe {
                    let eight = _mm_loadu_si128(narrow.as_ptr().cast());
                    _mm256_storeu_ps(wide.as_mut_ptr(), _mm256_cvtph_ps(eight));
                }
            }
        }
        if is_x86_feature_detected!("avx") && is_x86_feature_detected!("f16c") {
            // SAFETY: the processor was just asked for both features. Heads are multiples of eight wide.
            return unsafe { with_f16c(narrow.as_chunks().0, wide.as_chunks_mut().0) };
        }
    }
    narrow.convert_to_f32_slice(wide);
}

/// The running softmax of one query: everything seen so far, relative to the largest score.
#[derive(Clone, Copy)]
pub(crate) struct Softmax {
    largest: f32,
    sum: f32,
}

impl Softmax {
    pub(crate) const EMPTY: Softmax = Softmax { largest: f32::NEG_INFINITY, sum: 0.0 };

    /// Divides what has been gathered by the sum of weights.
    pub(crate) fn finish(self, gathered: &mut [f32]) {
        let scale = 1.0 / self.sum;
        gathered.iter_mut().for_each(|value| *value *= scale);
    }
}

dispatched! {
    /// Lets one query see the first `seen` positions of a block: `keys` are dimension by position, `values`
    /// position by dimension. `query` is scaled already; `gathered` takes the weighted values.
    fn attend(query: &[f32], keys: &[f32], values: &[f32], seen: usize, state: &mut Softmax, gathered: &mut [f32]) = attend_body
}

dispatched! {
    /// `Σ e^(x − shift)`, in f64 over runs of 64.
    fn sum_exp(row: &[f32], shift: f32) -> f64 = sum_exp_body
}

dispatched! {
    /// `out = row / √(mean of squares + epsilon) · weight`.
    fn rms_norm(row: &[f32], weight: &[f32], epsilon: f32, out: &mut [f32]) = rms_norm_body
}

dispatched! {
    /// `gate = gate · sigmoid(gate) · up`.
    fn silu_multiply(gate: &mut [f32], up: &[f32]) = silu_multiply_body
}

#[inline(always)]
fn fused<const FMA: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

/// eˣ to 2⁻²² relative; what underflows becomes about 1e-38.
#[inline(always)]
fn exp<const FMA: bool>(x: f32) -> f32 {
    // Adding 1.5·2²³ leaves the nearest integer in the low bits.
    const ROUND: f32 = 12_582_912.0;
    const LN2_HIGH: f32 = 0.693_145_75;
    const LN2_LOW: f32 = 1.428_606_8e-6;
    let x = x.clamp(-87.0, 88.0);
    let shifted = fused::<FMA>(x, std::f32::consts::LOG2_E, ROUND);
    let whole = shifted - ROUND;
    let rest = fused::<FMA>(whole, -LN2_LOW, fused::<FMA>(whole, -LN2_HIGH, x));
    // Taylor's series: |rest| ≤ ln 2 / 2.
    let mut sum = 1.0 / 5040.0;
    for coefficient in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        sum = fused::<FMA>(sum, rest, coefficient);
    }
    let exponent = shifted.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127);
    sum * f32::from_bits(exponent << 23)
}

#[inline(always)]
fn attend_body<const FMA: bool>(
    query: &[f32],
    keys: &[f32],
    values: &[f32],
    seen: usize,
    state: &mut Softmax,
    gathered: &mut [f32],
) {
    let mut scores = [0.0_f32; BLOCK];
    for (q, keys) in query.iter().zip(keys.chunks_exact(BLOCK)) {
        for (score, key) in scores.iter_mut().zip(keys) {
            *score = fused::<FMA>(*q, *key, *score);
        }
    }
    // Positions that are not to be seen may hold anything.
    scores[seen..].fill(f32::NEG_INFINITY);
    let mut largest = state.largest;
    for score in scores {
        largest = if score > largest { score } else { largest };
    }
    let keep = exp::<FMA>(state.largest - largest);
    for score in &mut scores {
        *score = exp::<FMA>(*score - largest);
    }
    scores[seen..].fill(0.0);
    state.sum = fused::<FMA>(state.sum, keep, scores.iter().sum());
    state.largest = largest;
    gather::<FMA>(&scores[..seen], keep, values, gathered);
}

/// `gathered = keep · gathered + Σ weight · values`, in the order of positions. Many dimensions at a time,
/// because each sum waits for its last addition.
#[inline(always)]
fn gather<const FMA: bool>(weights: &[f32], keep: f32, values: &[f32], gathered: &mut [f32]) {
    let head = gathered.len();
    let (wide, rest) = gathered.as_chunks_mut::<32>();
    let start = wide.len() * 32;
    for (part, gathered) in wide.iter_mut().enumerate() {
        gather_part::<FMA, 32>(weights, keep, &values[part * 32..], head, gathered);
    }
    for (part, gathered) in rest.as_chunks_mut::<8>().0.iter_mut().enumerate() {
        gather_part::<FMA, 8>(weights, keep, &values[start + part * 8..], head, gathered);
    }
}

/// Some dimensions of [`gather`]; `values` begins with the first of them.
#[inline(always)]
fn gather_part<const FMA: bool, const WIDTH: usize>(
    weights: &[f32],
    keep: f32,
    values: &[f32],
    head: usize,
    gathered: &mut [f32; WIDTH],
) {
    let mut sums = gathered.map(|value| value * keep);
    for (weight, row) in weights.iter().zip(values.chunks(head)) {
        let Some(row) = row.first_chunk::<WIDTH>() else { return };
        for (sum, value) in sums.iter_mut().zip(row) {
            *sum = fused::<FMA>(*weight, *value, *sum);
        }
    }
    *gathered = sums;
}

#[inline(always)]
fn rms_norm_body<const FMA: bool>(row: &[f32], weight: &[f32], epsilon: f32, out: &mut [f32]) {
    let mut lanes = [0.0_f32; 8];
    for values in row.chunks_exact(8) {
        for (lane, value) in lanes.iter_mut().zip(values) {
            *lane = fused::<FMA>(*value, *value, *lane);
        }
    }
    let rest: f32 = row.chunks_exact(8).remainder().iter().map(|value| value * value).sum();
    let mean = (lanes.iter().sum::<f32>() + rest) / row.len() as f32;
    let scale = 1.0 / (mean + epsilon).sqrt();
    for ((out, value), weight) in out.iter_mut().zip(row).zip(weight) {
        *out = value * scale * weight;
    }
}

#[inline(always)]
fn silu_multiply_body<const FMA: bool>(gate: &mut [f32], up: &[f32]) {
    for (gate, up) in gate.iter_mut().zip(up) {
        *gate = *gate / (1.0 + exp::<FMA>(-*gate)) * up;
    }
}

#[inline(always)]
fn sum_exp_body<const FMA: bool>(row: &[f32], shift: f32) -> f64 {
    let mut total = 0.0_f64;
    for run in row.chunks(64) {
        let mut powers = [0.0_f32; 64];
        for (power, x) in powers.iter_mut().zip(run) {
            *power = exp::<FMA>(x - shift);
        }
        let mut lanes = [0.0_f32; 8];
        for powers in powers.chunks_exact(8) {
            for (lane, power) in lanes.iter_mut().zip(powers) {
                *lane += power;
            }
        }
        total += f64::from(lanes.iter().sum::<f32>());
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_close_everywhere() {
        for step in 0..35_000 {
            let x = -87.0 + step as f32 * 0.005;
            let (plain, fused) = (exp::<false>(x), exp::<true>(x));
            let exact = f64::from(x).exp();
            for value in [plain, fused] {
                assert!(((f64::from(value) - exact) / exact).abs() < 3e-7, "e^{x}: {value} is not {exact}");
            }
        }
        assert!(exp::<false>(f32::NEG_INFINITY) < 1e-37);
        assert!(exp::<false>(f32::NAN).is_nan());
    }

    #[test]
    fn attention_over_blocks_is_a_softmax_over_all_positions() {
        let (head, positions) = (40, 45);
        let key =
            |position: usize, dimension: usize| ((position * 7 + dimension * 3) % 11) as f32 / 5.0 - 1.0;
        let value = |position: usize, dimension: usize| ((position * 5 + dimension) % 13) as f32 - 6.0;
        let query: Vec<f32> = (0..head).map(|dimension| (dimension % 5) as f32 / 3.0 - 0.7).collect();
        let mut state = Softmax::EMPTY;
        let mut gathered = vec![0.0; head];
        for block in 0..2 {
            let first = block * BLOCK;
            // What is not to be seen is poison.
            let poison = |position: usize, x: f32| if position < positions { x } else { f32::NAN };
            let keys: Vec<f32> = (0..head * BLOCK)
                .map(|at| poison(first + at % BLOCK, key(first + at % BLOCK, at / BLOCK)))
                .collect();
            let values: Vec<f32> = (0..head * BLOCK)
                .map(|at| poison(first + at / head, value(first + at / head, at % head)))
                .collect();
            attend(&query, &keys, &values, (positions - first).min(BLOCK), &mut state, &mut gathered);
        }
        state.finish(&mut gathered);
        let score = |position| (0..head).map(|d| f64::from(query[d] * key(position, d))).sum::<f64>();
        let weights: Vec<f64> = (0..positions).map(|position| score(position).exp()).collect();
        let total: f64 = weights.iter().sum();
        for (dimension, gathered) in gathered.iter().enumerate() {
            let exact: f64 =
                (0..positions).map(|p| weights[p] * f64::from(value(p, dimension))).sum::<f64>() / total;
            assert!((f64::from(*gathered) - exact).abs() < 1e-5, "{dimension}");
        }
    }

    #[test]
    fn widening_is_exact() {
        let narrow: Vec<f16> = (0..64).map(|n| f16::from_f32(n as f32 * 1.7 - 50.0)).collect();
        let mut wide = vec![0.0; 64];
        widen(&narrow, &mut wide);
        assert!(wide.iter().zip(&narrow).all(|(wide, narrow)| *wide == narrow.to_f32()));
    }

    #[test]
    fn sums_of_powers_are_close() {
        let row: Vec<f32> = (0..1001).map(|n| (n % 37) as f32 / 3.0 - 8.0).collect();
        let exact: f64 = row.iter().map(|x| (f64::from(*x) - 4.0).exp()).sum();
        assert!((sum_exp(&row, 4.0) / exact - 1.0).abs() < 1e-6);
    }
}
