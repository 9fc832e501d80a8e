//! The executable as a file: static, position independent, and asking for no loader and no library.
//!
//! Read here instead of asked of `ldd`, which calls a file static that names a loader.

use std::fs;

use super::appliance::EXECUTABLE;

// From the ELF specification (System V ABI, chapters 4 and 5) and its GNU additions.
const ET_DYN: u64 = 3;
const PT_DYNAMIC: u64 = 2;
const PT_INTERP: u64 = 3;
const PT_GNU_STACK: u64 = 0x6474_e551;
const PF_X: u64 = 1;
const DT_NULL: u64 = 0;
const DT_NEEDED: u64 = 1;
const DT_FLAGS_1: u64 = 0x6fff_fffb;
const DF_1_PIE: u64 = 0x0800_0000;

struct Segment {
    kind: u64,
    flags: u64,
    offset: usize,
    size: usize,
}

#[test]
fn the_executable_is_one_static_position_independent_file() {
    let file = fs::read(EXECUTABLE).unwrap();
    assert_eq!(&file[..6], b"\x7fELF\x02\x01", "64 bits, little endian");
    assert_eq!(number(&file, 16, 2), ET_DYN);
    let segments = segments(&file);
    let kinds: Vec<_> = segments.iter().map(|segment| segment.kind).collect();
    assert!(!kinds.contains(&PT_INTERP), "it names a loader");
    let stack = segments.iter().find(|segment| segment.kind == PT_GNU_STACK).expect("no word on the stack");
    assert_eq!(stack.flags & PF_X, 0, "an executable stack");

    let dynamic = segments.iter().find(|segment| segment.kind == PT_DYNAMIC).expect("no dynamic section");
    let entries = entries(&file[dynamic.offset..dynamic.offset + dynamic.size]);
    assert!(entries.iter().all(|(tag, _)| *tag != DT_NEEDED), "it asks for a library");
    let flags = entries.iter().find(|(tag, _)| *tag == DT_FLAGS_1).expect("no flags");
    assert_ne!(flags.1 & DF_1_PIE, 0, "not position independent");
}

fn segments(file: &[u8]) -> Vec<Segment> {
    let (start, size, count) = (number(file, 32, 8), number(file, 54, 2), number(file, 56, 2));
    let at = |index: u64| usize::try_from(start + index * size).unwrap();
    (0..count)
        .map(|index| Segment {
            kind: number(file, at(index), 4),
            flags: number(file, at(index) + 4, 4),
            offset: usize::try_from(number(file, at(index) + 8, 8)).unwrap(),
            size: usize::try_from(number(file, at(index) + 32, 8)).unwrap(),
        })
        .collect()
}

/// Tags and values up to the closing one.
fn entries(dynamic: &[u8]) -> Vec<(u64, u64)> {
    let entries = dynamic.chunks_exact(16).map(|entry| (number(entry, 0, 8), number(entry, 8, 8)));
    entries.take_while(|(tag, _)| *tag != DT_NULL).collect()
}

/// A little-endian number of `width` bytes.
fn number(bytes: &[u8], at: usize, width: usize) -> u64 {
    bytes[at..at + width].iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}
