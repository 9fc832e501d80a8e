//! Tokens that stand for themselves: found in text before anything is split into words.

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
}

/// A part of a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    Special(u32),
    Text(&'a str),
}

impl Specials {
    pub(super) fn new(mut list: Vec<Special>) -> Specials {
        list.retain(|special| !special.text.is_empty());
        list.sort_by_key(|special| std::cmp::Reverse(special.text.len()));
        Specials { list }
    }

    pub(super) fn text(&self, id: u32) -> Option<&str> {
        self.list.iter().find(|special| special.id == id).map(|special| special.text.as_str())
    }

    pub(super) fn control_texts(&self) -> impl Iterator<Item = &str> + Clone {
        self.list.iter().filter(|special| special.control).map(|special| special.text.as_str())
    }

    /// Cuts out special tokens: the longest kind first over the whole text, then the next, as llama.cpp does.
    pub(super) fn split<'a>(&self, text: &'a str, with_control: bool) -> Vec<Piece<'a>> {
        let mut pieces = vec![Piece::Text(text)];
        for special in self.list.iter().filter(|special| with_control || !special.control) {
            if text.contains(&special.text) {
                pieces = pieces.into_iter().flat_map(|piece| cut(piece, special)).collect();
            }
        }
        pieces.retain(|piece| *piece != Piece::Text(""));
        pieces
    }
}

fn cut<'a>(piece: Piece<'a>, special: &Special) -> Vec<Piece<'a>> {
    let Piece::Text(text) = piece else { return vec![piece] };
    let mut parts = text.split(special.text.as_str()).map(Piece::Text);
    let mut pieces: Vec<_> = parts.next().into_iter().collect();
    for part in parts {
        pieces.extend([Piece::Special(special.id), part]);
    }
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
        ])
    }

    #[test]
    fn the_longest_comes_first() {
        let pieces = specials().split("x<a><b>y<a>", true);
        assert_eq!(pieces, [Piece::Text("x"), Piece::Special(2), Piece::Text("y"), Piece::Special(1)]);
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
