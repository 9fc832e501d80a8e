//! What happens to the rows of a step between products: norms, activations, sums.

use super::lanes::{LANES, Lanes, dispatched};

dispatched! {
    /// `out = row / √(mean of squares + epsilon) · weight`.
    fn rms_norm(row: &[f32], weight: &[f32], epsilon: f32, out: &mut [f32]) = rms_norm_body
}

dispatched! {
    /// The same where the row is.
    fn rms_norm_in_place(row: &mut [f32], weight: &[f32], epsilon: f32) = rms_norm_in_place_body
}

dispatched! {
    /// `gate = gate · sigmoid(gate) · up`.
    fn silu_multiply(gate: &mut [f32], up: &[f32]) = silu_multiply_body
}

dispatched! {
    /// `gate = gelu(gate) · up`, gelu by its approximation with tanh.
    fn gelu_multiply(gate: &mut [f32], up: &[f32]) = gelu_multiply_body
}

dispatched! {
    /// `x = cap · tanh(x / cap)`.
    fn soft_cap(row: &mut [f32], cap: f32) = soft_cap_body
}

dispatched! {
    /// `Σ e^(x − shift)`, in f64 over vectors.
    fn sum_exp(row: &[f32], shift: f32) -> f64 = sum_exp_body
}

dispatched! {
    /// The largest number; NaNs do not count.
    fn largest(row: &[f32]) -> f32 = largest_body
}

/// `to += more`.
pub(crate) fn add(to: &mut [f32], more: &[f32]) {
    to.iter_mut().zip(more).for_each(|(to, more)| *to += more);
}

/// The numbers of a last, shorter vector, with `filling` after them.
#[inline(always)]
fn padded(rest: &[f32], filling: f32) -> [f32; LANES] {
    let mut all = [filling; LANES];
    all[..rest.len()].copy_from_slice(rest);
    all
}

/// Replaces every number by an expression of it and of the other row's number, vector by vector. A macro, because a
/// closure would not be compiled for the instructions of the function around it.
macro_rules! map {
    ($row:expr, $other:expr, |$number:ident, $of_other:ident| $result:expr) => {
        let (vectors, rest) = $row.as_chunks_mut::<LANES>();
        let (others, other_rest) = $other.as_chunks::<LANES>();
        for (vector, other) in vectors.iter_mut().zip(others) {
            let ($number, $of_other) = (V::load(vector), V::load(other));
            $result.store(vector);
        }
        if !rest.is_empty() {
            let mut all = padded(rest, 0.0);
            let ($number, $of_other) = (V::load(&all), V::load(&padded(other_rest, 0.0)));
            $result.store(&mut all);
            rest.copy_from_slice(&all[..rest.len()]);
        }
    };
}

/// 1 / √(mean of squares + epsilon).
#[inline(always)]
fn norm_scale<V: Lanes>(row: &[f32], epsilon: f32) -> f32 {
    let (vectors, rest) = row.as_chunks::<LANES>();
    let mut squares = V::splat(0.0);
    for vector in vectors {
        let vector = V::load(vector);
        squares = vector.fma(vector, squares);
    }
    let rest = V::load(&padded(rest, 0.0));
    let mean = rest.fma(rest, squares).total() / row.len() as f32;
    1.0 / (mean + epsilon).sqrt()
}

#[inline(always)]
fn rms_norm_body<V: Lanes>(row: &[f32], weight: &[f32], epsilon: f32, out: &mut [f32]) {
    let scale = norm_scale::<V>(row, epsilon);
    for ((out, value), weight) in out.iter_mut().zip(row).zip(weight) {
        *out = value * scale * weight;
    }
}

#[inline(always)]
fn rms_norm_in_place_body<V: Lanes>(row: &mut [f32], weight: &[f32], epsilon: f32) {
    let scale = norm_scale::<V>(row, epsilon);
    for (value, weight) in row.iter_mut().zip(weight) {
        *value *= scale * weight;
    }
}

#[inline(always)]
fn silu_multiply_body<V: Lanes>(gate: &mut [f32], up: &[f32]) {
    let (zero, one) = (V::splat(0.0), V::splat(1.0));
    map!(gate, up, |x, up| x.div(one.add(zero.sub(x).exp())).mul(up));
}

#[inline(always)]
fn gelu_multiply_body<V: Lanes>(gate: &mut [f32], up: &[f32]) {
    // ½·x·(1 + tanh(y)) = x / (1 + e^(−2y)), y = √(2/π)·(x + 0.044715·x³).
    let (one, cubic, twice) = (V::splat(1.0), V::splat(0.044_715), V::splat(-2.0 * 0.797_884_6));
    map!(gate, up, |x, up| x.div(one.add(x.mul(x).mul(cubic).fma(x, x).mul(twice).exp())).mul(up));
}

#[inline(always)]
fn soft_cap_body<V: Lanes>(row: &mut [f32], cap: f32) {
    // tanh(y) = 1 − 2 / (e^(2y) + 1).
    let (one, two) = (V::splat(1.0), V::splat(2.0));
    let (cap, twice) = (V::splat(cap), V::splat(2.0 / cap));
    let (vectors, rest) = row.as_chunks_mut::<LANES>();
    for vector in vectors {
        cap.mul(one.sub(two.div(V::load(vector).mul(twice).exp().add(one)))).store(vector);
    }
    let mut all = padded(rest, 0.0);
    cap.mul(one.sub(two.div(V::load(&all).mul(twice).exp().add(one)))).store(&mut all);
    rest.copy_from_slice(&all[..rest.len()]);
}

#[inline(always)]
fn sum_exp_body<V: Lanes>(row: &[f32], shift: f32) -> f64 {
    let (vectors, rest) = row.as_chunks::<LANES>();
    let shift = V::splat(shift);
    let mut total = 0.0;
    for run in vectors.chunks(8) {
        let mut sum = V::splat(0.0);
        for vector in run {
            sum = sum.add(V::load(vector).sub(shift).exp());
        }
        total += f64::from(sum.total());
    }
    let last = V::load(&padded(rest, f32::NEG_INFINITY)).sub(shift).exp();
    let mut lanes = [0.0; LANES];
    last.store(&mut lanes);
    total + lanes[..rest.len()].iter().map(|power| f64::from(*power)).sum::<f64>()
}

#[inline(always)]
fn largest_body<V: Lanes>(row: &[f32]) -> f32 {
    let (vectors, rest) = row.as_chunks::<LANES>();
    let mut largest = V::load(&padded(rest, f32::NEG_INFINITY)).max(V::splat(f32::NEG_INFINITY));
    for vector in vectors {
        largest = V::load(vector).max(largest);
    }
    largest.largest()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::{Isa, Path};

    /// A row with a last vector that is not full.
    fn row(shift: usize) -> Vec<f32> {
        (0..101).map(|n| ((n * 29 + shift * 17) % 67) as f32 / 7.0 - 4.5).collect()
    }

    fn close(found: &[f32], expected: impl Iterator<Item = f64>, what: &str) {
        for (found, expected) in found.iter().zip(expected) {
            let error = (f64::from(*found) - expected).abs();
            assert!(error <= 1e-6 * (1.0 + expected.abs()), "{what}: {found} is not {expected}");
        }
    }

    #[test]
    fn activations_are_close_to_their_formulas() {
        for path in Isa::available().into_iter().filter_map(Path::of) {
            let (gate, up) = (row(0), row(1));
            let pairs = || gate.iter().zip(&up).map(|(gate, up)| (f64::from(*gate), f64::from(*up)));
            let mut silu = gate.clone();
            silu_multiply(path, &mut silu, &up);
            close(&silu, pairs().map(|(x, up)| x / (1.0 + (-x).exp()) * up), "silu");
            let mut gelu = gate.clone();
            gelu_multiply(path, &mut gelu, &up);
            let inner = |x: f64| (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x.powi(3));
            close(&gelu, pairs().map(|(x, up)| 0.5 * x * (1.0 + inner(x).tanh()) * up), "gelu");
            let mut capped = gate.clone();
            soft_cap(path, &mut capped, 3.0);
            close(&capped, pairs().map(|(x, _)| 3.0 * (x / 3.0).tanh()), "cap");
        }
    }

    #[test]
    fn a_norm_divides_by_the_root_of_the_mean_square() {
        let (row, weight) = (row(0), row(2));
        let mean: f64 = row.iter().map(|x| f64::from(x * x)).sum::<f64>() / row.len() as f64;
        for path in Isa::available().into_iter().filter_map(Path::of) {
            let mut out = vec![0.0; row.len()];
            rms_norm(path, &row, &weight, 1e-5, &mut out);
            let exact =
                row.iter().zip(&weight).map(|(x, w)| f64::from(*x) / (mean + 1e-5).sqrt() * f64::from(*w));
            close(&out, exact, "norm");
        }
    }

    #[test]
    fn sums_of_powers_and_the_largest_are_those_of_the_row() {
        let row: Vec<f32> = (0..1001).map(|n| (n % 37) as f32 / 3.0 - 8.0).collect();
        let exact: f64 = row.iter().map(|x| (f64::from(*x) - 4.0).exp()).sum();
        for path in Isa::available().into_iter().filter_map(Path::of) {
            assert!((sum_exp(path, &row, 4.0) / exact - 1.0).abs() < 1e-6);
            assert_eq!(largest(path, &row), 4.0);
            assert_eq!(largest(path, &[f32::NAN, -1.0]), -1.0);
            assert_eq!(largest(path, &[f32::NAN; 40]), f32::NEG_INFINITY);
        }
    }
}
