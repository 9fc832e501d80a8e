//! User names: what a person types, brought to the one form under which an account is kept.

use std::fmt;

use unicode_normalization::UnicodeNormalization;

/// The longest user name, in characters after normalisation.
pub(super) const MAX_CHARACTERS: usize = 128;

/// A normalised user name: NFKC, lower case, no surrounding space, 1 to 128 characters, none of them a
/// control character.
///
/// **Invariant:** two spellings of one account (`"ALICE "`, full-width letters) are equal here, so that
/// they share one account, one counter of failures and one lock.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Username(String);

impl Username {
    /// `None` if no account can have that name.
    pub fn parse(typed: &str) -> Option<Self> {
        if typed.len() > 4 * MAX_CHARACTERS {
            return None;
        }
        let folded: String = typed.nfkc().collect::<String>().to_lowercase();
        let name = folded.trim();
        let fits = (1..=MAX_CHARACTERS).contains(&name.chars().count());
        (fits && !name.chars().any(char::is_control)).then(|| Self(name.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Username {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_name_are_one_name() {
        for spelling in ["alice", "ALICE", " alice ", "alice\u{2003}", "ａｌｉｃｅ", "\u{a0}Alice"] {
            assert_eq!(Username::parse(spelling).unwrap().as_str(), "alice", "{spelling:?}");
        }
    }

    #[test]
    fn names_that_no_account_can_have_are_refused() {
        for name in ["", "   ", "a\0b", "a\nb", "\u{1b}[31m", &"x".repeat(129), &"x".repeat(100_000)] {
            assert_eq!(Username::parse(name), None, "{name:?}");
        }
    }
}
