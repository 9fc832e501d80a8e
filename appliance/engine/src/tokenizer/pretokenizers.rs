//! How each family of models cuts text into words before merging.

use crate::Error;
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::Split;
use tokenizers::tokenizer::SplitDelimiterBehavior;

/// Contractions, one letter before a word, then runs of letters; digits differ between families.
/// The contractions are spelt out: case-insensitive matching would also take `ſ` for `s`.
const LLAMA3: &str = r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN2: &str = r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// What a pre-tokenizer's name stands for.
pub(super) struct Family {
    pub(super) splitter: PreTokenizerWrapper,
    /// A word that is a token is taken whole, without merging.
    pub(super) ignore_merges: bool,
    /// Whether text begins with BOS where the metadata does not say.
    pub(super) add_bos: bool,
}

/// The family of `tokenizer.ggml.pre`.
pub(super) fn family(pre: &str) -> Result<Family, Error> {
    match pre {
        "smollm" => Ok(Family { splitter: digits_then_gpt2(), ignore_merges: false, add_bos: false }),
        "llama-bpe" | "llama3" | "llama-v3" | "lfm2" | "pixtral" => {
            Ok(Family { splitter: pattern(LLAMA3)?, ignore_merges: true, add_bos: true })
        }
        "qwen2" | "deepseek-r1-qwen" => {
            Ok(Family { splitter: pattern(QWEN2)?, ignore_merges: false, add_bos: false })
        }
        other => Err(Error::Unsupported(format!("pre-tokenizer `{other}`"))),
    }
}

/// Every digit alone, then GPT-2's words.
fn digits_then_gpt2() -> PreTokenizerWrapper {
    let digits = PreTokenizerWrapper::Digits(Digits::new(true));
    let words = PreTokenizerWrapper::ByteLevel(ByteLevel::new(false, false, true));
    PreTokenizerWrapper::Sequence(Sequence::new(vec![digits, words]))
}

/// Words by a pattern, then bytes as characters.
fn pattern(regex: &str) -> Result<PreTokenizerWrapper, Error> {
    let pattern = tokenizers::pre_tokenizers::split::SplitPattern::Regex(regex.to_owned());
    let split = Split::new(pattern, SplitDelimiterBehavior::Isolated, false)
        .map_err(|error| Error::Model(format!("pattern: {error}")))?;
    let bytes = PreTokenizerWrapper::ByteLevel(ByteLevel::new(false, false, false));
    Ok(PreTokenizerWrapper::Sequence(Sequence::new(vec![PreTokenizerWrapper::Split(split), bytes])))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokenizers::{OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer};

    fn words(pre: &str, text: &str) -> Vec<String> {
        let mut split = PreTokenizedString::from(text);
        family(pre).unwrap().splitter.pre_tokenize(&mut split).unwrap();
        let offsets = split.get_splits(OffsetReferential::Original, OffsetType::Byte);
        offsets.into_iter().map(|(_, (start, end), _)| text[start..end].to_owned()).collect()
    }

    #[test]
    fn smollm_takes_every_digit_alone() {
        assert_eq!(words("smollm", "in 2024, it's"), ["in", " ", "2", "0", "2", "4", ",", " it", "'s"]);
    }

    #[test]
    fn llama_takes_three_digits_and_qwen_one() {
        assert_eq!(words("llama-bpe", "x 12345!\n\n y"), ["x", " ", "123", "45", "!\n\n", " y"]);
        assert_eq!(words("qwen2", "x 12"), ["x", " ", "1", "2"]);
    }

    #[test]
    fn the_long_s_is_no_contraction() {
        assert_eq!(words("llama-bpe", "it'ſ"), ["it", "'ſ"]);
    }

    #[test]
    fn an_unknown_family_is_refused_by_name() {
        assert!(matches!(family("tekken"), Err(Error::Unsupported(why)) if why.contains("tekken")));
    }
}
