//! Matrices of the types without own kernels, multiplied by candle's.

use std::borrow::Cow;
use std::sync::Arc;

use candle_core::quantized::{GgmlDType, QMatMul, QStorage, QTensor};
use candle_core::{Device, Module, Tensor};

use super::Error;

/// Candle reads its blocks in place and wants them aligned as their types are; none needs more than this.
const ALIGNMENT: usize = 8;

/// A matrix in candle's hands.
pub(super) struct Fallback {
    weights: QMatMul,
    rows: usize,
    cols: usize,
    bytes: usize,
}

impl Fallback {
    /// `bytes` has been checked against the shape.
    pub(super) fn new(dtype: GgmlDType, rows: usize, cols: usize, bytes: &[u8]) -> Result<Self, Error> {
        let storage = if bytes.as_ptr().addr().is_multiple_of(ALIGNMENT) {
            QStorage::from_data(Cow::Borrowed(bytes), &Device::Cpu, dtype)?
        } else {
            let shift = ALIGNMENT - 1;
            let mut copy = vec![0; bytes.len() + shift];
            let start = copy.as_ptr().addr().next_multiple_of(ALIGNMENT) - copy.as_ptr().addr();
            let aligned = &mut copy[start..start + bytes.len()];
            aligned.copy_from_slice(bytes);
            QStorage::from_data(Cow::Borrowed(aligned), &Device::Cpu, dtype)?
        };
        let tensor = QTensor::new(storage, (rows, cols))?;
        let (weights, bytes) = match dtype {
            GgmlDType::F32 | GgmlDType::F16 | GgmlDType::BF16 => {
                (QMatMul::Tensor(tensor.dequantize(&Device::Cpu)?), rows * cols * size_of::<f32>())
            }
            _ => (QMatMul::QTensor(Arc::new(tensor)), bytes.len()),
        };
        Ok(Self { weights, rows, cols, bytes })
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    pub(super) fn cols(&self) -> usize {
        self.cols
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn matmul(&self, x: &[f32], m: usize, out: &mut [f32]) {
        let product =
            Tensor::from_slice(x, (m, self.cols), &Device::Cpu).and_then(|x| self.weights.forward(&x));
        deliver(product, out);
        // Candle rounds activations to whole numbers first, where what is no number becomes 0 and goes unnoticed.
        for (x, out) in x.chunks_exact(self.cols).zip(out.chunks_exact_mut(self.rows)) {
            if !x.iter().all(|number| number.is_finite()) {
                out.fill(f32::NAN);
            }
        }
    }

    pub(super) fn row(&self, index: usize, out: &mut [f32]) {
        let row = u32::try_from(index)
            .map_err(candle_core::Error::wrap)
            .and_then(|index| Tensor::from_slice(&[index], 1, &Device::Cpu))
            .and_then(|index| self.weights.embedding(&index));
        deliver(row, out);
    }
}

/// Copies the tensor to `out`. Shapes were checked at load, so candle has no reason to fail; if it does all the same, the
/// numbers are NaN, which the caller meets as such, and the log says why.
fn deliver(tensor: candle_core::Result<Tensor>, out: &mut [f32]) {
    match tensor.and_then(|tensor| tensor.flatten_all()).and_then(|tensor| tensor.to_vec1::<f32>()) {
        Ok(numbers) if numbers.len() == out.len() => out.copy_from_slice(&numbers),
        Ok(numbers) => {
            tracing::error!(expected = out.len(), found = numbers.len(), "candle: length of a product");
            out.fill(f32::NAN);
        }
        Err(error) => {
            tracing::error!(%error, "candle: product");
            out.fill(f32::NAN);
        }
    }
}
