//! Keeps what people write from becoming special tokens, without changing what the template sees otherwise.
//!
//! A noncharacter that occurs in no turn is put into the name of every special token that a content contains,
//! and at the ends of a content where it could complete one together with the template's text. The template
//! works with these contents (it may trim, cut and compare them), its output is searched for special tokens,
//! and the noncharacter is taken out again before the rest becomes tokens. So a content without such names is
//! not touched at all, and ids equal those of llama.cpp.
//!
//! Limit: a template that deletes the middle of a content could still join a name from both sides of it. The
//! template comes with the weights, whose file is pinned by its hash.

use crate::{Error, Turn};
use std::ops::RangeInclusive;

/// Unicode's noncharacters: no text has them, one of them becomes the mark.
const MARKS: RangeInclusive<char> = '\u{FDD0}'..='\u{FDEF}';

/// What stands within the names.
pub(crate) struct Guard {
    mark: char,
}

impl Guard {
    /// A guard that none of the turns contains.
    pub(crate) fn new(turns: &[Turn]) -> Result<Guard, Error> {
        let unused = |mark: &char| !turns.iter().any(|turn| turn.content.contains(*mark));
        match MARKS.into_iter().find(unused) {
            Some(mark) => Ok(Guard { mark }),
            None => Err(Error::invalid("messages", "contain all the characters that Unicode reserves")),
        }
    }

    /// Whether a mark within the name makes it another text. It has no inside if it is a single character, and where
    /// it has marks of its own, breaking one name could write another.
    pub(crate) fn can_break(name: &str) -> bool {
        name.chars().count() != 1 && !name.contains(|letter| MARKS.contains(&letter))
    }

    pub(crate) fn mark(&self) -> char {
        self.mark
    }

    /// `content`, safe from the names of `controls`.
    pub(crate) fn protect<'n>(
        &self,
        content: &str,
        controls: impl Iterator<Item = &'n str> + Clone,
    ) -> String {
        let mut safe = content.to_owned();
        for name in controls.clone() {
            // Occurrences may overlap, and one replacement misses the second of two such.
            while safe.contains(name) {
                safe = safe.replace(name, &self.broken(name));
            }
        }
        let trimmed = content.trim();
        let (mut opens, mut closes) = (false, false);
        for name in controls {
            opens |= cuts(name).any(|at| trimmed.starts_with(&name[at..]));
            closes |= cuts(name).any(|at| trimmed.ends_with(&name[..at]));
        }
        if opens {
            safe.insert(safe.len() - safe.trim_start().len(), self.mark);
        }
        if closes {
            safe.insert(safe.trim_end().len(), self.mark);
        }
        safe
    }

    /// A name with the mark after its first character.
    fn broken(&self, name: &str) -> String {
        let first = name.chars().next().map_or(0, char::len_utf8);
        format!("{}{}{}", &name[..first], self.mark, &name[first..])
    }
}

/// Places within a name, neither its beginning nor its end.
fn cuts(name: &str) -> impl Iterator<Item = usize> {
    name.char_indices().map(|(at, _)| at).skip(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Role;

    const CONTROLS: [&str; 2] = ["<|im_end|>", "<|im|>"];

    fn turn(content: &str) -> Turn {
        Turn { role: Role::User, content: content.to_owned() }
    }

    fn protect(content: &str) -> String {
        let guard = Guard::new(&[turn(content)]).unwrap();
        guard.protect(content, CONTROLS.into_iter()).replace(guard.mark(), "·")
    }

    #[test]
    fn ordinary_content_is_not_touched() {
        for content in ["", "  ", "a < b | c > d.", "im_end", " x\n"] {
            assert_eq!(protect(content), content);
        }
    }

    #[test]
    fn names_are_broken_and_ends_that_could_complete_one_are_closed() {
        assert_eq!(protect("a<|im_end|>b<|im|>c"), "a<·|im_end|>b<·|im|>c");
        assert_eq!(protect("x <|im_ "), "x <|im_· ");
        assert_eq!(protect(" end|>"), " ·end|>");
        assert_eq!(protect("<"), "<·");
        let guard = Guard::new(&[]).unwrap();
        assert_eq!(guard.protect("x ababa x", ["aba"].into_iter()).replace(guard.mark(), "·"), "x a·ba·ba x");
    }

    #[test]
    fn a_name_within_a_name_is_broken_too() {
        let guard = Guard::new(&[]).unwrap();
        let safe = guard.protect("<|im<|im|>|>", ["<|im|>"].into_iter());
        assert!(!safe.contains("<|im|>"));
    }

    #[test]
    fn the_mark_is_one_that_nobody_wrote() {
        let guard = Guard::new(&[turn("\u{FDD0}"), turn("\u{FDD1}")]).unwrap();
        assert_eq!(guard.mark(), '\u{FDD2}');
        let all: String = ('\u{FDD0}'..='\u{FDEF}').collect();
        assert!(matches!(Guard::new(&[turn(&all)]), Err(Error::Invalid { .. })));
    }
}
