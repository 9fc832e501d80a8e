//! Which version of the program wrote a store last: an older one does not write into what a newer one has.

use std::fmt;
use std::str::FromStr;

/// Three numbers, compared in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version([u32; 3]);

impl Version {
    /// Of the software that records name: `0.1.0+sha256:…`. `None` if that begins with no version.
    pub fn of_software(software: &str) -> Option<Self> {
        software.split('+').next().unwrap_or_default().parse().ok()
    }
}

/// A text is not three numbers with points between them.
#[derive(Debug, thiserror::Error)]
#[error("a version is three numbers, such as 1.2.3")]
pub struct NotAVersion;

impl FromStr for Version {
    type Err = NotAVersion;

    fn from_str(text: &str) -> Result<Self, NotAVersion> {
        let numbers: Vec<u32> =
            text.split('.').map(str::parse).collect::<Result<_, _>>().map_err(|_| NotAVersion)?;
        <[u32; 3]>::try_from(numbers).map(Self).map_err(|_| NotAVersion)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch] = self.0;
        write!(f, "{major}.{minor}.{patch}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        let [old, new] = ["0.9.0", "0.10.0"].map(|text| text.parse::<Version>().unwrap());
        assert!(old < new);
        assert_eq!(Version::of_software("0.10.0+sha256:00"), Some(new));
        assert_eq!(new.to_string(), "0.10.0");
    }

    #[test]
    fn what_is_not_three_numbers_is_no_version() {
        for text in ["", "1", "1.2", "1.2.3.4", "1.2.x", "1.2.-3", "tests"] {
            assert_eq!(Version::of_software(text), None, "{text}");
        }
    }
}
