//! What the fuzz targets share: files in memory, limits, lies about model files, and a bundle of the audit log.

pub mod bundle;
pub mod input;
pub mod layout;
pub mod limits;
pub mod mutate;
pub mod random;
pub mod seeds;

use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use std::fs::File;
use std::io::Write;

/// A file without a name: the bytes, then `more` of one value.
pub fn memory_file(bytes: &[u8], more: usize, value: u8) -> File {
    let mut file = File::from(memfd_create("fuzz", MemfdFlags::CLOEXEC).expect("a file in memory"));
    file.write_all(bytes).expect("room for a small file");
    if value == 0 {
        // Zeros need not be written.
        ftruncate(&file, (bytes.len() + more) as u64).expect("room for a small file");
    } else {
        file.write_all(&vec![value; more]).expect("room for a small file");
    }
    file
}
