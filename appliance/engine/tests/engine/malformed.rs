//! Model files whose headers lie. Each is refused by its own fault, at once, and for no more memory than twice its size.
//!
//! Named after the advisories in which another reader fell for the same lie; `poc_2026_05_15` is a collection of
//! proofs of concept for several readers, published that day.

use crate::allocation;
use crate::support::file;
use redoubt_engine::Error;
use redoubt_engine::fixture::Tiny;
use redoubt_engine::gguf::{Error as GgufError, Fault, Gguf};
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

#[test]
fn cve_2024_39720_empty_foreign_and_four_byte_files() {
    assert_eq!(fault(b"").fault, Fault::Truncated("the magic number"));
    assert_eq!(fault(b"GG").fault, Fault::Truncated("the magic number"));
    assert_eq!(fault(b"GGUF").fault, Fault::Truncated("the version"));
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
fn cve_2024_21836_tensor_count_beyond_the_file() {
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
fn cve_2024_12055_and_cve_2026_7482_go_2026_5748_tensor_data_outside_the_file() {
    for offset in [1 << 32, 4096, u64::MAX - 31, u64::MAX - 63] {
        let header = Header::new(1, 0).tensor("t", &[16], 0, offset).zeros(128);
        assert_eq!(fault(&header.bytes).fault, Fault::Outside("t".to_owned()), "{offset}");
    }
}

#[test]
fn cve_2024_23496_and_cve_2025_66960_string_lengths_beyond_the_file() {
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
fn cve_2025_0317_alignments_that_are_no_alignment() {
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
fn cve_2024_21825_lists_that_are_nested_endless_or_of_no_type() {
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
fn cve_2025_0315_a_list_of_bytes_that_would_fill_the_memory() {
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
fn cve_2025_66959_strings_in_lists_that_end_beyond_the_file() {
    for length in [u64::MAX, 1 << 63, 1 << 31, 200] {
        let header = Header::new(0, 1).text("k").u32(9).u32(8).u64(3).text("a").u64(length).zeros(64);
        assert_eq!(fault(&header.bytes).fault, Fault::Truncated("a string"));
    }
}

#[test]
fn poc_2026_05_15_padding_that_wraps_around() {
    // The end of the data is the last number there is; rounded up to the alignment it would be 0.
    for (rows, offset) in [(1, u64::MAX - 63), (2, u64::MAX - 95), ((1 << 58) - 1, 64)] {
        let header = Header::new(1, 0).tensor("t", &[16, rows], 0, offset & !31).zeros(256);
        assert_eq!(fault(&header.bytes).fault, Fault::Outside("t".to_owned()), "{rows} {offset}");
    }
    // The header itself ends so close to the end of the file that its padding is beyond it.
    let header = Header::new(1, 1).number("general.alignment", 65_536).tensor("t", &[8], 0, 0).zeros(64);
    assert_eq!(fault(&header.bytes).fault, Fault::Outside("t".to_owned()));
}

#[test]
fn poc_2026_05_15_tensor_offset_of_4_gib_and_just_beyond_the_data() {
    for offset in [1 << 32, (1 << 32) - 32, 64, 96] {
        let header = Header::new(1, 0).tensor("t", &[16], 0, offset);
        let data = header.bytes.len().next_multiple_of(32) - header.bytes.len() + 64;
        assert_eq!(fault(&header.zeros(data).bytes).fault, Fault::Outside("t".to_owned()), "{offset}");
    }
}

#[test]
fn poc_2026_05_15_a_name_of_2_gib_in_a_tensor_after_a_good_one() {
    let header = Header::new(2, 0).tensor("t", &[8], 0, 0).u64(1 << 31).zeros(128);
    assert_eq!(fault(&header.bytes).fault, Fault::Truncated("a tensor's name"));
}

#[test]
fn rows_of_each_type_that_are_no_whole_blocks() {
    for (kind, block) in
        [(2, 32), (3, 32), (6, 32), (7, 32), (8, 32), (10, 256), (11, 256), (12, 256), (13, 256), (14, 256)]
    {
        // As many weights as whole blocks have, but not in each row.
        for row in [block / 2, block - 1, block + 1, 1] {
            let header = Header::new(1, 0).tensor("t", &[row, block], kind, 0).zeros(1 << 17);
            assert_eq!(
                fault(&header.bytes).fault,
                Fault::Blocks("t".to_owned()),
                "type {kind}, rows of {row}"
            );
        }
    }
}

#[test]
fn counts_of_one_more_than_there_are() {
    // What follows the last tensor is data, which is no tensor.
    let header = Header::new(2, 0).tensor("t", &[8], 0, 0).zeros(256);
    assert_eq!(fault(&header.bytes).fault, Fault::Text("a tensor's name"));
    let header = Header::new(0, 2).number("k", 1).zeros(256);
    assert_eq!(fault(&header.bytes).fault, Fault::Text("a key"));
}

#[test]
fn shapes_whose_rows_multiply_to_more_than_can_be_counted() {
    for shape in
        [[16, 1 << 32, 1 << 32, 1], [16, 1 << 21, 1 << 21, 1 << 21], [16, u64::MAX, 1, 1], [1, 1 << 63, 1, 1]]
    {
        let header = Header::new(1, 0).tensor("t", &shape, 0, 0).zeros(256);
        assert_eq!(fault(&header.bytes).fault, Fault::Shape("t".to_owned()), "{shape:?}");
    }
}
