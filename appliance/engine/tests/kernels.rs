//! The kernels against an independent computation: gate A of the engine, for every type that a file may have.
#![expect(clippy::unwrap_used, reason = "the helpers of these tests fail as the tests do")]

use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Tensor};
use half::f16;
use redoubt_engine::kernels::{Error, Isa, Matrix, Team};

/// The types with own kernels.
const OWN: [GgmlDType; 8] = [
    GgmlDType::Q4_0,
    GgmlDType::Q4_1,
    GgmlDType::Q4K,
    GgmlDType::Q5_0,
    GgmlDType::Q5_1,
    GgmlDType::Q5K,
    GgmlDType::Q6K,
    GgmlDType::Q8_0,
];

/// The types that go through candle.
const OTHERS: [GgmlDType; 5] =
    [GgmlDType::F32, GgmlDType::F16, GgmlDType::BF16, GgmlDType::Q2K, GgmlDType::Q3K];

/// A matrix as a file holds it, and what candle says its weights are.
struct Sample {
    rows: usize,
    cols: usize,
    bytes: Vec<u8>,
    weights: Vec<f32>,
}

impl Sample {
    /// Random numbers, quantized by candle.
    fn new(dtype: GgmlDType, rows: usize, cols: usize) -> Self {
        let numbers = Tensor::from_vec(numbers(rows * cols, 1), (rows, cols), &Device::Cpu).unwrap();
        let quantized = QTensor::quantize(&numbers, dtype).unwrap();
        let weights = quantized.dequantize(&Device::Cpu).unwrap().flatten_all().unwrap().to_vec1().unwrap();
        Self { rows, cols, bytes: quantized.data().unwrap().into_owned(), weights }
    }

    fn matrix(&self, dtype: GgmlDType, isa: Isa) -> Matrix {
        Matrix::from_gguf(dtype, self.rows, self.cols, &self.bytes, isa, &Team::new(2)).unwrap()
    }
}

/// Numbers between -1 and 1.
fn numbers(count: usize, seed: u32) -> Vec<f32> {
    let mut state = seed;
    (0..count)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / 8_388_608.0 - 1.0
        })
        .collect()
}

/// What llama.cpp's Q8_0 makes of activations, in blocks of 32: a whole number times a scale rounded to f16 each.
fn quantized(x: &[f32]) -> Vec<f64> {
    let mut numbers = Vec::new();
    for x in x.chunks(32) {
        let largest = x.iter().fold(0.0_f32, |largest, x| largest.max(x.abs()));
        let inverse = if largest > 0.0 { 127.0 / largest } else { 0.0 };
        let scale = f16::from_f32(largest / 127.0).to_f64();
        numbers.extend(x.iter().map(|x| f64::from((x * inverse).round_ties_even()) * scale));
    }
    numbers
}

#[test]
fn own_products_are_the_products_of_the_quantized_activations() {
    let team = Team::new(2);
    for dtype in OWN {
        let block = dtype.block_size();
        for (rows, cols) in [(1, block), (7, 3 * block), (9, 1536), (33, 2 * block), (100, block)] {
            let sample = Sample::new(dtype, rows, cols);
            for isa in Isa::available() {
                let matrix = sample.matrix(dtype, isa);
                for m in (1..=9).chain([16, 33]) {
                    let x = numbers(m * cols, m as u32);
                    let mut out = vec![f32::NAN; m * rows];
                    matrix.matmul(&x, m, &mut out, &team).unwrap();
                    for (x, out) in x.chunks(cols).zip(out.chunks(rows)) {
                        let x = quantized(x);
                        for (weights, out) in sample.weights.chunks(cols).zip(out) {
                            let terms = weights.iter().zip(&x).map(|(weight, x)| f64::from(*weight) * x);
                            let (sum, magnitude) =
                                terms.fold((0.0, 0.0), |(sum, all), term| (sum + term, all + term.abs()));
                            let error = (f64::from(*out) - sum).abs();
                            assert!(
                                error <= 1e-5 * magnitude,
                                "{dtype:?} {isa:?} {rows} × {cols}, m = {m}: {error} of {magnitude}"
                            );
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn integer_sums_are_exact() {
    // Scales of 1 on both sides and no offset: the product is the integer sum itself.
    let team = Team::new(2);
    let (rows, cols) = (19, 160);
    for dtype in [GgmlDType::Q4_0, GgmlDType::Q4_1, GgmlDType::Q8_0] {
        let one = f16::ONE.to_le_bytes();
        let codes: Vec<u8> = numbers(rows * cols, 5).iter().map(|x| (x * 127.9) as i8 as u8).collect();
        let mut bytes = Vec::new();
        let mut weights: Vec<i64> = Vec::new();
        for block in codes.chunks_exact(32) {
            bytes.extend(one);
            match dtype {
                GgmlDType::Q8_0 => {
                    bytes.extend(block);
                    weights.extend(block.iter().map(|&code| i64::from(code as i8)));
                }
                _ => {
                    let centre = if dtype == GgmlDType::Q4_0 { 8 } else { 0 };
                    bytes.extend([0; 2].iter().filter(|_| dtype == GgmlDType::Q4_1));
                    bytes.extend(&block[..16]);
                    weights.extend(block[..16].iter().map(|code| i64::from(code & 15) - centre));
                    weights.extend(block[..16].iter().map(|code| i64::from(code >> 4) - centre));
                }
            }
        }
        let matrix = Matrix::from_gguf(dtype, rows, cols, &bytes, Isa::best(), &team).unwrap();
        for m in (1..=9).chain([16, 33]) {
            let mut x: Vec<f32> = numbers(m * cols, 9).iter().map(|x| (x * 127.0).round()).collect();
            x.chunks_exact_mut(32).for_each(|block| block[7] = 127.0);
            let mut out = vec![f32::NAN; m * rows];
            matrix.matmul(&x, m, &mut out, &team).unwrap();
            for (token, row) in (0..m).flat_map(|token| (0..rows).map(move |row| (token, row))) {
                let weights = &weights[row * cols..][..cols];
                let exact: i64 = weights
                    .iter()
                    .zip(&x[token * cols..][..cols])
                    .map(|(weight, x)| weight * *x as i64)
                    .sum();
                assert_eq!(out[token * rows + row], exact as f32, "{dtype:?}, m = {m}");
            }
        }
    }
}

#[test]
fn products_of_all_types_are_close_to_the_unquantized_ones() {
    let team = Team::new(2);
    for dtype in OWN.into_iter().chain(OTHERS) {
        let sample = Sample::new(dtype, 37, 512);
        let matrix = sample.matrix(dtype, Isa::best());
        for m in [1, 3, 4, 17] {
            let x = numbers(m * sample.cols, 3);
            let mut out = vec![f32::NAN; m * sample.rows];
            matrix.matmul(&x, m, &mut out, &team).unwrap();
            for (x, out) in x.chunks(sample.cols).zip(out.chunks(sample.rows)) {
                for (weights, out) in sample.weights.chunks(sample.cols).zip(out) {
                    let terms = weights.iter().zip(x).map(|(weight, x)| f64::from(*weight) * f64::from(*x));
                    let (sum, squares) =
                        terms.fold((0.0, 0.0), |(sum, squares), t| (sum + t, squares + t * t));
                    let error = (f64::from(*out) - sum).abs();
                    assert!(error <= 0.05 * f64::sqrt(squares), "{dtype:?}, m = {m}: {out} for {sum}");
                }
            }
        }
    }
}

#[test]
fn rows_are_what_candle_dequantizes() {
    for dtype in OWN.into_iter().chain(OTHERS) {
        let sample = Sample::new(dtype, 21, 512);
        for isa in Isa::available() {
            let matrix = sample.matrix(dtype, isa);
            assert_eq!((matrix.rows(), matrix.cols()), (sample.rows, sample.cols));
            for (index, expected) in sample.weights.chunks(sample.cols).enumerate() {
                let mut row = vec![f32::NAN; sample.cols];
                matrix.row(index, &mut row);
                assert_eq!(row, expected, "{dtype:?} {isa:?} row {index}");
            }
        }
    }
}

#[test]
fn own_matrices_take_no_more_memory_than_the_file() {
    for (dtype, isa) in
        OWN.into_iter().flat_map(|dtype| Isa::available().into_iter().map(move |isa| (dtype, isa)))
    {
        let sample = Sample::new(dtype, 64, 768);
        assert_eq!(sample.matrix(dtype, isa).bytes(), sample.bytes.len(), "{dtype:?} {isa:?}");
    }
}

#[test]
fn data_may_lie_at_any_address() {
    let team = Team::new(1);
    for dtype in OWN.into_iter().chain(OTHERS) {
        let sample = Sample::new(dtype, 3, 256);
        for shift in 0..9 {
            let mut shifted = vec![0; shift];
            shifted.extend(&sample.bytes);
            let matrix = Matrix::from_gguf(dtype, 3, 256, &shifted[shift..], Isa::best(), &team).unwrap();
            let mut row = vec![f32::NAN; 256];
            matrix.row(2, &mut row);
            assert_eq!(row, sample.weights[512..], "{dtype:?} at {shift}");
        }
    }
}

#[test]
fn damaged_shapes_and_lengths_are_refused() {
    let team = Team::new(1);
    for dtype in OWN.into_iter().chain(OTHERS) {
        let sample = Sample::new(dtype, 5, 512);
        let from = |rows, cols, bytes: &[u8]| Matrix::from_gguf(dtype, rows, cols, bytes, Isa::best(), &team);
        let short = &sample.bytes[..sample.bytes.len() - 1];
        let long = [&sample.bytes[..], &[0]].concat();
        for bytes in [short, &long, &[]] {
            assert!(matches!(from(5, 512, bytes), Err(Error::Length { .. })), "{dtype:?} {}", bytes.len());
        }
        for (rows, cols) in [(0, 512), (5, 0), (usize::MAX, 512), (1 << 60, 1 << 60)] {
            assert!(
                matches!(from(rows, cols, &sample.bytes), Err(Error::Shape { .. })),
                "{dtype:?} {rows} {cols}"
            );
        }
        if dtype.block_size() > 1 {
            assert!(matches!(from(5, 511, &sample.bytes), Err(Error::Shape { .. })), "{dtype:?}");
        }
    }
    for dtype in [GgmlDType::Q8_1, GgmlDType::Q8K] {
        assert!(matches!(
            Matrix::from_gguf(dtype, 1, 256, &[0; 256], Isa::best(), &team),
            Err(Error::Type { .. })
        ));
    }
}

#[test]
fn zero_scales_and_zero_activations_give_zero() {
    let team = Team::new(1);
    for dtype in OWN {
        let sample = Sample::new(dtype, 9, 256);
        let mut out = [f32::NAN; 18];
        sample.matrix(dtype, Isa::best()).matmul(&[0.0; 512], 2, &mut out, &team).unwrap();
        assert_eq!(out, [0.0; 18]);
        let zeros = vec![0; sample.bytes.len()];
        let zero = Matrix::from_gguf(dtype, 9, 256, &zeros, Isa::best(), &team).unwrap();
        out.fill(f32::NAN);
        zero.matmul(&numbers(512, 1), 2, &mut out, &team).unwrap();
        assert_eq!(out, [0.0; 18]);
    }
}

#[test]
fn huge_and_tiny_activations_stay_finite() {
    let team = Team::new(1);
    for dtype in OWN {
        let sample = Sample::new(dtype, 9, 256);
        for x in [1e-45, 1e-38, 1e-6, 1e6, 1e9, 1e30] {
            let mut out = [f32::NAN; 9];
            sample.matrix(dtype, Isa::best()).matmul(&[x; 256], 1, &mut out, &team).unwrap();
            assert!(out.iter().all(|number| number.is_finite()), "{dtype:?} {x}");
        }
    }
}
