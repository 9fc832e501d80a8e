//! The token lists of a file, checked against each other.

use super::bytelevel;
use super::specials::{Special, Specials};
use crate::Error;
use crate::gguf::Metadata;
use std::collections::HashMap;

/// Names by which models call the tokens that end a text or a turn; llama.cpp knows them, too.
const ENDS: [&str; 12] = [
    "<|eot_id|>",
    "<|im_end|>",
    "<|end|>",
    "<|endoftext|>",
    "<|end_of_text|>",
    "<|eom_id|>",
    "<end_of_turn>",
    "<EOT>",
    "_<EOT>",
    "<end_of_utterance>",
    "<eos>",
    "</s>",
];

/// Kinds of tokens, `tokenizer.ggml.token_type`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Normal,
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
    ids: HashMap<&'a str, u32>,
}

impl<'a> Vocabulary<'a> {
    pub(super) fn from_metadata(metadata: Metadata<'a>) -> Result<Vocabulary<'a>, Error> {
        let tokens = metadata.required("tokenizer.ggml.tokens", metadata.texts("tokenizer.ggml.tokens"))?;
        let kinds = match metadata.integers("tokenizer.ggml.token_type")? {
            Some(kinds) => kinds.into_iter().map(kind).collect::<Result<Vec<_>, _>>()?,
            None => vec![Kind::Normal; tokens.len()],
        };
        if kinds.len() != tokens.len() {
            let why = format!("{} tokens, but {} token types", tokens.len(), kinds.len());
            return Err(Error::Model(why));
        }
        let mut ids = HashMap::with_capacity(tokens.len());
        for (id, token) in (0_u32..).zip(&tokens) {
            if ids.insert(*token, id).is_some() {
                return Err(Error::Model(format!("token {token:?} appears twice")));
            }
        }
        let vocabulary = Vocabulary { tokens, kinds, ids };
        vocabulary.check_bytes()?;
        Ok(vocabulary)
    }

    /// Every byte of readable text must have a token, or the text would silently lose some. Control characters and
    /// the first bytes of unassigned planes may have none (SmolLM2 lacks some): they are dropped, as by llama.cpp.
    fn check_bytes(&self) -> Result<(), Error> {
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

    /// What merging may produce. Control tokens are left out, so that no text can become one.
    pub(super) fn mergeable<M: FromIterator<(String, u32)>>(&self) -> M {
        let normal = |id: &u32| matches!(self.kinds[*id as usize], Kind::Normal | Kind::UserDefined);
        self.ids.iter().filter(|(_, id)| normal(id)).map(|(token, id)| ((*token).to_owned(), *id)).collect()
    }

    /// Pairs in the order of their rank. Each side and the whole must be tokens that merging may produce.
    pub(super) fn merges(&self, metadata: Metadata<'_>) -> Result<Vec<(String, String)>, Error> {
        let merges = metadata.required("tokenizer.ggml.merges", metadata.texts("tokenizer.ggml.merges"))?;
        let known = |token: &str| {
            let id = self.ids.get(token);
            id.is_some_and(|id| matches!(self.kinds[*id as usize], Kind::Normal | Kind::UserDefined))
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

    /// What each token adds to an answer.
    pub(super) fn pieces(&self) -> Vec<Box<[u8]>> {
        let piece = |(token, kind): (&&str, &Kind)| match kind {
            Kind::Control | Kind::Unused => Box::default(),
            Kind::UserDefined => token.as_bytes().into(),
            Kind::Normal => {
                let bytes: Option<Vec<u8>> = token.chars().map(bytelevel::byte).collect();
                // Not in byte-level writing: the token means its own text.
                bytes.map_or_else(|| token.as_bytes().into(), Vec::into_boxed_slice)
            }
        };
        self.tokens.iter().zip(&self.kinds).map(piece).collect()
    }

    pub(super) fn specials(&self) -> Specials {
        let special = |((id, token), kind): ((u32, &&str), &Kind)| {
            let control = match kind {
                Kind::Control => true,
                Kind::UserDefined => false,
                Kind::Normal | Kind::Unused => return None,
            };
            Some(Special { text: (*token).to_owned(), id, control })
        };
        Specials::new((0..).zip(&self.tokens).zip(&self.kinds).filter_map(special).collect())
    }

    /// The tokens that end an answer.
    pub(super) fn ends(&self, metadata: Metadata<'_>) -> Result<Vec<u32>, Error> {
        let mut ends = Vec::new();
        for name in ["eos", "eot", "eom"] {
            ends.extend(self.id(metadata, &format!("tokenizer.ggml.{name}_token_id"))?);
        }
        let named = ENDS.iter().filter_map(|name| self.ids.get(name).copied());
        ends.extend(named.filter(|id| self.kinds[*id as usize] != Kind::Normal));
        ends.sort_unstable();
        ends.dedup();
        Ok(ends)
    }
}

fn kind(number: i32) -> Result<Kind, Error> {
    match number {
        1 | 6 => Ok(Kind::Normal),
        2 | 3 => Ok(Kind::Control),
        4 => Ok(Kind::UserDefined),
        0 | 5 => Ok(Kind::Unused),
        other => Err(Error::Model(format!("token type {other} is unknown"))),
    }
}
