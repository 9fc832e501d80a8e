//! How much memory there is, and sizes as people read them.

use std::fs;

/// What the kernel says can be used without swapping, in bytes.
pub(super) fn available() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// `"93.8 MiB"`.
pub(super) fn bytes(bytes: u64) -> String {
    let (unit, name) = [(1_u64 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")]
        .into_iter()
        .find(|(unit, _)| bytes >= *unit)
        .unwrap_or((1, "bytes"));
    let whole = unit == 1 || bytes.is_multiple_of(unit);
    let number = bytes as f64 / unit as f64;
    if whole { format!("{number:.0} {name}") } else { format!("{number:.1} {name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        for (number, text) in [
            (0, "0 bytes"),
            (612, "612 bytes"),
            (98_362_432, "93.8 MiB"),
            (2 << 30, "2 GiB"),
            (1 << 40, "1 TiB"),
        ] {
            assert_eq!(bytes(number), text);
        }
    }

    #[test]
    fn this_machine_has_memory() {
        assert!(available().unwrap() > 1 << 20);
    }
}
