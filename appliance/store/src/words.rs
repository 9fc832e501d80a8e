//! The words of a text, and the form in which the search index has them: folded, each behind a key of the person and
//! workspace that it belongs to.
//!
//! **Invariant:** a word of one scope is another word than the same of another scope. So the index has nothing that two
//! people share: what it counts, walks and orders for a search is the searcher's own.
//!
//! The index forgets a text by being given its words again: whoever changes what this makes of a text builds the index
//! anew in a migration.

use std::ops::Range;

use ring::digest::{Context, SHA256};
use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::Error;

/// Of a longer word these count.
const MAX_CHARACTERS: usize = 64;
const KEY_BYTES: usize = 8;

/// Letters and digits in a row with the marks on them: where they are, and folded, so that neither case nor accents nor
/// full width tell words apart.
pub(crate) fn words(text: &str) -> impl Iterator<Item = (Range<usize>, String)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let start = at + text.get(at..)?.find(belongs)?;
            let rest = text.get(start..)?;
            at = start + rest.find(|character| !belongs(character)).unwrap_or(rest.len());
            let folded = fold(text.get(start..at)?);
            if !folded.is_empty() {
                return Some((start..at, folded));
            }
        }
    })
}

fn belongs(character: char) -> bool {
    character.is_alphanumeric() || is_combining_mark(character)
}

/// Letters and digits only, so that the index's own tokenizer finds nothing to divide.
fn fold(word: &str) -> String {
    if word.is_ascii() {
        return word.chars().take(MAX_CHARACTERS).map(|character| character.to_ascii_lowercase()).collect();
    }
    let letters = word.nfkd().filter(|character| character.is_alphanumeric());
    letters.flat_map(char::to_lowercase).take(MAX_CHARACTERS).collect()
}

/// What stands before every word of this person in this workspace: as long for everybody, so that no key begins
/// another.
pub(crate) fn key(owner: &str, workspace: &str) -> String {
    let mut digest = Context::new(&SHA256);
    for part in [owner, "\0", workspace] {
        digest.update(part.as_bytes());
    }
    data_encoding::HEXLOWER.encode(digest.finish().as_ref().get(..KEY_BYTES).unwrap_or_default())
}

/// A text as the index gets it.
fn indexed(owner: &str, workspace: &str, text: &str) -> String {
    let key = key(owner, workspace);
    words(text).fold(String::new(), |mut indexed, (_, word)| {
        indexed.extend([key.as_str(), &word, " "]);
        indexed
    })
}

/// Makes `indexed_words(owner, workspace, text)` known to the triggers that keep the index.
pub(crate) fn register(connection: &Connection) -> Result<(), Error> {
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        // Triggers may call it though the schema is not trusted: it does nothing but compute.
        | FunctionFlags::SQLITE_INNOCUOUS;
    connection.create_scalar_function("indexed_words", 3, flags, |context| {
        let [owner, workspace, text] = [0, 1, 2].map(|index| context.get_raw(index).as_str());
        Ok(indexed(owner?, workspace?, text?))
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(text: &str) -> Vec<String> {
        words(text).map(|(_, word)| word).collect()
    }

    #[test]
    fn words_are_folded() {
        assert_eq!(folded("Will it RAIN, in Reykjavík?"), ["will", "it", "rain", "in", "reykjavik"]);
        assert_eq!(folded("C++ a_b \0 x\u{301}y ＦＵＬＬ İI ßẞ"), ["c", "a", "b", "xy", "full", "ii", "ßß"]);
        assert_eq!(folded("⑴ \u{301} — \u{200b}🙂"), ["1"]);
        assert_eq!(folded("日本語 ½ ﷺ").len(), 3);
        assert_eq!(folded(&"x".repeat(1_000)), ["x".repeat(64)]);
        assert_eq!(folded(&"é".repeat(1_000)), ["e".repeat(64)]);
    }

    #[test]
    fn places_are_those_of_the_text() {
        let text = "  Ünïcode, ok";
        let places: Vec<&str> = words(text).map(|(place, _)| &text[place]).collect();
        assert_eq!(places, ["Ünïcode", "ok"]);
    }

    #[test]
    fn the_same_word_of_two_scopes_is_two_words() {
        let keys = [key("a", "b"), key("a", "c"), key("c", "b"), key("ab", ""), key("", "ab")];
        for (number, key) in keys.iter().enumerate() {
            assert_eq!(key.len(), 2 * KEY_BYTES);
            assert!(!keys[..number].contains(key), "{keys:?}");
        }
        assert_eq!(indexed("a", "b", "One, two"), format!("{0}one {0}two ", keys[0]));
    }
}
