//! The token lists of a file, checked against each other.

use super::bytelevel;
use super::sentencepiece::SPACE;
use super::specials::{Special, Specials};
use crate::Error;
use crate::gguf::Metadata;
use crate::template::Guard;
use std::collections::HashMap;

/// Names by which models call the tokens that end a text, a turn or a file; llama.cpp knows them, too.
const ENDS: [&str; 27] = [
    "<|eot_id|>",
    "<|im_end|>",
    "<|end|>",
    "<|endoftext|>",
    "<|end_of_text|>",
    "<|eom_id|>",
    "<end_of_turn>",
    "<EOT>",
    "_<EOT>",
    "[EOT]",
    "[EOS]",
    "<end_of_utterance>",
    "<eos>",
    "</s>",
    "<｜end▁of▁sentence｜>",
    "<|return|>",
    "<|call|>",
    "<|fim_pad|>",
    "<fim-pad>",
    "<fim_pad>",
    "<PAD>",
    "[PAD]",
    "<|fim_repo|>",
    "<|repo_name|>",
    "<fim-repo>",
    "<reponame>",
    "<|file_sep|>",
];

/// Names of tokens that mark the place of a missing piece of code.
const GAPS: [&str; 15] = [
    "<|fim_prefix|>",
    "<fim-prefix>",
    "<fim_prefix>",
    "<｜fim▁begin｜>",
    "<PRE>",
    "<|fim_suffix|>",
    "<fim-suffix>",
    "<fim_suffix>",
    "<｜fim▁hole｜>",
    "<SUF>",
    "<|fim_middle|>",
    "<fim-middle>",
    "<fim_middle>",
    "<｜fim▁end｜>",
    "<MID>",
];

/// Kinds of tokens, `tokenizer.ggml.token_type`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Normal,
    /// A single byte, written `<0x41>` in vocabularies that are not byte-level.
    Byte,
    /// Control and unknown tokens: no part of any text.
    Control,
    UserDefined,
    /// In the list, but never produced from text.
    Unused,
}

/// Tokens and their kinds.
pub(super) struct Vocabulary<'a> {
    tokens: Vec<&'a str>,
    kinds: Vec<Kind>,
    /// All but those without a name.
    ids: HashMap<&'a str, u32>,
}

impl<'a> Vocabulary<'a> {
    pub(super) fn from_metadata(metadata: Metadata<'a>) -> Result<Vocabulary<'a>, Error> {
        let tokens = metadata.required("tokenizer.ggml.tokens", metadata.texts("tokenizer.ggml.tokens"))?;
        let mut kinds = match metadata.integers("tokenizer.ggml.token_type")? {
            Some(kinds) => kinds.into_iter().map(kind).collect::<Result<Vec<_>, _>>()?,
            None => vec![Kind::Normal; tokens.len()],
        };
        if kinds.len() != tokens.len() {
            let why = format!("{} tokens, but {} token types", tokens.len(), kinds.len());
            return Err(Error::Model(why));
        }
        let mut ids = HashMap::with_capacity(tokens.len());
        for (id, token) in (0_u32..).zip(&tokens).filter(|(_, token)| !token.is_empty()) {
            if ids.insert(*token, id).is_some() {
                return Err(Error::Model(format!("token {token:?} appears twice")));
            }
        }
        // Some files say that people may write these, but what ends an answer must not come from what people wrote.
        for id in ENDS.iter().chain(&GAPS).filter_map(|name| ids.get(name)) {
            if kinds[*id as usize] == Kind::UserDefined {
                kinds[*id as usize] = Kind::Control;
            }
        }
        Ok(Vocabulary { tokens, kinds, ids })
    }

    /// Every byte of readable text must have a token, or the text would silently lose some. Control characters and
    /// the first bytes of unassigned planes may have none (SmolLM2 lacks some): they are dropped, as by llama.cpp.
    pub(super) fn check_byte_characters(&self) -> Result<(), Error> {
        for byte in [b'\t', b'\n', b'\r'].into_iter().chain(0x20..=0x7e).chain(0x80..=0xbf).chain(0xc2..=0xf0)
        {
            let mut buffer = [0; 4];
            let name = bytelevel::character(byte).encode_utf8(&mut buffer);
            let kind = self.ids.get(&*name).map(|id| self.kinds[*id as usize]);
            if kind != Some(Kind::Normal) {
                return Err(Error::Model(format!("the vocabulary has no token for byte {byte}")));
            }
        }
        Ok(())
    }

    /// A special token's id, checked against the size of the vocabulary.
    pub(super) fn id(&self, metadata: Metadata<'_>, key: &str) -> Result<Option<u32>, Error> {
        match metadata.integer(key)? {
            Some(id) if (id as usize) < self.tokens.len() => Ok(Some(id)),
            Some(id) => Err(Error::Model(format!("`{key}` is {id}, beyond the vocabulary"))),
            None => Ok(None),
        }
    }

    /// The token of each byte.
    pub(super) fn byte_tokens(&self) -> Result<[u32; 256], Error> {
        let mut tokens = [0; 256];
        for (byte, token) in tokens.iter_mut().enumerate() {
            let id = self.ids.get(format!("<0x{byte:02X}>").as_str());
            *token =
                *id.ok_or_else(|| Error::Model(format!("the vocabulary has no token for byte {byte}")))?;
        }
        Ok(tokens)
    }

    /// The score of each token.
    pub(super) fn scores(&self, metadata: Metadata<'_>) -> Result<Vec<f32>, Error> {
        let key = "tokenizer.ggml.scores";
        let scores = metadata.required(key, metadata.floats(key))?;
        if scores.len() == self.tokens.len() {
            return Ok(scores);
        }
        Err(Error::Model(format!("{} tokens, but {} scores", self.tokens.len(), scores.len())))
    }

    /// What text of a SentencePiece vocabulary may become by merging: no control token, and no byte by its name.
    pub(super) fn pieces_of_text(&self) -> impl Iterator<Item = (&'a str, u32)> {
        let mergeable =
            |id: u32| matches!(self.kinds[id as usize], Kind::Normal | Kind::UserDefined | Kind::Unused);
        self.ids.iter().filter(move |(_, id)| mergeable(**id)).map(|(text, id)| (*text, *id))
    }

    /// What merging may produce. Control tokens are left out, so that no text can become one.
    pub(super) fn mergeable<M: FromIterator<(String, u32)>>(&self) -> M {
        let normal =
            |id: &u32| matches!(self.kinds[*id as usize], Kind::Normal | Kind::Byte | Kind::UserDefined);
        self.ids.iter().filter(|(_, id)| normal(id)).map(|(token, id)| ((*token).to_owned(), *id)).collect()
    }

    /// Pairs in the order of their rank. Each side and the whole must be tokens that merging may produce.
    pub(super) fn merges(&self, metadata: Metadata<'_>) -> Result<Vec<(String, String)>, Error> {
        let merges = metadata.required("tokenizer.ggml.merges", metadata.texts("tokenizer.ggml.merges"))?;
        let known = |token: &str| {
            let id = self.ids.get(token);
            id.is_some_and(|id| {
                matches!(self.kinds[*id as usize], Kind::Normal | Kind::Byte | Kind::UserDefined)
            })
        };
        let mut whole = String::new();
        let mut pairs = Vec::with_capacity(merges.len());
        for merge in merges {
            let pair = merge.split_once(' ').filter(|(left, right)| {
                whole.clear();
                whole.extend([*left, *right]);
                known(left) && known(right) && known(&whole)
            });
            let (left, right) =
                pair.ok_or_else(|| Error::Model(format!("merge {merge:?} does not fit the vocabulary")))?;
            pairs.push((left.to_owned(), right.to_owned()));
        }
        Ok(pairs)
    }

    /// What each token of a byte-level vocabulary adds to an answer.
    pub(super) fn byte_level_pieces(&self) -> Vec<Box<[u8]>> {
        self.pieces(|token| {
            let bytes: Option<Vec<u8>> = token.chars().map(bytelevel::byte).collect();
            // Not in byte-level writing: the token means its own text.
            bytes.map_or_else(|| token.as_bytes().into(), Vec::into_boxed_slice)
        })
    }

    /// What each token of a SentencePiece vocabulary adds to an answer.
    pub(super) fn spaced_pieces(&self) -> Vec<Box<[u8]>> {
        self.pieces(|token| token.replace(SPACE, " ").into_bytes().into_boxed_slice())
    }

    fn pieces(&self, normal: impl Fn(&str) -> Box<[u8]>) -> Vec<Box<[u8]>> {
        let piece = |(token, kind): (&&str, &Kind)| match kind {
            Kind::Control | Kind::Unused => Box::default(),
            Kind::UserDefined => token.as_bytes().into(),
            Kind::Byte => byte(token).map_or_else(|| normal(token), |byte| Box::new([byte])),
            Kind::Normal => normal(token),
        };
        self.tokens.iter().zip(&self.kinds).map(piece).collect()
    }

    /// Bytes of the longest token as it is written in the vocabulary; at least 1.
    pub(super) fn longest_name(&self) -> usize {
        self.tokens.iter().map(|token| token.len()).max().unwrap_or(1).max(1)
    }

    /// # Errors
    /// [`Error::Unsupported`] for the name of a control token that [`crate::template::Guard`] could not break: people
    /// who write it would write the token.
    pub(super) fn specials(&self) -> Result<Specials, Error> {
        let controls = self.tokens.iter().zip(&self.kinds).filter(|(_, kind)| **kind == Kind::Control);
        if let Some((name, _)) = controls.into_iter().find(|(name, _)| !Guard::can_break(name)) {
            return Err(Error::Unsupported(format!("a control token named {name:?}")));
        }
        let special = |((id, token), kind): ((u32, &&str), &Kind)| {
            let control = match kind {
                Kind::Control => true,
                Kind::UserDefined => false,
                Kind::Normal | Kind::Byte | Kind::Unused => return None,
            };
            Some(Special { text: (*token).to_owned(), id, control })
        };
        Specials::new((0..).zip(&self.tokens).zip(&self.kinds).filter_map(special).collect())
    }

    /// The tokens that end an answer: EOS, those that the metadata names, and those with a well-known name.
    pub(super) fn ends(&self, metadata: Metadata<'_>, eos: Option<u32>) -> Result<Vec<u32>, Error> {
        let mut ends: Vec<u32> = eos.into_iter().collect();
        for name in ["eot", "eom", "fim_pad", "fim_rep", "fim_sep"] {
            ends.extend(self.id(metadata, &format!("tokenizer.ggml.{name}_token_id"))?);
        }
        let named = ENDS.iter().filter_map(|name| self.ids.get(name).copied());
        ends.extend(named.filter(|id| self.kinds[*id as usize] != Kind::Normal));
        ends.sort_unstable();
        ends.dedup();
        Ok(ends)
    }
}

/// The byte that a name such as `<0x41>` stands for.
fn byte(token: &str) -> Option<u8> {
    let digits = token.strip_prefix("<0x")?.strip_suffix('>')?;
    u8::from_str_radix(digits, 16).ok()
}

fn kind(number: i32) -> Result<Kind, Error> {
    match number {
        1 => Ok(Kind::Normal),
        6 => Ok(Kind::Byte),
        2 | 3 => Ok(Kind::Control),
        4 => Ok(Kind::UserDefined),
        0 | 5 => Ok(Kind::Unused),
        other => Err(Error::Model(format!("token type {other} is unknown"))),
    }
}
