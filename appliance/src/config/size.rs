//! Sizes of memory as people write them: `"512 MiB"`, `"2 GiB"`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

const UNITS: [(&str, u64); 4] = [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Size {
    pub bytes: u64,
}

/// A text that is not a size.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is not a size like \"512 MiB\" or \"2 GiB\"")]
pub struct NotASize(String);

impl FromStr for Size {
    type Err = NotASize;

    fn from_str(text: &str) -> Result<Self, NotASize> {
        let bytes = UNITS.iter().find_map(|(unit, bytes)| {
            let number: u64 = text.strip_suffix(unit)?.trim_end().parse().ok()?;
            number.checked_mul(*bytes)
        });
        bytes.map(|bytes| Self { bytes }).ok_or_else(|| NotASize(text.to_owned()))
    }
}

impl TryFrom<String> for Size {
    type Error = NotASize;

    fn try_from(text: String) -> Result<Self, NotASize> {
        text.parse()
    }
}

impl From<Size> for String {
    fn from(size: Size) -> Self {
        size.to_string()
    }
}

/// In the largest unit that needs no fraction.
impl fmt::Display for Size {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = UNITS.iter().find(|(_, bytes)| self.bytes.is_multiple_of(*bytes) && self.bytes > 0);
        let (unit, bytes) = whole.copied().unwrap_or(("KiB", 1 << 10));
        write!(formatter, "{} {unit}", self.bytes / bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_written_in_the_same_way() {
        for (text, bytes) in
            [("2 GiB", 2 << 30), ("512 MiB", 512 << 20), ("0 KiB", 0), ("1536 KiB", 1536 << 10)]
        {
            let size: Size = text.parse().unwrap();
            assert_eq!((size.bytes, size.to_string().as_str()), (bytes, text));
        }
        assert_eq!("3GiB".parse::<Size>().unwrap().bytes, 3 << 30);
    }

    #[test]
    fn what_is_no_size_is_refused() {
        for text in ["", "2", "GiB", "2 GB", "-1 GiB", "1.5 GiB", "99999999999999 TiB", "2 gib"] {
            assert!(text.parse::<Size>().is_err(), "{text:?}");
        }
    }
}
