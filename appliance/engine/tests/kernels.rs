//! The kernels against an independent computation: gate A of the engine, for every type that a file may have.
#![expect(clippy::unwrap_used, reason = "the helpers of these tests fail as the tests do")]

use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Tensor};
use half::f16;
use redoubt_engine::kernels::{Error, Matrix, Team};

/// The types with own kernels.
const OWN: [GgmlDType; 3] = [GgmlDType::Q4_0, GgmlDType::Q4_1, GgmlDType::Q8_0];

/// The types that go through candle.
const OTHERS: [GgmlDType; 10] = [
    GgmlDType::F32,
    GgmlDType::F16,
    GgmlDType::BF16,
    GgmlDType::Q5_0,
    GgmlDType::Q5_1,
    GgmlDType::Q2K,
    GgmlDType::Q3K,
    GgmlDType::Q4K,
    GgmlDType::Q5K,
    GgmlDType::Q6K,
];

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

    fn matrix(&self, dtype: GgmlDType) -> Matrix {
        Matrix::from_gguf(dtype, self.rows, self.cols, &self.bytes).unwrap()
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

/// What llama.cpp's Q8_0 and Q8_1 make of 32 activations: codes, scale, and scale × sum of the codes.
fn quantized(x: &[f32]) -> (Vec<i32>, f64, f64) {
    let largest = x.iter().fold(0.0_f32, |largest, x| largest.max(x.abs()));
    let inverse = if largest > 0.0 { 127.0 / largest } else { 0.0 };
    let codes: Vec<i32> = x.iter().map(|x| (x * inverse).round_ties_even() as i32).collect();
    let scale = largest / 127.0;
    let sum: i32 = codes.iter().sum();
    (codes, f16::from_f32(scale).to_f64(), f16::from_f32(scale * sum as f32).to_f64())
}

/// The product in f64, and the sum of the magnitudes that went into it. `offsets` are the m of Q4_1, one a block.
fn product(weights: &[f32], offsets: Option<&[f64]>, x: &[f32]) -> (f64, f64) {
    let (mut sum, mut magnitude) = (0.0, 0.0);
    for (block, (weights, x)) in weights.chunks(32).zip(x.chunks(32)).enumerate() {
        let (codes, scale, scaled_sum) = quantized(x);
        let offset = offsets.map_or(0.0, |offsets| offsets[block]);
        for (weight, code) in weights.iter().zip(codes) {
            let term = (f64::from(*weight) - offset) * f64::from(code) * scale;
            sum += term;
            magnitude += term.abs();
        }
        sum += offset * scaled_sum;
        magnitude += (offset * scaled_sum).abs();
    }
    (sum, magnitude)
}

/// The offsets of one row of a Q4_1 matrix.
fn offsets(dtype: GgmlDType, row: &[u8]) -> Option<Vec<f64>> {
    let offset = |block: &[u8]| f16::from_le_bytes([block[2], block[3]]).to_f64();
    (dtype == GgmlDType::Q4_1).then(|| row.chunks(20).map(offset).collect())
}

#[test]
fn own_products_are_the_products_of_the_quantized_activations() {
    let team = Team::new(2);
    for dtype in OWN {
        for (rows, cols) in [(1, 32), (7, 96), (9, 576), (33, 1536), (100, 64)] {
            let sample = Sample::new(dtype, rows, cols);
            let matrix = sample.matrix(dtype);
            let row_bytes = sample.bytes.len() / rows;
            for m in (1..=9).chain([16, 33]) {
                let x = numbers(m * cols, m as u32);
                let mut out = vec![f32::NAN; m * rows];
                matrix.matmul(&x, m, &mut out, &team).unwrap();
                for (token, row) in (0..m).flat_map(|token| (0..rows).map(move |row| (token, row))) {
                    let offsets = offsets(dtype, &sample.bytes[row * row_bytes..][..row_bytes]);
                    let weights = &sample.weights[row * cols..][..cols];
                    let (expected, magnitude) =
                        product(weights, offsets.as_deref(), &x[token * cols..][..cols]);
                    let error = (f64::from(out[token * rows + row]) - expected).abs();
                    assert!(
                        error <= 1e-5 * magnitude,
                        "{dtype:?} {rows} × {cols}, m = {m}: {error} of {magnitude}"
                    );
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
    for dtype in OWN {
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
        let matrix = Matrix::from_gguf(dtype, rows, cols, &bytes).unwrap();
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
        let matrix = sample.matrix(dtype);
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
        let matrix = sample.matrix(dtype);
        assert_eq!((matrix.rows(), matrix.cols()), (sample.rows, sample.cols));
        for (index, expected) in sample.weights.chunks(sample.cols).enumerate() {
            let mut row = vec![f32::NAN; sample.cols];
            matrix.row(index, &mut row);
            assert_eq!(row, expected, "{dtype:?} row {index}");
        }
    }
}

#[test]
fn own_matrices_take_no_more_memory_than_the_file() {
    for dtype in OWN {
        let sample = Sample::new(dtype, 64, 576);
        assert!(sample.matrix(dtype).bytes() <= sample.bytes.len() + 64, "{dtype:?}");
    }
}

#[test]
fn data_may_lie_at_any_address() {
    for dtype in OWN.into_iter().chain(OTHERS) {
        let sample = Sample::new(dtype, 3, 256);
        for shift in 0..9 {
            let mut shifted = vec![0; shift];
            shifted.extend(&sample.bytes);
            let matrix = Matrix::from_gguf(dtype, 3, 256, &shifted[shift..]).unwrap();
            let mut row = vec![f32::NAN; 256];
            matrix.row(2, &mut row);
            assert_eq!(row, sample.weights[512..], "{dtype:?} at {shift}");
        }
    }
}

#[test]
fn damaged_shapes_and_lengths_are_refused() {
    for dtype in OWN.into_iter().chain(OTHERS) {
        let sample = Sample::new(dtype, 5, 512);
        let from = |rows, cols, bytes: &[u8]| Matrix::from_gguf(dtype, rows, cols, bytes);
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
        assert!(matches!(Matrix::from_gguf(dtype, 1, 256, &[0; 256]), Err(Error::Type { .. })));
    }
}

#[test]
fn zero_scales_and_zero_activations_give_zero() {
    let team = Team::new(1);
    for dtype in OWN {
        let sample = Sample::new(dtype, 9, 64);
        let mut out = [f32::NAN; 18];
        sample.matrix(dtype).matmul(&[0.0; 128], 2, &mut out, &team).unwrap();
        assert_eq!(out, [0.0; 18]);
        let zero = Matrix::from_gguf(dtype, 9, 64, &vec![0; sample.bytes.len()]).unwrap();
        out.fill(f32::NAN);
        zero.matmul(&numbers(128, 1), 2, &mut out, &team).unwrap();
        assert_eq!(out, [0.0; 18]);
    }
}

#[test]
fn huge_and_tiny_activations_stay_finite() {
    let team = Team::new(1);
    for dtype in OWN {
        let sample = Sample::new(dtype, 9, 64);
        for x in [1e-45, 1e-38, 1e-6, 1e6, 1e9, 1e30] {
            let mut out = [f32::NAN; 9];
            sample.matrix(dtype).matmul(&[x; 64], 1, &mut out, &team).unwrap();
            assert!(out.iter().all(|number| number.is_finite()), "{dtype:?} {x}");
        }
    }
}
