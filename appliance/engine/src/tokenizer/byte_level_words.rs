//! Byte-level BPE (`tokenizer.ggml.model = gpt2`): text is cut into words, and the bytes of each word are merged.

use super::bytelevel;
use super::pretokenizers::{self, Family};
use super::vocabulary::Vocabulary;
use crate::Error;
use crate::gguf::Metadata;
use tokenizers::Model;
use tokenizers::models::bpe::{BPE, Vocab};

/// Splits plain text; knows no special token.
pub(super) struct ByteLevelWords {
    family: Family,
    merging: BPE,
    characters: [char; 256],
}

impl ByteLevelWords {
    pub(super) fn new(vocabulary: &Vocabulary<'_>, metadata: Metadata<'_>) -> Result<ByteLevelWords, Error> {
        let pre = metadata.required("tokenizer.ggml.pre", metadata.text("tokenizer.ggml.pre"))?;
        let family = pretokenizers::family(pre)?;
        vocabulary.check_byte_characters()?;
        let merging = BPE::builder()
            .vocab_and_merges(vocabulary.mergeable::<Vocab>(), vocabulary.merges(metadata)?)
            .ignore_merges(family.ignore_merges)
            .build()
            .map_err(|error| Error::Model(format!("merges: {error}")))?;
        let mut characters = ['\0'; 256];
        for (byte, character) in (0..=255).zip(&mut characters) {
            *character = bytelevel::character(byte);
        }
        Ok(ByteLevelWords { family, merging, characters })
    }

    /// Whether the family begins texts with BOS.
    pub(super) fn add_bos(&self) -> bool {
        self.family.add_bos
    }

    /// Adds the ids of a text.
    pub(super) fn encode(&self, text: &str, ids: &mut Vec<u32>) -> Result<(), Error> {
        let mut characters = String::new();
        for word in self.family.words(text) {
            characters.clear();
            characters.extend(word.bytes().map(|byte| self.characters[usize::from(byte)]));
            let tokens = self
                .merging
                .tokenize(&characters)
                .map_err(|error| Error::Model(format!("the tokenizer failed: {error}")))?;
            ids.extend(tokens.into_iter().map(|token| token.id));
        }
        Ok(())
    }
}
