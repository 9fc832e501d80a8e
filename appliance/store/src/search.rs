//! Search in one's own titles and messages. What a person types is never query syntax: every word of it
//! becomes a quoted prefix.
//!
//! **Invariant:** what is found, its order, and what is walked for it depend on the searcher's own texts alone: every
//! word of the index has its owner's key before it (`words.rs`), and hits come the newest first. No `bm25`, no `rank`:
//! they count over the texts of all.

use rusqlite::{Row, params};

use crate::chats::{self, Chat, Scope};
use crate::snippet::{Phrase, snippet};
use crate::words::{key, words};
use crate::{Error, Reader};

pub use crate::snippet::Part;

/// The most words of a query that count, and the most pieces of one.
const MAX_WORDS: usize = 16;
/// Words of a snippet.
const TITLE_WORDS: usize = 16;
const MESSAGE_WORDS: usize = 24;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    pub chat: Chat,
    /// `None` if the title matched.
    pub message_id: Option<String>,
    pub snippet: Vec<Part>,
}

/// Chats whose title, then messages whose text has every word of `query`, or words that begin so; the newest first.
pub fn find(reader: &Reader, scope: &Scope, query: &str, limit: usize) -> Result<Vec<Hit>, Error> {
    let phrases = phrases(query);
    if phrases.is_empty() {
        return Ok(Vec::new());
    }
    let expression = expression(&key(&scope.owner, &scope.workspace), &phrases);
    let columns: Vec<String> = chats::COLUMNS.split(", ").map(|column| format!("c.{column}")).collect();
    let columns = columns.join(", ");

    let sql = format!(
        "SELECT {columns}, NULL, c.title FROM chat_index CROSS JOIN chats c ON c.pk = chat_index.rowid
         WHERE chat_index MATCH ?1 AND c.owner = ?2 AND c.workspace = ?3
         ORDER BY chat_index.rowid DESC LIMIT ?4"
    );
    let bound = params![expression, scope.owner, scope.workspace, limit];
    let mut hits = reader.all(&sql, bound, |row| from_row(row, &phrases, TITLE_WORDS))?;

    let sql = format!(
        "SELECT {columns}, m.id, m.content
         FROM message_index CROSS JOIN messages m ON m.pk = message_index.rowid
              CROSS JOIN chats c ON c.id = m.chat_id
         WHERE message_index MATCH ?1 AND m.owner = ?2 AND c.workspace = ?3
         ORDER BY message_index.rowid DESC LIMIT ?4"
    );
    let bound = params![expression, scope.owner, scope.workspace, limit - hits.len()];
    hits.extend(reader.all(&sql, bound, |row| from_row(row, &phrases, MESSAGE_WORDS))?);
    Ok(hits)
}

/// What was typed between spaces; each is one word, or several that are to stand in a row.
fn phrases(query: &str) -> Vec<Phrase> {
    let mut phrases = Vec::new();
    let pieces = query
        .split(|c: char| c.is_whitespace() || c.is_control())
        .map(|piece| words(piece).map(|(_, word)| word).take(MAX_WORDS).collect::<Phrase>())
        .filter(|phrase| !phrase.is_empty())
        .take(MAX_WORDS);
    for phrase in pieces {
        if !phrases.contains(&phrase) {
            phrases.push(phrase);
        }
    }
    phrases
}

/// As FTS5 reads it. Words are letters and digits, so nothing in them is syntax.
fn expression(key: &str, phrases: &[Phrase]) -> String {
    let quoted: Vec<String> = phrases
        .iter()
        .map(|phrase| phrase.iter().map(|word| format!("{key}{word}")).collect::<Vec<_>>().join(" "))
        .map(|phrase| format!("\"{phrase}\"*"))
        .collect();
    quoted.join(" AND ")
}

fn from_row(row: &Row<'_>, phrases: &[Phrase], length: usize) -> rusqlite::Result<Hit> {
    let text = row.get_ref(10)?.as_str()?;
    Ok(Hit { chat: chats::from_row(row)?, message_id: row.get(9)?, snippet: snippet(text, phrases, length) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_becomes_a_quoted_prefix_of_its_owner() {
        let expressed = |query| expression("k", &phrases(query));
        assert_eq!(expressed("  foo BAR* "), "\"kfoo\"* AND \"kbar\"*");
        assert_eq!(expressed("a\"b NOT \0x"), "\"ka kb\"* AND \"knot\"* AND \"kx\"*");
        assert_eq!(expressed("x X x"), "\"kx\"*");
        assert_eq!(expressed(" * ( \" "), "");
    }
}
