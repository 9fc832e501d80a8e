//! Model files that lie. Each is refused by its own fault, at once, and for no more memory than twice its size.
//!
//! Named after the advisories in which another reader fell for the same lie.

use crate::allocation;
use crate::support::file;
use redoubt_engine::fixture::Tiny;
use redoubt_engine::gguf::{Error as GgufError, Fault, Gguf};
use redoubt_engine::model::Options;
use redoubt_engine::{Error, Model, inspect};
use std::time::{Duration, Instant};

/// A header, written piece by piece.
#[derive(Clone)]
struct Header {
    bytes: Vec<u8>,
}

impl Header {
    fn new(tensors: u64, keys: u64) -> Header {
        Header { bytes: b"GGUF".to_vec() }.u32(3).u64(tensors).u64(keys)
    }

    fn raw(mut self, bytes: &[u8]) -> Header {
        self.bytes.extend_from_slice(bytes);
        self
    }

    fn u32(self, value: u32) -> Header {
        self.raw(&value.to_le_bytes())
    }

    fn u64(self, value: u64) -> Header {
        self.raw(&value.to_le_bytes())
    }

    fn text(self, text: &str) -> Header {
        self.u64(text.len() as u64).raw(text.as_bytes())
    }

    /// A key with a number.
    fn number(self, key: &str, value: u32) -> Header {
        self.text(key).u32(4).u32(value)
    }

    fn tensor(self, name: &str, shape: &[u64], kind: u32, offset: u64) -> Header {
        let header = self.text(name).u32(shape.len() as u32);
        shape.iter().fold(header, |header, side| header.u64(*side)).u32(kind).u64(offset)
    }

    fn zeros(self, count: usize) -> Header {
        self.raw(&vec![0; count])
    }
}

/// What is wrong with the file; it must be found quickly and cheaply.
fn fault(bytes: &[u8]) -> GgufError {
    let file = file(bytes);
    let started = Instant::now();
    let (result, peak) = allocation::peak(|| Gguf::open(&file));
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    assert!(peak <= 2 * bytes.len().max(4096), "{peak} bytes for a file of {}", bytes.len());
    match result {
        Err(Error::Gguf(error)) => {
            assert!(error.offset <= bytes.len() as u64, "{error}");
            error
        }
        Err(other) => panic!("not found by the first reader: {other}"),
        Ok(_) => panic!("accepted"),
    }
}

fn named<T>(result: Result<T, Error>) -> String {
    match result {
        Err(Error::Unsupported(why) | Error::Model(why)) => why,
        Err(other) => panic!("another error: {other}"),
        Ok(_) => panic!("accepted"),
    }
}

fn with(key: &str, value: candle_core::quantized::gguf_file::Value) -> Vec<u8> {
    Tiny { metadata: vec![(key.to_owned(), value)], ..Tiny::default() }.bytes().unwrap()
}

#[test]
fn empty_and_foreign_files() {
    assert_eq!(fault(b"").fault, Fault::Truncated("the magic number"));
    assert_eq!(fault(b"GG").fault, Fault::Truncated("the magic number"));
    assert_eq!(fault(b"PK\x03\x04 an archive").fault, Fault::NotGguf);
    assert_eq!(fault(&[0; 4096]).fault, Fault::NotGguf);
}

#[test]
fn old_future_and_big_endian_versions() {
    for version in [0, 1, 4, 3_u32.swap_bytes()] {
        let header = Header { bytes: b"GGUF".to_vec() }.u32(version).zeros(64);
        assert_eq!(fault(&header.bytes), GgufError { fault: Fault::Version(version), offset: 4 });
    }
}

#[test]
fn a_file_cut_anywhere_in_its_header_or_data_is_refused() {
    let whole = Tiny::default().bytes().unwrap();
    Gguf::open(&file(&whole)).unwrap();
    let mut cuts: Vec<usize> = (0..whole.len()).step_by(whole.len() / 150).collect();
    cuts.extend([whole.len() - 300, 4, 8, 16, 23, 24]);
    for cut in cuts {
        fault(&whole[..cut]);
    }
}

#[test]
fn cve_2024_23605_key_count_beyond_the_file() {
    for count in [1_u64 << 32, u64::MAX, u64::MAX / 14 + 1, 3] {
        let found = fault(&Header::new(0, count).zeros(30).bytes);
        assert_eq!(found, GgufError { fault: Fault::Count { what: "keys", count }, offset: 16 });
    }
}

#[test]
fn tensor_count_beyond_the_file() {
    for count in [u64::MAX, 1 << 40, u64::MAX / 33 + 1] {
        let found = fault(&Header::new(count, 0).zeros(64).bytes);
        assert_eq!(found, GgufError { fault: Fault::Count { what: "tensors", count }, offset: 8 });
    }
}

#[test]
fn cve_2024_21802_shape_that_is_empty_or_has_too_many_dimensions() {
    for shape in [&[0, 4][..], &[32, 0], &[], &[1, 1, 1, 1, 1], &[u64::MAX, 2], &[1 << 40, 1 << 40]] {
        let header = Header::new(1, 0).tensor("t", shape, 0, 0).zeros(64);
        assert_eq!(fault(&header.bytes).fault, Fault::Shape("t".to_owned()), "{shape:?}");
    }
}

#[test]
fn cve_2025_53630_sizes_whose_sum_overflows() {
    let half = 1_u64 << 62;
    let header =
        Header::new(2, 0).tensor("a", &[half, 1], 10_000, 0).tensor("b", &[half, 1], 0, half).zeros(64);
    assert!(matches!(fault(&header.bytes).fault, Fault::TensorType { .. }));
    let header =
        Header::new(2, 0).tensor("a", &[half], 0, 0).tensor("b", &[half, 1], 0, u64::MAX - 31).zeros(64);
    assert_eq!(fault(&header.bytes).fault, Fault::Shape("a".to_owned()));
}

#[test]
fn cve_2026_27940_size_that_is_small_only_after_overflow() {
    // 2⁶¹ + 8 weights of four bytes are 32 bytes modulo 2⁶⁴.
    let header = Header::new(1, 0).tensor("t", &[(1 << 62) + 8], 0, 0).zeros(128);
    assert_eq!(fault(&header.bytes).fault, Fault::Shape("t".to_owned()));
    let header = Header::new(1, 0).tensor("t", &[32, 1 << 58], 2, 0).zeros(128);
    assert!(matches!(fault(&header.bytes).fault, Fault::Shape(_) | Fault::Outside(_)));
}

#[test]
fn cve_2026_33298_bytes_of_a_quantized_tensor_beyond_the_file() {
    let header = Header::new(1, 0).tensor("t", &[256, 1 << 20], 12, 0).zeros(4096);
    assert_eq!(fault(&header.bytes).fault, Fault::Outside("t".to_owned()));
}

#[test]
fn cve_2024_12055_and_cve_2026_7482_tensor_data_outside_the_file() {
    for offset in [1 << 32, 4096, u64::MAX - 31, u64::MAX - 63] {
        let header = Header::new(1, 0).tensor("t", &[16], 0, offset).zeros(128);
        assert_eq!(fault(&header.bytes).fault, Fault::Outside("t".to_owned()), "{offset}");
    }
}

#[test]
fn cve_2025_66960_string_lengths_beyond_the_file() {
    for length in [u64::MAX, 1 << 31, 1 << 63, 100] {
        let key = Header::new(0, 1).u64(length).zeros(32);
        assert_eq!(fault(&key.bytes).fault, Fault::Truncated("a key"));
        let value = Header::new(0, 1).text("k").u32(8).u64(length).zeros(32);
        assert_eq!(fault(&value.bytes).fault, Fault::Truncated("a string"));
        let name = Header::new(1, 0).u64(length).zeros(64);
        assert_eq!(fault(&name.bytes).fault, Fault::Truncated("a tensor's name"));
    }
}

#[test]
fn names_that_are_empty_endless_or_not_text() {
    for name in ["", "a\0b", &"n".repeat(2000)] {
        let key = Header::new(0, 1).text(name).u32(4).u32(1).zeros(32);
        assert_eq!(fault(&key.bytes).fault, Fault::Text("a key"), "{name:?}");
        let tensor = Header::new(1, 0).tensor(name, &[8], 0, 0).zeros(96);
        assert_eq!(fault(&tensor.bytes).fault, Fault::Text("a tensor's name"), "{name:?}");
    }
    let key = Header::new(0, 1).u64(2).raw(&[0xff, 0xfe]).u32(4).u32(1).zeros(32);
    assert_eq!(fault(&key.bytes).fault, Fault::Text("a key"));
}

#[test]
fn alignments_that_are_no_alignment() {
    for alignment in [0, 1, 3, 24, 0x8000_0000, 1 << 17] {
        let header = Header::new(0, 1).number("general.alignment", alignment).zeros(64);
        assert_eq!(fault(&header.bytes).fault, Fault::Alignment, "{alignment}");
    }
    let text = Header::new(0, 1).text("general.alignment").u32(8).text("32").zeros(64);
    assert_eq!(fault(&text.bytes).fault, Fault::Alignment);
}

#[test]
fn data_that_is_unaligned_or_shared() {
    let header = Header::new(1, 0).tensor("t", &[8], 0, 4).zeros(256);
    assert_eq!(fault(&header.bytes).fault, Fault::Unaligned("t".to_owned()));
    let header = Header::new(2, 0).tensor("a", &[16], 0, 0).tensor("b", &[16], 0, 32).zeros(256);
    assert_eq!(fault(&header.bytes).fault, Fault::Overlap("b".to_owned()));
}

#[test]
fn the_same_key_or_tensor_twice() {
    let header = Header::new(0, 2).number("k", 1).number("k", 2).zeros(64);
    assert_eq!(fault(&header.bytes).fault, Fault::Duplicate("k".to_owned()));
    let header = Header::new(2, 0).tensor("t", &[8], 0, 0).tensor("t", &[8], 0, 32).zeros(256);
    assert_eq!(fault(&header.bytes).fault, Fault::Duplicate("t".to_owned()));
}

#[test]
fn lists_that_are_nested_endless_or_of_no_type() {
    let nested = Header::new(0, 1).text("k").u32(9).u32(9).u64(1).zeros(64);
    assert_eq!(fault(&nested.bytes).fault, Fault::ValueType(9));
    let unknown = Header::new(0, 1).text("k").u32(9).u32(13).u64(1).zeros(64);
    assert_eq!(fault(&unknown.bytes).fault, Fault::ValueType(13));
    for count in [u64::MAX, 1 << 61, 1000] {
        let endless = Header::new(0, 1).text("k").u32(9).u32(10).u64(count).zeros(64);
        assert_eq!(fault(&endless.bytes).fault, Fault::Count { what: "list elements", count });
    }
}

#[test]
fn values_of_no_type_and_booleans_that_are_none() {
    let unknown = Header::new(0, 1).text("k").u32(99).zeros(64);
    assert_eq!(fault(&unknown.bytes).fault, Fault::ValueType(99));
    let boolean = Header::new(0, 1).text("k").u32(7).raw(&[2]).zeros(64);
    assert_eq!(fault(&boolean.bytes).fault, Fault::Bool(2));
}

#[test]
fn a_list_of_bytes_that_would_fill_the_memory() {
    // Four million one-byte numbers would take 24 times their size once they are read.
    let count = 4 << 20;
    let header = Header::new(0, 1).text("k").u32(9).u32(0).u64(count).zeros(count as usize);
    assert!(matches!(fault(&header.bytes).fault, Fault::Memory(_)));
}

#[test]
fn a_million_tiny_tensors_that_would_fill_the_memory() {
    let count = 100_000;
    let header =
        (0..count).fold(Header::new(count, 0), |header, n| header.tensor(&format!("{n}"), &[8], 0, n * 32));
    assert!(matches!(fault(&header.zeros(count as usize * 32).bytes).fault, Fault::Memory(_)));
}

#[test]
fn rows_that_are_no_whole_blocks() {
    let header = Header::new(1, 0).tensor("t", &[33, 4], 8, 0).zeros(512);
    assert_eq!(fault(&header.bytes).fault, Fault::Blocks("t".to_owned()));
}

#[test]
fn types_that_cannot_be_computed_with_are_refused_by_name() {
    for (number, name) in [(23, "IQ4_XS"), (39, "MXFP4"), (9, "Q8_1"), (4711, "number 4711")] {
        let header = Header::new(1, 0).tensor("t", &[256], number, 0).zeros(512);
        let expected = Fault::TensorType { tensor: "t".to_owned(), name: name.to_owned() };
        assert_eq!(fault(&header.bytes).fault, expected);
    }
}

#[test]
fn what_the_engine_does_not_have_is_refused_by_name() {
    use candle_core::quantized::gguf_file::Value::{String as Text, U32};
    let text = |text: &str| Text(text.to_owned());
    for (key, value, word) in [
        ("general.architecture", text("rwkv7"), "rwkv7"),
        ("tokenizer.ggml.model", text("t5"), "t5"),
        ("tokenizer.ggml.pre", text("viking"), "viking"),
        ("llama.rope.scaling.type", text("yarn"), "yarn"),
        ("llama.expert_count", U32(8), "experts"),
    ] {
        let bytes = with(key, value);
        assert!(named(inspect(&file(&bytes))).contains(word));
        assert!(named(Model::load(&file(&bytes), &Options::default())).contains(word));
    }
}

#[test]
fn metadata_that_lies_about_the_model_is_refused() {
    use candle_core::quantized::gguf_file::Value::{Array, F32, I32, String as Text, U32};
    for (key, value) in [
        ("llama.block_count", U32(3)),
        ("llama.block_count", U32(u32::MAX)),
        ("llama.block_count", U32(0)),
        ("llama.embedding_length", U32(128)),
        ("llama.embedding_length", Text("64".to_owned())),
        ("llama.feed_forward_length", U32(1 << 19)),
        ("llama.attention.head_count", U32(0)),
        ("llama.attention.head_count", U32(5)),
        ("llama.attention.head_count_kv", U32(3)),
        ("llama.attention.layer_norm_rms_epsilon", F32(f32::NAN)),
        ("llama.rope.freq_base", F32(-1.0)),
        ("llama.rope.dimension_count", U32(400)),
        ("llama.context_length", U32(0)),
        ("tokenizer.ggml.eos_token_id", U32(1 << 20)),
        ("tokenizer.ggml.token_type", Array(vec![I32(1); 3])),
        ("tokenizer.ggml.token_type", Array(vec![F32(1.0); 263])),
        ("tokenizer.ggml.tokens", Array(vec![Text("a".to_owned()); 263])),
        ("tokenizer.ggml.tokens", Array(vec![I32(0); 263])),
        ("tokenizer.ggml.merges", Array(vec![Text("nospace".to_owned())])),
        ("tokenizer.ggml.merges", Array(vec![Text("hell hell".to_owned())])),
        ("tokenizer.ggml.merges", Array(vec![Text("<|im_start|> a".to_owned())])),
    ] {
        let started = Instant::now();
        let why = named(Model::load(&file(&with(key, value.clone())), &Options::default()));
        assert!(started.elapsed() < Duration::from_secs(1), "{key} {value:?}: {why}");
    }
}

#[test]
fn weights_that_are_no_numbers_end_the_answer_with_an_error() {
    let mut bytes = Tiny::default().bytes().unwrap();
    // The last tensor is the final norm: 64 numbers.
    let start = bytes.len() - 64 * 4;
    bytes[start..].copy_from_slice(&f32::NAN.to_le_bytes().repeat(64));
    let model = Model::load(&file(&bytes), &Options { threads: 1, ..Options::default() }).unwrap();
    assert!(named(model.score(&[1, 2, 3], 1)).contains("not numbers"));
}
