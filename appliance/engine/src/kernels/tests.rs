//! The paths against each other: every instruction set of this processor gives the portable code's numbers bit by bit.
#![expect(unsafe_code, reason = "a quantizer leaves it to its caller to keep threads apart")]

use candle_core::quantized::GgmlDType;
use half::f16;
use proptest::prelude::*;

use super::activations::{self, Activations, BLOCK, Block, Quantizer};
use super::isa::{Isa, Path};
use super::{Matrix, Team};

/// The types with own kernels.
const TYPES: [GgmlDType; 8] = [
    GgmlDType::Q4_0,
    GgmlDType::Q4_1,
    GgmlDType::Q4K,
    GgmlDType::Q5_0,
    GgmlDType::Q5_1,
    GgmlDType::Q5K,
    GgmlDType::Q6K,
    GgmlDType::Q8_0,
];

/// Where a block of the file has f16 numbers.
fn halves(dtype: GgmlDType) -> &'static [usize] {
    match dtype {
        GgmlDType::Q4_1 | GgmlDType::Q5_1 | GgmlDType::Q4K | GgmlDType::Q5K => &[0, 2],
        GgmlDType::Q6K => &[208],
        _ => &[0],
    }
}

/// A matrix of any of the types as bytes: each byte `code(n)`, except that f16 numbers are `scale(n)`.
fn weights(
    dtype: GgmlDType,
    count: usize,
    seed: u64,
    code: impl Fn(u64) -> u8,
    scale: impl Fn(u64) -> f16,
) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    };
    let bytes = count / dtype.block_size() * dtype.type_size();
    let mut bytes: Vec<u8> = (0..bytes).map(|_| code(next())).collect();
    for block in bytes.chunks_exact_mut(dtype.type_size()) {
        for at in halves(dtype) {
            block[*at..at + 2].copy_from_slice(&scale(next()).to_le_bytes());
        }
    }
    bytes
}

fn any_code(n: u64) -> u8 {
    n.to_le_bytes()[0]
}

/// Scales from subnormal to large, of both signs, and zero.
fn any_scale(n: u64) -> f16 {
    match n % 8 {
        0 => f16::ZERO,
        1 => f16::from_bits(1 + (n >> 8) as u16 % 0x3ff),
        2 => f16::from_f32(1000.0),
        _ => f16::from_f32(((n >> 8) % 2001) as f32 / 1000.0 - 1.0),
    }
}

fn numbers(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed | 1;
    (0..count)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let magnitude = [1.0, 1e-3, 1e-38, 300.0][(state >> 40) as usize % 4];
            ((state >> 44) as f32 / 524_288.0 - 1.0) * magnitude
        })
        .collect()
}

fn bits(numbers: &[f32]) -> Vec<u32> {
    numbers.iter().map(|number| number.to_bits()).collect()
}

/// The product one activation row at a time on one thread.
fn one_by_one(matrix: &Matrix, x: &[f32], alone: &Team) -> Vec<f32> {
    let mut out = vec![f32::NAN; x.len() / matrix.cols() * matrix.rows()];
    for (x, out) in x.chunks_exact(matrix.cols()).zip(out.chunks_exact_mut(matrix.rows())) {
        matrix.matmul(x, 1, out, alone).unwrap();
    }
    out
}

fn assert_equal_everywhere(dtype: GgmlDType, rows: usize, blocks: usize, seed: u64) {
    let cols = blocks * dtype.block_size();
    let teams = [Team::new(1), Team::new(2), Team::new(3)];
    let bytes = weights(dtype, rows * cols, seed, any_code, any_scale);
    let matrix = |isa, team| Matrix::from_gguf(dtype, rows, cols, &bytes, isa, team).unwrap();
    let x = numbers(33 * cols, seed);
    let expected = one_by_one(&matrix(Isa::Portable, &teams[0]), &x, &teams[0]);
    assert!(expected.iter().all(|number| number.is_finite()));
    for isa in Isa::available() {
        let matrix = matrix(isa, &teams[2]);
        for m in (1..=9).chain([16, 33]) {
            for team in &teams {
                let mut out = vec![f32::NAN; m * rows];
                matrix.matmul(&x[..m * cols], m, &mut out, team).unwrap();
                assert_eq!(
                    bits(&out),
                    bits(&expected[..m * rows]),
                    "{dtype:?} on {isa:?}: {rows} × {cols}, m = {m}, {} threads",
                    team.threads()
                );
            }
        }
    }
}

#[test]
fn products_do_not_depend_on_instructions_batch_or_threads() {
    for dtype in TYPES {
        for (rows, blocks) in [(1, 1), (7, 3), (8, 2), (16, 1), (9, 5), (40, 2), (75, 7), (101, 1), (150, 2)]
        {
            assert_equal_everywhere(dtype, rows, blocks, (rows * blocks) as u64);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn products_of_any_shape_do_not_depend_on_instructions_batch_or_threads(
        rows in 1_usize..160, blocks in 1_usize..6, seed: u64, dtype in prop::sample::select(&TYPES[..]),
    ) {
        assert_equal_everywhere(dtype, rows, blocks, seed);
    }

    #[test]
    fn all_instructions_quantize_alike(x in prop::collection::vec(any::<f32>(), BLOCK * 3)) {
        let quantize = |path| {
            let mut blocks = [Block::ZERO; 3];
            // SAFETY: this is the only thread.
            unsafe { Quantizer::new(path, &mut blocks, 1, x.len()).put(0, 0, &x) };
            let activations = Activations::new(path, &blocks, 1, x.len());
            let blocks = activations.tile(0).blocks().iter();
            blocks.map(|block| (block.q, block.d.to_bits(), block.s.to_bits(), block.sums)).collect::<Vec<_>>()
        };
        let paths: Vec<_> = Isa::available().into_iter().filter_map(Path::of).map(quantize).collect();
        for blocks in &paths {
            prop_assert_eq!(blocks, &paths[0]);
        }
    }
}

#[test]
fn extreme_sums_do_not_overflow() {
    let alone = Team::new(1);
    for dtype in TYPES {
        let cols = 2 * dtype.block_size();
        for code in [0x00, 0x7f, 0x80, 0x81, 0x88, 0xff] {
            let bytes = weights(dtype, 16 * cols, 1, |_| code, |_| f16::ONE);
            for x in [127.0, -127.0] {
                let [portable, others @ ..] = &Isa::available()
                    .into_iter()
                    .map(|isa| {
                        let matrix = Matrix::from_gguf(dtype, 16, cols, &bytes, isa, &alone).unwrap();
                        let mut weight = vec![0.0; cols];
                        matrix.row(9, &mut weight);
                        let out = one_by_one(&matrix, &vec![x; cols], &alone);
                        // Scales and activations are whole numbers: so is the product, and it is exact.
                        let exact: f64 = weight.iter().map(|weight| f64::from(*weight) * f64::from(x)).sum();
                        assert_eq!(f64::from(out[9]), exact, "{dtype:?} {isa:?} {code}");
                        bits(&out)
                    })
                    .collect::<Vec<_>>()[..]
                else {
                    panic!("there is always portable code")
                };
                assert!(others.iter().all(|out| out == portable), "{dtype:?} {code} {x}");
            }
        }
    }
}

#[test]
fn activations_round_half_to_even_as_llama_cpp() {
    let mut x = [0.0; BLOCK];
    x[..6].copy_from_slice(&[127.0, 0.5, 1.5, 2.5, -0.5, -2.5]);
    let block = activations::portable(&x);
    assert_eq!(block.q[..6], [127, 0, 2, 2, 0, -2]);
    assert_eq!((block.d, block.s, block.sums), (1.0, 129.0, [129, 0]));
}

#[test]
fn what_is_not_finite_stays_within_its_row() {
    let team = Team::new(2);
    for (dtype, isa) in
        TYPES.into_iter().flat_map(|dtype| Isa::available().into_iter().map(move |isa| (dtype, isa)))
    {
        let bytes = weights(dtype, 16 * 256, 7, any_code, any_scale);
        let matrix = Matrix::from_gguf(dtype, 16, 256, &bytes, isa, &team).unwrap();
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut x = numbers(5 * 256, 3);
            let mut before = vec![0.0; 5 * 16];
            matrix.matmul(&x, 5, &mut before, &team).unwrap();
            x[2 * 256 + 40] = bad;
            let mut after = vec![0.0; 5 * 16];
            matrix.matmul(&x, 5, &mut after, &team).unwrap();
            assert!(after[32..48].iter().all(|number| number.is_nan()), "{dtype:?} {isa:?} {bad}");
            assert_eq!(bits(&after[..32]), bits(&before[..32]));
            assert_eq!(bits(&after[48..]), bits(&before[48..]));
        }
    }
}

#[test]
fn a_weight_that_is_not_a_number_stays_within_its_row() {
    let team = Team::new(1);
    for (dtype, isa) in
        TYPES.into_iter().flat_map(|dtype| Isa::available().into_iter().map(move |isa| (dtype, isa)))
    {
        let mut bytes = weights(dtype, 20 * 256, 7, any_code, any_scale);
        let at = bytes.len() / 20 * 3 + halves(dtype)[0];
        bytes[at..at + 2].copy_from_slice(&f16::NAN.to_le_bytes());
        let matrix = Matrix::from_gguf(dtype, 20, 256, &bytes, isa, &team).unwrap();
        let out = one_by_one(&matrix, &numbers(3 * 256, 3), &team);
        for (index, number) in out.iter().enumerate() {
            assert_eq!(number.is_nan(), index % 20 == 3, "{dtype:?} {isa:?} {index}");
        }
    }
}
