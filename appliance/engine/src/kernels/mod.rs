//! The arithmetic of the forward pass: weight matrices at their file's own bit-width and the threads that multiply by them.
//!
//! - [`Matrix`]: `from_gguf`, `matmul`, `row` (embedding). Types of 4, 5, 6 and 8 bits by own kernels, others by candle's.
//! - [`Team`]: persistent threads, `run(|worker, of| …)`.
//! - [`Isa`]: the instruction sets that own kernels have.
//!
//! **Invariant:** each number of an own kernel's product depends on its weight row and its activation row only, bit by
//! bit: not on how many rows travel together, nor on the number of threads, nor on the instruction set. Candle's kernels
//! make no such promise: they choose their code by the number of rows.

mod activations;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod buffer;
mod error;
mod fallback;
mod formats;
mod input;
mod isa;
mod output;
mod packed;
mod parts;
mod portable;
mod products;
mod registers;
mod rows;
mod sweep;
mod team;

#[cfg(test)]
mod tests;

use candle_core::quantized::GgmlDType;

pub use error::Error;
pub use isa::Isa;
pub use team::Team;

pub(crate) use input::Input;
pub(crate) use isa::Path;
pub(crate) use output::Mode;
pub(crate) use products::{Factor, Product, gated, multiply};
pub(crate) use rows::{for_rows, workers};

use fallback::Fallback;
use formats::Kind;
use packed::Packed;

/// A weight matrix of `rows` × `cols` in its file's own bit-width, repacked for the tiles.
pub struct Matrix {
    weights: Weights,
}

enum Weights {
    Packed(Packed),
    Candle(Fallback),
}

impl Matrix {
    /// Takes a tensor of a GGUF file as it lies there, row after row, each of `cols` weights, and repacks it for
    /// products with `isa`, on all threads of the team.
    ///
    /// # Errors
    /// [`Error::Shape`] when a side is 0 or `cols` is no multiple of the type's block, [`Error::Length`] when `bytes`
    /// is not exactly as long as the shape says, [`Error::Type`] for types that are never weights, [`Error::Isa`] when
    /// this processor has no `isa`, [`Error::Memory`] when there is no room.
    pub fn from_gguf(
        dtype: GgmlDType,
        rows: usize,
        cols: usize,
        bytes: &[u8],
        isa: Isa,
        team: &Team,
    ) -> Result<Self, Error> {
        check(dtype, rows, cols, bytes)?;
        let path = Path::of(isa).ok_or(Error::Isa { isa })?;
        let weights = match Kind::of(dtype) {
            Some(kind) => Weights::Packed(Packed::new(kind, path, rows, cols, bytes, team)?),
            None => Weights::Candle(Fallback::new(dtype, rows, cols, bytes)?),
        };
        Ok(Self { weights })
    }

    /// Length of a product: one number a weight row.
    pub fn rows(&self) -> usize {
        match &self.weights {
            Weights::Packed(packed) => packed.rows(),
            Weights::Candle(fallback) => fallback.rows(),
        }
    }

    /// Length of an activation row.
    pub fn cols(&self) -> usize {
        match &self.weights {
            Weights::Packed(packed) => packed.cols(),
            Weights::Candle(fallback) => fallback.cols(),
        }
    }

    /// Memory that the weights take, in bytes.
    pub fn bytes(&self) -> usize {
        match &self.weights {
            Weights::Packed(packed) => packed.bytes(),
            Weights::Candle(fallback) => fallback.bytes(),
        }
    }

    /// `out[m][rows] = x[m][cols] · Wᵀ`, both row-major. With own kernels every weight is read once whatever
    /// `m` is, and an activation row with a NaN or an infinity gives NaN in its own output row and nowhere else.
    ///
    /// # Errors
    /// [`Error::Memory`] for the quantized activations.
    ///
    /// # Panics
    /// When `m` is 0 or a slice is not exactly as long as `m` says: a mistake of the caller.
    pub fn matmul(&self, x: &[f32], m: usize, out: &mut [f32], team: &Team) -> Result<(), Error> {
        assert!(m > 0, "a product of no activation rows");
        assert_eq!(Some(x.len()), m.checked_mul(self.cols()), "activations of a {m}-row product");
        assert_eq!(Some(out.len()), m.checked_mul(self.rows()), "output of a {m}-row product");
        let mut input = Input::new(match &self.weights {
            Weights::Packed(packed) => packed.path(),
            Weights::Candle(_) => Path::best(),
        });
        input.reserve(m, self.cols())?;
        input.fill(&mut [], team, |row, _, numbers| {
            numbers.copy_from_slice(&x[row * self.cols()..(row + 1) * self.cols()]);
        });
        let factor = Factor { matrix: self, bias: None };
        multiply(&input, [Product { factor, out, mode: Mode::Set }], team);
        Ok(())
    }

    /// Writes row `index` to `out` as f32: the embedding of a token.
    ///
    /// # Panics
    /// When there is no such row or `out` is not `cols` long: a mistake of the caller.
    pub fn row(&self, index: usize, out: &mut [f32]) {
        assert!(index < self.rows(), "row {index} of {}", self.rows());
        assert_eq!(out.len(), self.cols(), "output of a row");
        match &self.weights {
            Weights::Packed(packed) => packed.row(index, out),
            Weights::Candle(fallback) => fallback.row(index, out),
        }
    }
}

/// The shape makes sense and the bytes are exactly as many as it needs.
fn check(dtype: GgmlDType, rows: usize, cols: usize, bytes: &[u8]) -> Result<(), Error> {
    if matches!(dtype, GgmlDType::Q8_1 | GgmlDType::Q8K) {
        return Err(Error::Type { dtype });
    }
    let block = dtype.block_size();
    let expected = (cols / block).checked_mul(dtype.type_size()).and_then(|row| row.checked_mul(rows));
    match expected {
        Some(expected) if rows > 0 && cols > 0 && cols.is_multiple_of(block) => {
            if bytes.len() == expected {
                Ok(())
            } else {
                Err(Error::Length { expected, found: bytes.len() })
            }
        }
        _ => Err(Error::Shape { dtype, rows, cols }),
    }
}
