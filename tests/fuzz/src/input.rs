//! What the fuzzer's bytes mean: a header, and how much data follows it. So a whole model is a few kilobytes.

use crate::memory_file;
use std::fs::File;

/// Bytes in front of the header: the value that fills the data, and its length in KiB.
pub const FRONT: usize = 3;
/// Most data, in KiB.
const MOST: usize = 2048;

/// A model file, not yet written.
pub struct Input<'a> {
    header: &'a [u8],
    /// 0 makes every weight 0; others make scales that are no numbers, or enormous ones.
    fill: u8,
    tail: usize,
}

impl<'a> Input<'a> {
    /// `None` for too few bytes.
    pub fn read(data: &'a [u8]) -> Option<Input<'a>> {
        let ([fill, low, high], header) = data.split_first_chunk::<FRONT>()?;
        let tail = usize::from(u16::from_le_bytes([*low, *high])).min(MOST) << 10;
        Some(Input { header, fill: *fill, tail })
    }

    /// The front of a header with at least so much data.
    pub fn front(fill: u8, data: usize) -> [u8; FRONT] {
        let [low, high] = (data.div_ceil(1024).min(MOST) as u16).to_le_bytes();
        [fill, low, high]
    }

    /// The file.
    pub fn file(&self) -> File {
        memory_file(self.header, self.tail, self.fill)
    }

    /// Its length in bytes.
    pub fn length(&self) -> usize {
        self.header.len() + self.tail
    }
}
