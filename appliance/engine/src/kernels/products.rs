//! Products of one input with several matrices, in one turn of the team.
#![expect(
    unsafe_code,
    reason = "threads write disjoint columns of the outputs, which safe Rust cannot split"
)]

use super::activations::{BLOCK, Quantizer};
use super::fallback::Fallback;
use super::input::Input;
use super::output::{Mode, Output};
use super::team::{Team, share};
use super::{Matrix, Weights};

/// Activation rows from which on a product is cut into [`PIECES`] a thread.
const MANY: usize = 8;

/// Parts a thread of a product with [`MANY`] rows.
const PIECES: usize = 4;

/// A matrix and what is added to its product.
#[derive(Clone, Copy)]
pub(crate) struct Factor<'a> {
    pub(crate) matrix: &'a Matrix,
    /// One number a weight row.
    pub(crate) bias: Option<&'a [f32]>,
}

/// A product to be made: `out[row][rows of the matrix]`.
pub(crate) struct Product<'a> {
    pub(crate) factor: Factor<'a>,
    pub(crate) out: &'a mut [f32],
    pub(crate) mode: Mode,
}

/// Makes all products of `input`.
pub(crate) fn multiply<const N: usize>(input: &Input, products: [Product<'_>; N], team: &Team) {
    let packed = products.map(|Product { factor, out, mode }| match &factor.matrix.weights {
        Weights::Packed(packed) => Some((packed, Output::new(out, packed.rows(), mode, factor.bias))),
        Weights::Candle(fallback) => {
            by_candle(fallback, factor.bias, input, out, mode);
            None
        }
    });
    let activations = input.activations();
    let parts = parts(input.rows(), team);
    team.run_parts(parts, |part| {
        for (packed, out) in packed.iter().flatten() {
            packed.part(&activations, share(packed.groups(), part, parts), out);
        }
    });
}

/// The gated half of a feed-forward layer: makes `activation(gate · input) · (up · input)` the rows of `hidden`.
/// `activation` gets the product with the gate, which it replaces, and that with up. `scratch` has as many numbers as
/// `hidden`.
pub(crate) fn gated(
    input: &Input,
    [gate, up]: [Factor<'_>; 2],
    hidden: &mut Input,
    scratch: &mut [f32],
    team: &Team,
    activation: impl Fn(&mut [f32], &[f32]) + Sync,
) {
    let units = gate.matrix.rows() / BLOCK;
    let whole = gate.matrix.rows().is_multiple_of(BLOCK);
    let (true, Weights::Packed(gates), Weights::Packed(ups)) =
        (whole, &gate.matrix.weights, &up.matrix.weights)
    else {
        let products = [(gate, hidden.parts().0), (up, &mut *scratch)];
        multiply(input, products.map(|(factor, out)| Product { factor, out, mode: Mode::Set }), team);
        let (numbers, quantizer) = hidden.parts();
        return activate(numbers, scratch, &quantizer, input.rows(), &activation);
    };
    let activations = input.activations();
    let (numbers, quantizer) = hidden.parts();
    let gate_out = Output::new(numbers, gates.rows(), Mode::Set, gate.bias);
    let up_out = Output::new(scratch, ups.rows(), Mode::Set, up.bias);
    let parts = parts(input.rows(), team).min(units);
    team.run_parts(parts, |part| {
        let units = share(units, part, parts);
        let groups = units.start * (BLOCK / gates.lanes())..units.end * (BLOCK / gates.lanes());
        let columns = units.start * BLOCK..units.end * BLOCK;
        gates.part(&activations, groups.clone(), &gate_out);
        ups.part(&activations, groups, &up_out);
        for row in 0..input.rows() {
            // SAFETY: these columns are of this part's groups only.
            unsafe {
                let gate = gate_out.columns(row, &columns);
                activation(gate, up_out.columns(row, &columns));
                quantizer.put(row, columns.start, gate);
            }
        }
    });
}

/// The gate's numbers are in `numbers`, those of up in `ups`.
fn activate(
    numbers: &mut [f32],
    ups: &[f32],
    quantizer: &Quantizer<'_>,
    rows: usize,
    activation: &impl Fn(&mut [f32], &[f32]),
) {
    let width = numbers.len() / rows;
    for (row, (gate, up)) in numbers.chunks_exact_mut(width).zip(ups.chunks_exact(width)).enumerate() {
        activation(gate, up);
        // SAFETY: this is the only thread.
        unsafe { quantizer.put(row, 0, gate) };
    }
}

/// Into how many parts a product of so many rows is cut. With several rows the arithmetic is the limit, and smaller
/// parts even out what else the cores have to do. A few rows are limited by memory, which likes long streams.
fn parts(rows: usize, team: &Team) -> usize {
    if rows < MANY { team.threads() } else { team.threads() * PIECES }
}

/// A product of a type without own kernels.
fn by_candle(fallback: &Fallback, bias: Option<&[f32]>, input: &Input, out: &mut [f32], mode: Mode) {
    let mut product = vec![0.0; out.len()];
    fallback.matmul(input.numbers(), input.rows(), &mut product);
    for (out, product) in out.chunks_exact_mut(fallback.rows()).zip(product.chunks_exact(fallback.rows())) {
        match mode {
            Mode::Set => out.copy_from_slice(product),
            Mode::Add => out.iter_mut().zip(product).for_each(|(out, sum)| *out += sum),
        }
        if let Some(bias) = bias {
            out.iter_mut().zip(bias).for_each(|(out, bias)| *out += bias);
        }
    }
}
