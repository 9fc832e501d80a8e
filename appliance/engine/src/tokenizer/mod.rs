//! Text to token ids and back, built from a file's metadata alone.
//!
//! Byte-level BPE vocabularies (`tokenizer.ggml.model = gpt2`) and those of SentencePiece's kind (`llama`); what this
//! engine cannot reproduce exactly is refused by name, never guessed. Ids equal llama.cpp's.

mod byte_level_words;
mod bytelevel;
mod pretokenizers;
mod sentencepiece;
mod specials;
mod stream;
mod vocabulary;

#[cfg(feature = "fixture")]
pub(crate) use bytelevel::character as byte_character;
pub use stream::Utf8Stream;

use crate::Error;
use crate::gguf::Metadata;
use byte_level_words::ByteLevelWords;
use sentencepiece::SentencePiece;
use specials::{Piece, Specials};
use vocabulary::Vocabulary;

/// The tokenizer of one model.
pub struct Tokenizer {
    words: Words,
    specials: Specials,
    /// What each token adds to an answer.
    pieces: Vec<Box<[u8]>>,
    /// Bytes of text that one token stands for, at most.
    longest_piece: usize,
    bos: Option<u32>,
    eos: Option<u32>,
    add_bos: bool,
    ends: Vec<u32>,
}

/// Turns plain text into tokens; knows no special one.
enum Words {
    /// Splits text into words and merges the bytes of each.
    ByteLevel(Box<ByteLevelWords>),
    /// Merges the whole text.
    SentencePiece(SentencePiece),
}

impl Tokenizer {
    /// Builds the tokenizer that the metadata describes.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for another kind of vocabulary or pre-tokenizer, [`Error::Model`] for lists that do
    /// not fit together.
    pub fn from_metadata(metadata: Metadata<'_>) -> Result<Tokenizer, Error> {
        let kind = metadata.required("tokenizer.ggml.model", metadata.text("tokenizer.ggml.model"))?;
        let vocabulary = Vocabulary::from_metadata(metadata)?;
        // BOS and EOS have fixed places in SentencePiece vocabularies, unless the file says otherwise.
        let (words, pieces, usual_bos, usual_eos, adds_bos) = match kind {
            "gpt2" => {
                let words = ByteLevelWords::new(&vocabulary, metadata)?;
                let add_bos = words.add_bos();
                (Words::ByteLevel(Box::new(words)), vocabulary.byte_level_pieces(), None, None, add_bos)
            }
            "llama" => {
                let words = Words::SentencePiece(SentencePiece::new(&vocabulary, metadata)?);
                (words, vocabulary.spaced_pieces(), Some(1), Some(2), true)
            }
            other => return Err(Error::Unsupported(format!("tokenizer model `{other}`"))),
        };
        let bos = vocabulary.id(metadata, "tokenizer.ggml.bos_token_id")?.or(usual_bos);
        let eos = vocabulary.id(metadata, "tokenizer.ggml.eos_token_id")?.or(usual_eos);
        Ok(Tokenizer {
            longest_piece: match &words {
                Words::ByteLevel(_) => pieces.iter().map(|piece| piece.len()).max().unwrap_or(1).max(1),
                // What is written as a space in a piece may be U+2581 in a text, which is longer.
                Words::SentencePiece(_) => vocabulary.longest_name(),
            },
            words,
            pieces,
            bos,
            eos,
            add_bos: metadata.boolean("tokenizer.ggml.add_bos_token")?.unwrap_or(adds_bos),
            ends: vocabulary.ends(metadata, eos)?,
            specials: vocabulary.specials()?,
        })
    }

    /// The ids of `text`, without BOS.
    ///
    /// With `parse_special` the names of control tokens become those tokens; without it they are text like any
    /// other. (User-defined tokens, such as runs of spaces, are found either way, as in llama.cpp.)
    pub fn encode(&self, text: &str, parse_special: bool) -> Result<Vec<u32>, Error> {
        let mut ids = Vec::new();
        for piece in self.specials.split(text, parse_special) {
            match piece {
                Piece::Special(id) => ids.push(id),
                Piece::Text(text) => self.encode_words(text, &mut ids)?,
            }
        }
        Ok(ids)
    }

    /// The ids of a rendered template: control tokens count, except where `guard` stands within their names.
    ///
    /// The guard itself leaves no trace. See [`crate::template`].
    pub fn encode_guarded(&self, text: &str, guard: char) -> Result<Vec<u32>, Error> {
        let mut ids = Vec::new();
        for piece in self.specials.split(text, true) {
            match piece {
                Piece::Special(id) => ids.push(id),
                Piece::Text(text) if text.contains(guard) => {
                    ids.extend(self.encode(&text.replace(guard, ""), false)?);
                }
                Piece::Text(text) => self.encode_words(text, &mut ids)?,
            }
        }
        Ok(ids)
    }

    /// The text of `ids`, control tokens left out; bytes that are not UTF-8 become U+FFFD. Where
    /// [`Tokenizer::encode`] puts a space in front of texts, one is left out here; those that it puts after
    /// user-defined tokens cannot be told from others and stay, as in llama.cpp.
    pub fn decode(&self, ids: &[u32]) -> String {
        let bytes: Vec<u8> = ids.iter().flat_map(|id| self.piece(*id)).copied().collect();
        let added = match &self.words {
            Words::SentencePiece(words) if words.space_before => {
                ids.first().is_some_and(|id| self.piece(*id).starts_with(b" "))
            }
            _ => false,
        };
        String::from_utf8_lossy(&bytes[usize::from(added)..]).into_owned()
    }

    /// The bytes that a token adds to an answer; none for control tokens and ids out of range.
    pub fn piece(&self, id: u32) -> &[u8] {
        self.pieces.get(id as usize).map_or(&[], |piece| piece)
    }

    /// Number of tokens.
    pub fn size(&self) -> usize {
        self.pieces.len()
    }

    /// Text of `bytes` bytes has at least this many tokens.
    pub fn least_tokens(&self, bytes: usize) -> usize {
        bytes / self.longest_piece
    }

    /// The token that begins a text, where the metadata asks for one.
    pub fn leading(&self) -> Option<u32> {
        self.bos.filter(|_| self.add_bos)
    }

    /// The name of the BOS token, for templates.
    pub fn bos_text(&self) -> Option<&str> {
        self.specials.text(self.bos?)
    }

    /// The name of the EOS token, for templates.
    pub fn eos_text(&self) -> Option<&str> {
        self.specials.text(self.eos?)
    }

    /// Whether an answer ends with this token.
    pub fn is_end(&self, id: u32) -> bool {
        self.ends.contains(&id)
    }

    /// The special tokens' names that user text must not form.
    pub(crate) fn control_texts(&self) -> impl Iterator<Item = &str> + Clone {
        self.specials.control_texts()
    }

    fn encode_words(&self, text: &str, ids: &mut Vec<u32>) -> Result<(), Error> {
        match &self.words {
            Words::SentencePiece(words) => words.encode(text, ids),
            Words::ByteLevel(words) => words.encode(text, ids),
        }
    }
}
