//! The paths against each other: every instruction set of this processor gives the portable code's numbers bit by bit.
#![expect(unsafe_code, reason = "a quantizer leaves it to its caller to keep threads apart")]

use candle_core::quantized::GgmlDType;
use half::f16;
use proptest::prelude::*;

use super::activations::{self, Activations, BLOCK, Block, Quantizer};
use super::isa::{Path, Portable};
use super::output::{Mode, Output};
use super::packed::{Format, Packed};
use super::team::{Team, share};

const PORTABLE: Path = Path::Portable(Portable);

const FORMATS: [(Format, GgmlDType); 3] =
    [(Format::Q4_0, GgmlDType::Q4_0), (Format::Q4_1, GgmlDType::Q4_1), (Format::Q8_0, GgmlDType::Q8_0)];

/// Bytes of a matrix of any of the formats: arbitrary codes, and `scale(n)` for the n-th scale or offset.
fn weights(dtype: GgmlDType, count: usize, seed: u64, scale: impl Fn(u64) -> f16) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    };
    let halves = if dtype == GgmlDType::Q4_1 { 4 } else { 2 };
    let mut bytes: Vec<u8> =
        (0..count / BLOCK * dtype.type_size()).map(|_| next().to_le_bytes()[0]).collect();
    for block in bytes.chunks_exact_mut(dtype.type_size()) {
        for half in block[..halves].as_chunks_mut::<2>().0 {
            *half = scale(next()).to_le_bytes();
        }
    }
    bytes
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

/// The rows of `x`, quantized by the instructions of `path`.
fn quantize(path: Path, x: &[f32], rows: usize) -> Vec<Block> {
    let cols = x.len() / rows;
    let mut blocks = vec![Block::ZERO; x.len() / BLOCK];
    let quantizer = Quantizer::new(path, &mut blocks, rows, cols);
    for (row, x) in x.chunks_exact(cols).enumerate() {
        // SAFETY: this is the only thread.
        unsafe { quantizer.put(row, 0, x) };
    }
    blocks
}

fn matmul(packed: &Packed, path: Path, x: &[f32], m: usize, out: &mut [f32], team: &Team) {
    let blocks = quantize(path, x, m);
    let activations = Activations::new(&blocks, m, packed.cols());
    let out = Output::new(out, packed.rows(), Mode::Set, None);
    team.run(|worker, of| packed.part(&activations, share(packed.groups(), worker, of), &out));
}

/// The product of the portable code, one activation row at a time on one thread.
fn reference(packed: &Packed, x: &[f32], alone: &Team) -> Vec<f32> {
    let mut out = vec![f32::NAN; x.len() / packed.cols() * packed.rows()];
    for (x, out) in x.chunks_exact(packed.cols()).zip(out.chunks_exact_mut(packed.rows())) {
        matmul(packed, PORTABLE, x, 1, out, alone);
    }
    out
}

fn assert_equal_everywhere(rows: usize, blocks: usize, seed: u64) {
    let cols = blocks * BLOCK;
    let teams = [Team::new(1), Team::new(2), Team::new(3)];
    for (format, dtype) in FORMATS {
        let bytes = weights(dtype, rows * cols, seed, any_scale);
        let portable = Packed::new(format, PORTABLE, rows, cols, &bytes).unwrap();
        let x = numbers(33 * cols, seed);
        let expected = reference(&portable, &x, &teams[0]);
        assert!(expected.iter().all(|number| number.is_finite()));
        for path in Path::all() {
            let packed = Packed::new(format, path, rows, cols, &bytes).unwrap();
            for m in (1..=9).chain([16, 33]) {
                for team in &teams {
                    let mut out = vec![f32::NAN; m * rows];
                    matmul(&packed, path, &x[..m * cols], m, &mut out, team);
                    assert_eq!(
                        bits(&out),
                        bits(&expected[..m * rows]),
                        "{format:?} on {path:?}: {rows} × {cols}, m = {m}, {} threads",
                        team.threads()
                    );
                }
            }
        }
    }
}

#[test]
fn products_do_not_depend_on_path_batch_or_threads() {
    for (rows, blocks) in [(1, 1), (7, 3), (8, 2), (9, 18), (40, 5), (75, 7), (101, 1)] {
        assert_equal_everywhere(rows, blocks, (rows * blocks) as u64);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn products_of_any_shape_do_not_depend_on_path_batch_or_threads(
        rows in 1_usize..80, blocks in 1_usize..12, seed: u64,
    ) {
        assert_equal_everywhere(rows, blocks, seed);
    }

    #[test]
    fn every_path_quantizes_alike(x in prop::collection::vec(any::<f32>(), BLOCK * 3)) {
        let bits = |path| quantize(path, &x, 1).iter()
            .map(|block| (block.q, block.d.to_bits(), block.s.to_bits(), block.sum)).collect::<Vec<_>>();
        let expected = bits(PORTABLE);
        for path in Path::all() {
            prop_assert_eq!(&bits(path), &expected);
        }
    }
}

#[test]
fn extreme_sums_do_not_overflow() {
    let alone = Team::new(1);
    for (format, dtype) in FORMATS {
        for code in [0x00, 0x7f, 0x80, 0x81, 0x88, 0xff] {
            let mut bytes = weights(dtype, 8 * 64, 1, |_| f16::ONE);
            let halves = dtype.type_size() - if format == Format::Q8_0 { 32 } else { 16 };
            bytes.chunks_exact_mut(dtype.type_size()).for_each(|block| block[halves..].fill(code));
            for x in [[127.0; 64], [-127.0; 64]] {
                let portable = Packed::new(format, PORTABLE, 8, 64, &bytes).unwrap();
                let expected = reference(&portable, &x, &alone);
                for path in Path::all() {
                    let packed = Packed::new(format, path, 8, 64, &bytes).unwrap();
                    assert_eq!(
                        bits(&reference(&packed, &x, &alone)),
                        bits(&expected),
                        "{format:?} {path:?} {code}"
                    );
                }
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
    assert_eq!((block.d, block.s, block.sum), (1.0, 129.0, 129));
}

#[test]
fn what_is_not_finite_stays_within_its_row() {
    let team = Team::new(2);
    for (format, dtype) in FORMATS {
        let bytes = weights(dtype, 16 * 64, 7, any_scale);
        for path in Path::all() {
            let packed = Packed::new(format, path, 16, 64, &bytes).unwrap();
            for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                let mut x = numbers(5 * 64, 3);
                let mut before = vec![0.0; 5 * 16];
                matmul(&packed, path, &x, 5, &mut before, &team);
                x[2 * 64 + 40] = bad;
                let mut after = vec![0.0; 5 * 16];
                matmul(&packed, path, &x, 5, &mut after, &team);
                assert!(after[32..48].iter().all(|number| number.is_nan()), "{format:?} {path:?} {bad}");
                assert_eq!(bits(&after[..32]), bits(&before[..32]));
                assert_eq!(bits(&after[48..]), bits(&before[48..]));
            }
        }
    }
}
