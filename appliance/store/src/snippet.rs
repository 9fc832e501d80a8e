//! The piece of a text around what was searched for, with the matches marked.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::words::words;

/// One word in so many stands before the first match.
const LEAD: usize = 6;
/// Matches of one text that are looked at as the beginning of its snippet.
const MAX_STARTS: usize = 1_000;

/// A piece of a snippet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    pub text: String,
    pub is_match: bool,
}

/// Words in a row, folded, of which the last may be a beginning.
pub(crate) type Phrase = Vec<String>;

struct Match {
    words: Range<usize>,
    phrase: usize,
}

/// At most `length` words of the text: those with the most of the phrases in them, the earliest of such.
pub(crate) fn snippet(text: &str, phrases: &[Phrase], length: usize) -> Vec<Part> {
    let (places, words): (Vec<_>, Vec<_>) = words(text).unzip();
    let matches = matches(&words, phrases);
    let from = window(&matches, words.len(), length);
    let until = from.saturating_add(length).min(words.len());
    let start = if from == 0 { 0 } else { places.get(from).map_or(0, |place| place.start) };
    let end =
        if until == words.len() { text.len() } else { places.get(until - 1).map_or(0, |place| place.end) };

    let mut parts = Parts::default();
    parts.push(if start > 0 { "…" } else { "" }, false);
    let mut at = start;
    for found in matches.iter().filter(|found| (from..until).contains(&found.words.start)) {
        let range = found.words.start..found.words.end.min(until);
        let Some([first, .., last] | [first @ last]) = places.get(range) else { continue };
        // Matches may overlap.
        parts.push(text.get(at..first.start).unwrap_or_default(), false);
        parts.push(text.get(at.max(first.start)..last.end).unwrap_or_default(), true);
        at = at.max(last.end);
    }
    parts.push(text.get(at..end).unwrap_or_default(), false);
    parts.push(if end < text.len() { "…" } else { "" }, false);
    parts.0
}

/// Every place where a phrase is, in the order of the text.
fn matches(words: &[String], phrases: &[Phrase]) -> Vec<Match> {
    let mut matches = Vec::new();
    for start in 0..words.len() {
        for (number, phrase) in phrases.iter().enumerate() {
            let Some((last, whole)) = phrase.split_last() else { continue };
            let range = start..start + phrase.len();
            let Some((end, others)) = words.get(range.clone()).and_then(<[String]>::split_last) else {
                continue;
            };
            if others == whole && end.starts_with(last.as_str()) {
                matches.push(Match { words: range, phrase: number });
            }
        }
    }
    matches
}

/// The first word of the best piece.
fn window(matches: &[Match], words: usize, length: usize) -> usize {
    let mut best = (0, 0);
    for (number, first) in matches.iter().enumerate().take(MAX_STARTS) {
        let from = first.words.start.saturating_sub(length / LEAD).min(words.saturating_sub(length));
        let within = matches.iter().skip(number).take_while(|found| found.words.start < from + length);
        let phrases = within.map(|found| found.phrase).collect::<BTreeSet<_>>().len();
        if phrases > best.0 {
            best = (phrases, from);
        }
    }
    best.1
}

/// Pieces of one kind in a row are one.
#[derive(Default)]
struct Parts(Vec<Part>);

impl Parts {
    fn push(&mut self, text: &str, is_match: bool) {
        match self.0.last_mut() {
            _ if text.is_empty() => {}
            Some(last) if last.is_match == is_match => last.text.push_str(text),
            _ => self.0.push(Part { text: text.to_owned(), is_match }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The snippet with its matches in brackets.
    fn shown(text: &str, phrases: &[&str], length: usize) -> String {
        let phrases: Vec<Phrase> =
            phrases.iter().map(|phrase| phrase.split(' ').map(str::to_owned).collect()).collect();
        let parts = snippet(text, &phrases, length);
        parts
            .iter()
            .map(|part| if part.is_match { format!("[{}]", part.text) } else { part.text.clone() })
            .collect()
    }

    #[test]
    fn a_short_text_is_shown_whole() {
        assert_eq!(shown("Will it rain, then?", &["rain"], 24), "Will it [rain], then?");
        assert_eq!(shown("(Rainy) rain", &["ra", "rain"], 24), "([Rainy]) [rain]");
        assert_eq!(shown("a-b a b c", &["a b"], 24), "[a-b] [a b] c");
        assert_eq!(shown("", &["a"], 24), "");
    }

    #[test]
    fn overlapping_matches_are_marked_once() {
        assert_eq!(shown("one two three", &["one two", "two three"], 24), "[one two three]");
        assert_eq!(shown("one two", &["one", "one two"], 24), "[one two]");
        assert_eq!(shown("one two three four", &["two three four"], 2), "…[two three]…");
    }

    #[test]
    fn of_a_long_text_the_piece_with_most_of_the_words_is_shown() {
        let text = format!("rain {}the heavy rain fell {}", "dry ".repeat(40), "dry ".repeat(40));
        assert_eq!(shown(&text, &["rain", "heavy"], 6), "…the [heavy] [rain] fell dry dry…");
        assert_eq!(shown(&text, &["rain"], 3), "[rain] dry dry…");
        assert_eq!(shown(&"dry ".repeat(9), &["wet"], 3), "dry dry dry…");
        assert_eq!(shown(&format!("{}wet!", "dry ".repeat(9)), &["wet"], 3), "…dry dry [wet]!");
    }

    #[test]
    fn a_text_of_nothing_but_matches_takes_bounded_time() {
        let text = "a ".repeat(1 << 17);
        let phrases: Vec<Phrase> = (0..16).map(|_| vec!["a".to_owned()]).collect();
        let parts = snippet(&text, &phrases, 24);
        assert_eq!(parts.iter().filter(|part| part.is_match).count(), 24);
    }
}
