//! Vocabularies of SentencePiece's kind (`tokenizer.ggml.model = llama`): Llama 2, Mistral, Gemma.
//!
//! Text becomes characters; the neighbours whose union is the token with the highest score are joined, the leftmost
//! of equals first, until no union is a token. Characters that are no token become tokens of their bytes. (The method is
//! that of Kudo and Richardson's SentencePiece, 2018, in its BPE form; it is not the Unigram form, which would look
//! for the best sum.) A text of n bytes takes O(n log n) time.

use super::vocabulary::Vocabulary;
use crate::Error;
use crate::gguf::Metadata;
use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap};

/// Stands for a space in such vocabularies.
pub(super) const SPACE: char = '\u{2581}';
/// No symbol: before the first, after the last.
const NONE: u32 = u32::MAX;

/// Splits plain text; knows no special token.
pub(super) struct SentencePiece {
    tokens: HashMap<Box<str>, Token>,
    /// The token of each byte.
    bytes: Box<[u32; 256]>,
    /// Bytes of the longest token: nothing longer is looked up.
    longest: usize,
    /// Whether text begins with a space that it does not have.
    pub(super) space_before: bool,
}

#[derive(Clone, Copy)]
struct Token {
    id: u32,
    score: f32,
}

impl SentencePiece {
    pub(super) fn new(vocabulary: &Vocabulary<'_>, metadata: Metadata<'_>) -> Result<SentencePiece, Error> {
        let scores = vocabulary.scores(metadata)?;
        let tokens: HashMap<Box<str>, Token> = vocabulary
            .pieces_of_text()
            .map(|(text, id)| (text.into(), Token { id, score: scores[id as usize] }))
            .collect();
        Ok(SentencePiece {
            longest: tokens.keys().map(|text| text.len()).max().unwrap_or(0),
            tokens,
            bytes: Box::new(vocabulary.byte_tokens()?),
            space_before: metadata.boolean("tokenizer.ggml.add_space_prefix")?.unwrap_or(true),
        })
    }

    /// Adds the ids of a text that stands at the beginning or after a special token.
    pub(super) fn encode(&self, text: &str, ids: &mut Vec<u32>) -> Result<(), Error> {
        let mut spaced = String::with_capacity(text.len() + 8);
        if self.space_before {
            spaced.push(SPACE);
        }
        spaced.extend(text.chars().map(|letter| if letter == ' ' { SPACE } else { letter }));
        if u32::try_from(spaced.len()).is_err() {
            return Err(Error::invalid("prompt", "is longer than 4 GiB"));
        }
        let mut merging = Merging::new(self, &spaced);
        merging.run();
        let mut at = 0;
        while let Some(symbol) = merging.symbols.get(at as usize) {
            let text = &spaced[symbol.start as usize..(symbol.start + symbol.length) as usize];
            match self.tokens.get(text) {
                Some(token) => ids.push(token.id),
                None => ids.extend(text.bytes().map(|byte| self.bytes[usize::from(byte)])),
            }
            at = symbol.next;
        }
        Ok(())
    }
}

/// A part of the text that is one token or one character. Empty once it was joined to its left neighbour.
struct Symbol {
    start: u32,
    length: u32,
    previous: u32,
    next: u32,
}

/// Two neighbours whose union is a token, or was when they were queued.
struct Pair {
    score: f32,
    left: u32,
    right: u32,
    /// Bytes of both: another sum means that one of them has grown since.
    length: u32,
}

impl Ord for Pair {
    fn cmp(&self, other: &Pair) -> Ordering {
        self.score.total_cmp(&other.score).then_with(|| other.left.cmp(&self.left))
    }
}

impl PartialOrd for Pair {
    fn partial_cmp(&self, other: &Pair) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Pair {
    fn eq(&self, other: &Pair) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Pair {}

struct Merging<'a> {
    pieces: &'a SentencePiece,
    text: &'a str,
    symbols: Vec<Symbol>,
    queue: BinaryHeap<Pair>,
}

impl<'a> Merging<'a> {
    fn new(pieces: &'a SentencePiece, text: &'a str) -> Merging<'a> {
        let symbol = |(index, (start, letter)): (u32, (usize, char))| Symbol {
            start: start as u32,
            length: letter.len_utf8() as u32,
            previous: index.wrapping_sub(1),
            next: index + 1,
        };
        let mut symbols: Vec<Symbol> = (0..).zip(text.char_indices()).map(symbol).collect();
        if let Some(last) = symbols.last_mut() {
            last.next = NONE;
        }
        Merging { pieces, text, symbols, queue: BinaryHeap::new() }
    }

    fn run(&mut self) {
        for right in 1..self.symbols.len() as u32 {
            self.queue_pair(right - 1, right);
        }
        while let Some(pair) = self.queue.pop() {
            let (left, right) = (pair.left as usize, pair.right as usize);
            let gone = self.symbols[left].length == 0 || self.symbols[right].length == 0;
            if gone || self.symbols[left].length + self.symbols[right].length != pair.length {
                continue;
            }
            let next = self.symbols[right].next;
            self.symbols[right].length = 0;
            self.symbols[left].length = pair.length;
            self.symbols[left].next = next;
            if let Some(next) = self.symbols.get_mut(next as usize) {
                next.previous = pair.left;
            }
            self.queue_pair(self.symbols[left].previous, pair.left);
            self.queue_pair(pair.left, next);
        }
    }

    fn queue_pair(&mut self, left: u32, right: u32) {
        let both = (self.symbols.get(left as usize), self.symbols.get(right as usize));
        let (Some(first), Some(second)) = both else { return };
        let length = first.length + second.length;
        if length as usize > self.pieces.longest {
            return;
        }
        let union = &self.text[first.start as usize..(first.start + length) as usize];
        if let Some(Token { score, .. }) = self.pieces.tokens.get(union) {
            self.queue.push(Pair { score: *score, left, right, length });
        }
    }
}
