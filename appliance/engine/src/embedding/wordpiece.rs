//! Text to word pieces, as BERT's `tokenizer.json` says.
//!
//! Only what BERT has is read: its normalizer, its words, greedy longest pieces. What people write never becomes
//! a special token: `[SEP]` in an input is a bracket, a word and a bracket. (Hugging Face's library would take it
//! for the token.)

use crate::Error;
use serde::Deserialize;
use std::collections::HashMap;
use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::{
    NormalizedString, Normalizer as _, OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer as _,
};

/// Longest word that is looked at; longer ones are one unknown piece. A file may say less, not more.
const MAX_WORD: usize = 100;
/// Text is worked on in runs of about this many bytes, so that the end of a long input, which is left out anyway,
/// costs nothing.
const RUN: usize = 2048;

/// The parts of `tokenizer.json` that count. Truncation and padding are ours, and the pieces around an input are
/// those of every BERT.
#[derive(Deserialize)]
struct File {
    normalizer: Normalizer,
    pre_tokenizer: Words,
    model: Model,
}

#[derive(Deserialize)]
#[serde(tag = "type")]
enum Normalizer {
    BertNormalizer {
        clean_text: bool,
        handle_chinese_chars: bool,
        strip_accents: Option<bool>,
        lowercase: bool,
    },
}

#[derive(Deserialize)]
#[serde(tag = "type")]
enum Words {
    BertPreTokenizer,
}

#[derive(Deserialize)]
#[serde(tag = "type")]
enum Model {
    WordPiece {
        unk_token: String,
        continuing_subword_prefix: String,
        max_input_chars_per_word: usize,
        vocab: HashMap<String, u32>,
    },
}

/// A vocabulary of word pieces.
pub(super) struct WordPiece {
    normalizer: BertNormalizer,
    /// Pieces that begin a word.
    first: HashMap<Box<str>, u32>,
    /// Pieces that go on with one, without their prefix.
    further: HashMap<Box<str>, u32>,
    max_word: usize,
    unknown: u32,
    begin: u32,
    end: u32,
}

impl WordPiece {
    /// Reads `tokenizer.json`; no piece may have an id of `vocabulary` or above.
    pub(super) fn parse(json: &[u8], vocabulary: usize) -> Result<WordPiece, Error> {
        let File { normalizer, pre_tokenizer: Words::BertPreTokenizer, model } =
            serde_json::from_slice(json).map_err(|error| wrong(&error.to_string()))?;
        let Normalizer::BertNormalizer { clean_text, handle_chinese_chars, strip_accents, lowercase } =
            normalizer;
        let normalizer = BertNormalizer::new(clean_text, handle_chinese_chars, strip_accents, lowercase);
        let Model::WordPiece { unk_token, continuing_subword_prefix, max_input_chars_per_word, vocab } =
            model;
        if let Some((piece, id)) = vocab.iter().find(|(_, id)| **id as usize >= vocabulary) {
            return Err(wrong(&format!("{piece:?} has id {id}, the model knows {vocabulary} pieces")));
        }
        if continuing_subword_prefix.is_empty() {
            return Err(wrong("pieces within a word have no prefix"));
        }
        let special = |name: &str| {
            vocab.get(name).copied().ok_or_else(|| wrong(&format!("there is no piece {name:?}")))
        };
        let (unknown, begin, end) = (special(&unk_token)?, special("[CLS]")?, special("[SEP]")?);
        let (mut first, mut further) = (HashMap::new(), HashMap::new());
        // A word never has a bracket among letters, but a file might say otherwise.
        for (piece, id) in vocab.iter().filter(|(_, id)| ![unknown, begin, end].contains(id)) {
            match piece.strip_prefix(&continuing_subword_prefix) {
                Some(rest) if !rest.is_empty() => further.insert(rest.into(), *id),
                _ => first.insert(piece.as_str().into(), *id),
            };
        }
        let max_word = max_input_chars_per_word.min(MAX_WORD);
        Ok(WordPiece { normalizer, first, further, max_word, unknown, begin, end })
    }

    /// The pieces of an input between `[CLS]` and `[SEP]`, together at most `most` of them; the rest is left out.
    pub(super) fn encode(&self, text: &str, most: usize) -> Result<Vec<u32>, Error> {
        let mut pieces = vec![self.begin];
        let mut rest = text;
        while !rest.is_empty() && pieces.len() < most {
            let (run, further) = rest.split_at(end_of_run(rest));
            self.encode_run(run, most, &mut pieces)?;
            rest = further;
        }
        pieces.truncate(most.saturating_sub(1));
        pieces.push(self.end);
        Ok(pieces)
    }

    fn encode_run(&self, run: &str, most: usize, pieces: &mut Vec<u32>) -> Result<(), Error> {
        let mut normalized = NormalizedString::from(run);
        let words = self.normalizer.normalize(&mut normalized).and_then(|()| {
            let mut words = PreTokenizedString::from(normalized);
            BertPreTokenizer.pre_tokenize(&mut words)?;
            Ok(words)
        });
        let words = words.map_err(|error| wrong(&error.to_string()))?;
        for (word, _, _) in words.get_splits(OffsetReferential::Normalized, OffsetType::Byte) {
            if pieces.len() >= most {
                break;
            }
            self.encode_word(word, pieces);
        }
        Ok(())
    }

    /// The longest piece that the word begins with, then the longest that goes on, and so forth; a word that
    /// cannot be had so is unknown as a whole.
    fn encode_word(&self, word: &str, pieces: &mut Vec<u32>) {
        let (before, mut rest) = (pieces.len(), word);
        if word.chars().nth(self.max_word).is_some() {
            return pieces.push(self.unknown);
        }
        while !rest.is_empty() {
            let known = if rest.len() == word.len() { &self.first } else { &self.further };
            let ends = rest.char_indices().rev().map(|(start, character)| start + character.len_utf8());
            let longest = ends.map(|end| rest.split_at(end)).find_map(|(piece, left)| {
                let id = known.get(piece)?;
                Some((*id, left))
            });
            let Some((id, left)) = longest else {
                pieces.truncate(before);
                return pieces.push(self.unknown);
            };
            pieces.push(id);
            rest = left;
        }
    }
}

/// Where a run ends: after the first space beyond [`RUN`] bytes. The normalizer turns every such space into one
/// and looks at nothing across it; other control characters, spaces or not, it drops.
fn end_of_run(text: &str) -> usize {
    let is_gap = |character: char| match character {
        '\t' | '\n' | '\r' => true,
        other => other.is_whitespace() && !other.is_control(),
    };
    let start = text.char_indices().map(|(at, _)| at).find(|at| *at >= RUN).unwrap_or(text.len());
    let gap = text[start..].char_indices().find(|(_, character)| is_gap(*character));
    gap.map_or(text.len(), |(at, character)| start + at + character.len_utf8())
}

fn wrong(why: &str) -> Error {
    Error::Model(format!("tokenizer.json: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn file() -> serde_json::Value {
        let pieces =
            ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "un", "##aff", "##able", "##a", "a", "é", "[", "]", "sep"];
        let vocab: HashMap<&str, usize> = pieces.into_iter().zip(0..).collect();
        json!({
            "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
                           "strip_accents": null, "lowercase": true},
            "pre_tokenizer": {"type": "BertPreTokenizer"},
            "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                      "max_input_chars_per_word": 100, "vocab": vocab},
        })
    }

    fn parse(file: &serde_json::Value) -> Result<WordPiece, Error> {
        WordPiece::parse(file.to_string().as_bytes(), 13)
    }

    fn ids(text: &str, most: usize) -> Vec<u32> {
        parse(&file()).unwrap().encode(text, most).unwrap()
    }

    #[test]
    fn the_longest_pieces_first_and_an_unknown_word_as_a_whole() {
        assert_eq!(ids("UNAFFABLE á", 99), [2, 4, 5, 6, 8, 3]);
        assert_eq!(ids("unaffx a", 99), [2, 1, 8, 3]);
        assert_eq!(ids(&"a".repeat(100), 200).len(), 102);
        assert_eq!(ids(&"a".repeat(101), 200), [2, 1, 3]);
        assert_eq!(ids("", 99), [2, 3]);
    }

    #[test]
    fn no_text_becomes_a_special_piece() {
        assert_eq!(ids("[SEP] [CLS]", 99), [2, 10, 12, 11, 10, 1, 11, 3]);
    }

    #[test]
    fn what_is_too_long_is_cut_and_cheap() {
        assert_eq!(ids("a a a a", 4), [2, 8, 8, 3]);
        let long = "a ".repeat(1 << 23);
        let started = std::time::Instant::now();
        assert_eq!(ids(&long, 256).len(), 256);
        assert!(started.elapsed().as_millis() < 500, "{:?}", started.elapsed());
    }

    /// Runs of text come to what the whole would have come to, whatever stands between the words.
    #[test]
    fn runs_make_no_difference() {
        for gap in [" ", "\n", "\u{a0}", "\u{2028}", "\u{b}", "\u{85}", "\u{3000}", "\u{301} ", " \u{301}"] {
            let text = format!("a{gap}").repeat(RUN);
            let tokenizer = parse(&file()).unwrap();
            let mut whole = Vec::new();
            tokenizer.encode_run(&text, usize::MAX, &mut whole).unwrap();
            let in_runs = tokenizer.encode(&text, usize::MAX).unwrap();
            assert_eq!(in_runs[1..in_runs.len() - 1], whole, "{gap:?}");
        }
    }

    #[test]
    fn other_tokenizers_and_lies_are_refused() {
        let changes = [
            ("/model/type", json!("BPE")),
            ("/normalizer/type", json!("Precompiled")),
            ("/pre_tokenizer", json!({"type": "Split", "pattern": {"Regex": "(a+)+$"}})),
            ("/model/vocab", json!({"[UNK]": 1, "[CLS]": 2})),
            ("/model/vocab/a", json!(13)),
            ("/model/vocab/a", json!(-1)),
            ("/model/continuing_subword_prefix", json!("")),
            ("/model/max_input_chars_per_word", json!(1e300)),
        ];
        for (place, value) in changes {
            let mut file = file();
            *file.pointer_mut(place).unwrap() = value;
            let refused = parse(&file);
            assert!(matches!(refused, Err(Error::Model(_) | Error::Unsupported(_))), "{place}");
        }
        assert!(WordPiece::parse(&[b'['; 1 << 16], 13).is_err());
    }
}
