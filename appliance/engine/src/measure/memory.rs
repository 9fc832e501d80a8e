//! How much memory this process has.

use crate::Error;
use std::fs;
use std::io;

/// Resident memory of this process, in bytes, as the kernel counts it.
///
/// # Errors
/// [`Error::Io`] where the system has no `/proc`.
pub fn resident_bytes() -> Result<u64, Error> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    match kibibytes {
        Some(kibibytes) => Ok(kibibytes * 1024),
        None => Err(Error::Io(io::Error::other("/proc/self/status has no VmRSS"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_is_written_to_is_counted() {
        const MORE: u64 = 64 << 20;
        let before = resident_bytes().unwrap();
        let memory = vec![1_u8; MORE as usize];
        let after = resident_bytes().unwrap();
        assert_eq!(memory.last(), Some(&1));
        // Other tests of this binary take and give memory at the same time.
        assert!(after > before + MORE / 2, "{before} {after}");
    }
}
