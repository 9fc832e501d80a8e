//! Tokens that stand for themselves: found in text before anything is split into words.

use crate::Error;
use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

/// Names of more bytes than this are searched for by an automaton that takes tens of bytes for each, not hundreds.
const SHORT: usize = 16 << 10;

/// One special token.
pub(super) struct Special {
    pub(super) text: String,
    pub(super) id: u32,
    /// Control and unknown tokens count only where special tokens are parsed; user-defined ones always do.
    pub(super) control: bool,
}

/// All of a vocabulary's special tokens, longest first.
pub(super) struct Specials {
    list: Vec<Special>,
    /// Finds user-defined tokens.
    user_defined: Finder,
    /// Finds all of them.
    all: Finder,
}

/// Finds tokens of one length after the other, the longest first. So a text is read once for each length there is, not
/// once for each token: Gemma has 6,000 of them.
struct Finder {
    lengths: Vec<(AhoCorasick, Vec<u32>)>,
}

/// A part of a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    Special(u32),
    Text(&'a str),
}

impl Specials {
    /// # Errors
    /// [`Error::Model`] when there are too many to search for.
    pub(super) fn new(mut list: Vec<Special>) -> Result<Specials, Error> {
        list.retain(|special| !special.text.is_empty());
        list.sort_by_key(|special| std::cmp::Reverse(special.text.len()));
        let user_defined = Finder::new(list.iter().filter(|special| !special.control))?;
        let all = Finder::new(list.iter())?;
        Ok(Specials { list, user_defined, all })
    }

    pub(super) fn text(&self, id: u32) -> Option<&str> {
        self.list.iter().find(|special| special.id == id).map(|special| special.text.as_str())
    }

    pub(super) fn control_texts(&self) -> impl Iterator<Item = &str> + Clone {
        self.list.iter().filter(|special| special.control).map(|special| special.text.as_str())
    }

    /// Cuts out special tokens: those of the longest names first over the whole text, then the next, as llama.cpp does.
    /// Between two pieces of text there is always a special one.
    pub(super) fn split<'a>(&self, text: &'a str, with_control: bool) -> Vec<Piece<'a>> {
        let finder = if with_control { &self.all } else { &self.user_defined };
        let mut pieces = vec![Piece::Text(text)];
        for (names, ids) in &finder.lengths {
            pieces = pieces.into_iter().flat_map(|piece| cut(piece, names, ids)).collect();
        }
        pieces.retain(|piece| *piece != Piece::Text(""));
        pieces
    }
}

impl Finder {
    fn new<'a>(longest_first: impl Iterator<Item = &'a Special>) -> Result<Finder, Error> {
        let specials: Vec<&Special> = longest_first.collect();
        let bytes: usize = specials.iter().map(|special| special.text.len()).sum();
        let small = (bytes > SHORT).then_some(AhoCorasickKind::ContiguousNFA);
        let lengths = specials.chunk_by(|a, b| a.text.len() == b.text.len()).map(|same| {
            let names = AhoCorasick::builder()
                .match_kind(MatchKind::LeftmostFirst)
                .kind(small)
                .build(same.iter().map(|special| &special.text))
                .map_err(|error| Error::Model(format!("special tokens: {error}")))?;
            Ok((names, same.iter().map(|special| special.id).collect()))
        });
        Ok(Finder { lengths: lengths.collect::<Result<_, Error>>()? })
    }
}

fn cut<'a>(piece: Piece<'a>, names: &AhoCorasick, ids: &[u32]) -> Vec<Piece<'a>> {
    let Piece::Text(text) = piece else { return vec![piece] };
    let mut pieces = Vec::new();
    let mut rest = 0;
    for found in names.find_iter(text) {
        pieces.push(Piece::Text(&text[rest..found.start()]));
        pieces.push(Piece::Special(ids[found.pattern().as_usize()]));
        rest = found.end();
    }
    pieces.push(Piece::Text(&text[rest..]));
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn specials() -> Specials {
        let special = |text: &str, id, control| Special { text: text.to_owned(), id, control };
        Specials::new(vec![
            special("<a>", 1, true),
            special("<a><b>", 2, true),
            special("  ", 3, false),
            special("", 4, false),
            special("bc d", 5, false),
        ])
        .unwrap()
    }

    #[test]
    fn the_longest_comes_first() {
        let pieces = specials().split("x<a><b>y<a>", true);
        assert_eq!(pieces, [Piece::Text("x"), Piece::Special(2), Piece::Text("y"), Piece::Special(1)]);
    }

    #[test]
    fn a_longer_name_wins_over_one_that_begins_before_it() {
        assert_eq!(specials().split("<a>bc d", true), [Piece::Special(1), Piece::Special(5)]);
        assert_eq!(
            specials().split("   bc d", true),
            [Piece::Special(3), Piece::Text(" "), Piece::Special(5)]
        );
    }

    #[test]
    fn plain_text_keeps_control_names_but_not_user_defined_ones() {
        assert_eq!(
            specials().split("<a>  z", false),
            [Piece::Text("<a>"), Piece::Special(3), Piece::Text("z")]
        );
    }

    #[test]
    fn empty_text_has_no_pieces() {
        assert_eq!(specials().split("", true), []);
    }
}
