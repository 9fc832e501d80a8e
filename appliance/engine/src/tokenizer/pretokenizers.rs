//! How each family of models cuts text into words before merging, by the name that is its `tokenizer.ggml.pre`.
//!
//! The patterns are those of the models' own tokenizers, with the classes that llama.cpp gives them where the two differ:
//! letters that are not ASCII count as both upper and lower case, and what is white space is never punctuation.
//!
//! Their `\s+(?!\S)` needs to look ahead, for which a pattern would have to be able to go back, without a bound on how
//! often. It is left out of them and done by hand ([`Split::end`]): so every text is cut in time proportional to its length.

use crate::Error;
use regex::Regex;

const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+";

/// Contractions, one letter before a word, then runs of letters; digits differ between families.
/// The contractions are spelt out: case-insensitive matching would also take `ſ` for `s`.
const LLAMA3: &str = r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+";
const QWEN2: &str = r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+";
/// Marks belong to the letters that they stand on.
const QWEN35: &str = r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+";

/// Words end where upper case follows lower case.
const GPT4O: &str = r"[^\r\n\p{L}\p{N}]?[\p{L}&&[^a-z]]*[\p{L}&&[^A-Z]]+(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])?|[^\r\n\p{L}\p{N}]?[\p{L}&&[^a-z]]+[\p{L}&&[^A-Z]]*(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+";
const TEKKEN: &str = r"[^\r\n\p{L}\p{N}]?[\p{L}&&[^a-z]]*[\p{L}&&[^A-Z]]+|[^\r\n\p{L}\p{N}]?[\p{L}&&[^a-z]]+[\p{L}&&[^A-Z]]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+";

/// Letters that have a case, of the Unicode version that the model's makers used.
const CASED: &str = r"(?x)\s?[
    A-Za-z\u{B5}\u{C0}-\u{D6}\u{D8}-\u{F6}\u{F8}-\u{1BA}\u{1BC}-\u{1BF}\u{1C4}-\u{293}\u{295}-
    \u{2AF}\u{370}-\u{373}\u{376}\u{377}\u{37B}-\u{37D}\u{37F}\u{386}\u{388}-\u{38A}\u{38C}\u{38E}-
    \u{3A1}\u{3A3}-\u{3F5}\u{3F7}-\u{481}\u{48A}-\u{52F}\u{531}-\u{556}\u{10A0}-\u{10C5}\u{13A0}-
    \u{13F5}\u{13F8}-\u{13FD}\u{1C90}-\u{1CBA}\u{1CBD}-\u{1CBF}\u{1D00}-\u{1D2B}\u{1D6B}-\u{1D77}
    \u{1D79}-\u{1D9A}\u{1E00}-\u{1F15}\u{1F18}-\u{1F1D}\u{1F20}-\u{1F45}\u{1F48}-\u{1F4D}\u{1F50}-
    \u{1F57}\u{1F59}\u{1F5B}\u{1F5D}\u{1F5F}-\u{1F7D}\u{1F80}-\u{1FB4}\u{1FB6}-\u{1FBC}\u{1FBE}
    \u{1FC2}-\u{1FC4}\u{1FC6}-\u{1FCC}\u{1FD0}-\u{1FD3}\u{1FD6}-\u{1FDB}\u{1FE0}-\u{1FEC}\u{1FF2}-
    \u{1FF4}\u{1FF6}-\u{1FFC}\u{2102}\u{2107}\u{210A}-\u{2113}\u{2115}\u{2119}-\u{211D}\u{2124}
    \u{2126}\u{2128}\u{212A}-\u{212D}\u{212F}-\u{2134}\u{2139}\u{213C}-\u{213F}\u{2145}-\u{2149}
    \u{214E}\u{2183}\u{2184}\u{2C00}-\u{2C7B}\u{2C7E}-\u{2CE4}\u{2CEB}-\u{2CEE}\u{2CF2}\u{2CF3}
    \u{A640}-\u{A66D}\u{A680}-\u{A69B}\u{A722}-\u{A76F}\u{A771}-\u{A787}\u{A78B}-\u{A78E}\u{AB70}-
    \u{ABBF}\u{FB00}-\u{FB06}\u{FB13}-\u{FB17}\u{FF21}-\u{FF3A}\u{FF41}-\u{FF5A}\u{10400}-\u{1044F}
    \u{104B0}-\u{104D3}\u{104D8}-\u{104FB}\u{10C80}-\u{10CB2}\u{10CC0}-\u{10CF2}\u{118A0}-\u{118DF}
    \u{1E900}-\u{1E943}
]+";
const PUNCTUATION: &str = r"\s?[!-/:-~\u{FF01}-\u{FF0F}\u{FF1A}-\u{FF5E}\u{2018}-\u{201F}\u{3001}\u{3002}]+";
const CHINESE_AND_MORE: &str = r"[[\u{800}-\u{9FA5}\u{AC00}-\u{D7FF}]&&[^\s]]+";
const CHINESE_AND_JAPANESE: &str = r"[\u{4E00}-\u{9FA5}\u{3040}-\u{30FF}]+";
const DEEPSEEK3: &str = r##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+"##;

/// What a pre-tokenizer's name stands for.
pub(super) struct Family {
    /// In the order of their application, each to the pieces that the ones before left.
    splits: Vec<Split>,
    /// A word that is a token is taken whole, without merging.
    pub(super) ignore_merges: bool,
    /// Whether text begins with BOS where the metadata does not say.
    pub(super) add_bos: bool,
}

/// One pattern: its matches become words, and so does what lies between them.
struct Split {
    pattern: Regex,
    /// Whether line ends are white space like any other, or have their own place in the pattern.
    plain_line_ends: bool,
}

/// The family of `tokenizer.ggml.pre`.
///
/// # Errors
/// [`Error::Unsupported`] with the name of one that is not known.
pub(super) fn family(pre: &str) -> Result<Family, Error> {
    let patterns: &[&str] = match pre {
        "gpt-2" | "phi-2" | "mpt" | "olmo" => &[GPT2],
        "starcoder" | "smollm" | "refact" | "command-r" => &[r"\p{N}", GPT2],
        "llama-bpe" | "llama3" | "llama-v3" | "lfm2" | "pixtral" => &[LLAMA3],
        "dbrx" | "smaug-bpe" | "glm4" | "chatglm-bpe" => &[LLAMA3],
        "qwen2" | "deepseek-r1-qwen" | "hunyuan" => &[QWEN2],
        "qwen35" => &[QWEN35],
        "gpt-4o" | "llama4" => &[GPT4O],
        "tekken" => &[TEKKEN],
        "deepseek-llm" => &[r"[\r\n]", CASED, PUNCTUATION, r"\s+$", CHINESE_AND_MORE, r"\p{N}+"],
        "deepseek-coder" => &[r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", CHINESE_AND_MORE, r"\p{N}"],
        "deepseek-v3" | "hunyuan-dense" => &[r"\p{N}{1,3}", CHINESE_AND_JAPANESE, DEEPSEEK3],
        other => return Err(Error::Unsupported(format!("pre-tokenizer `{other}`"))),
    };
    let whole_words =
        matches!(pre, "llama-bpe" | "llama3" | "llama-v3" | "lfm2" | "pixtral" | "glm4" | "tekken");
    Ok(Family {
        splits: patterns.iter().map(|pattern| Split::new(pattern)).collect::<Result<_, _>>()?,
        ignore_merges: whole_words,
        add_bos: whole_words && pre != "glm4",
    })
}

impl Family {
    /// The words of a text, in order; together they are the text.
    pub(super) fn words<'a>(&self, text: &'a str) -> Vec<&'a str> {
        let mut words = vec![text];
        for split in &self.splits {
            words = words.into_iter().flat_map(|piece| split.cut(piece)).collect();
        }
        words
    }
}

impl Split {
    fn new(pattern: &str) -> Result<Split, Error> {
        let plain_line_ends = pattern == GPT2;
        let pattern = Regex::new(pattern).map_err(|error| Error::Model(format!("pattern: {error}")))?;
        Ok(Split { pattern, plain_line_ends })
    }

    fn cut<'a>(&self, text: &'a str) -> Vec<&'a str> {
        let mut words = Vec::new();
        let mut done = 0;
        while let Some(found) = self.pattern.find_at(text, done) {
            let end = self.end(text, found.start(), found.end());
            words.extend([&text[done..found.start()], &text[found.start()..end]]);
            done = end;
        }
        words.push(&text[done..]);
        words.retain(|word| !word.is_empty());
        words
    }

    /// Where a match really ends: of white space before a word the last character belongs to the word.
    fn end(&self, text: &str, start: usize, end: usize) -> usize {
        let run = &text[start..end];
        let last = match run.chars().next_back() {
            Some('\r' | '\n') if !self.plain_line_ends => return end,
            Some(last) if last.is_whitespace() => last.len_utf8(),
            _ => return end,
        };
        if end == text.len() || last == run.len() { end } else { end - last }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(pre: &str, text: &str) -> Vec<String> {
        family(pre).unwrap().words(text).into_iter().map(str::to_owned).collect()
    }

    #[test]
    fn digits_stand_alone_or_in_groups() {
        let text = "x 12345";
        assert_eq!(words("gpt-2", text), ["x", " 12345"]);
        assert_eq!(words("smollm", text), ["x", " ", "1", "2", "3", "4", "5"]);
        assert_eq!(words("llama-bpe", text), ["x", " ", "123", "45"]);
        assert_eq!(words("qwen2", text), ["x", " ", "1", "2", "3", "4", "5"]);
        assert_eq!(words("gpt-4o", text), ["x", " ", "123", "45"]);
        assert_eq!(words("tekken", text), ["x", " ", "1", "2", "3", "4", "5"]);
        assert_eq!(words("deepseek-llm", text), ["x", " ", "12345"]);
        assert_eq!(words("deepseek-coder", text), ["x", " ", "1", "2", "3", "4", "5"]);
        assert_eq!(words("deepseek-v3", text), ["x", " ", "123", "45"]);
    }

    #[test]
    fn line_ends_follow_punctuation() {
        assert_eq!(words("llama-bpe", "12!\n\n y"), ["12", "!\n\n", " y"]);
        assert_eq!(words("smollm", "in 2024, it's"), ["in", " ", "2", "0", "2", "4", ",", " it", "'s"]);
    }

    #[test]
    fn the_last_space_belongs_to_the_next_word() {
        assert_eq!(words("gpt-2", "a   b\n\n c  "), ["a", "  ", " b", "\n\n", " c", "  "]);
        assert_eq!(words("gpt-2", "a\n\nb"), ["a", "\n", "\n", "b"]);
        assert_eq!(words("qwen2", "a\n\nb \tc"), ["a", "\n\n", "b", " ", "\tc"]);
        assert_eq!(words("qwen2", " \u{3000}x\t"), [" ", "\u{3000}x", "\t"]);
    }

    #[test]
    fn megabytes_of_anything_are_cut_at_once() {
        let started = std::time::Instant::now();
        for pre in ["gpt-2", "smollm", "llama-bpe", "gpt-4o", "tekken", "deepseek-llm", "deepseek-v3"] {
            for part in ["a", " ", "\n", "1", "!", "\u{301}", "字", " \n", "  x", "'", "Aa"] {
                let text = part.repeat(1 << 18);
                assert_eq!(words(pre, &text).concat(), text);
            }
        }
        assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
    }

    #[test]
    fn case_divides_words_of_gpt4o_only() {
        assert_eq!(words("gpt-4o", "CamelCase it's"), ["Camel", "Case", " it's"]);
        assert_eq!(words("tekken", "CamelCase it's"), ["Camel", "Case", " it", "'s"]);
        assert_eq!(words("llama-bpe", "CamelCase it's"), ["CamelCase", " it", "'s"]);
    }

    #[test]
    fn marks_stay_with_their_letters_in_qwen35() {
        assert_eq!(words("qwen35", "e\u{301}x"), ["e\u{301}x"]);
        assert_eq!(words("qwen2", "e\u{301}x"), ["e", "\u{301}x"]);
    }

    #[test]
    fn the_long_s_is_no_contraction() {
        assert_eq!(words("llama-bpe", "it'ſ"), ["it", "'ſ"]);
    }

    #[test]
    fn an_unknown_family_is_refused_by_name() {
        assert!(matches!(family("viking"), Err(Error::Unsupported(why)) if why.contains("viking")));
    }
}
