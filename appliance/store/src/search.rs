//! Search in one's own titles and messages. What a person types is never query syntax: every word of it
//! becomes a quoted prefix.

use rusqlite::{Row, params};

use crate::chats::{self, Chat, Scope};
use crate::{Error, Reader};

/// The most words of a query that count.
const MAX_WORDS: usize = 16;
/// Marks around a match in a snippet. A text that holds them itself shows as if it matched there.
const OPEN: char = '\u{2}';
const CLOSE: char = '\u{3}';

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    pub chat: Chat,
    /// `None` if the title matched.
    pub message_id: Option<String>,
    pub snippet: Vec<Part>,
}

/// A piece of a snippet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    pub text: String,
    pub is_match: bool,
}

/// Chats whose title, then messages whose text has every word of `query`, or words that begin so; the best
/// match first.
pub fn find(reader: &Reader, scope: &Scope, query: &str, limit: usize) -> Result<Vec<Hit>, Error> {
    let Some(words) = quote(query) else { return Ok(Vec::new()) };
    let owner_term = format!("owner : \"{}\"", scope.owner.replace('"', "\"\""));
    let columns: Vec<String> = chats::COLUMNS.split(", ").map(|column| format!("c.{column}")).collect();
    let columns = columns.join(", ");

    let sql = format!(
        "SELECT {columns}, NULL, snippet(chat_index, 1, '{OPEN}', '{CLOSE}', '…', 16)
         FROM chat_index JOIN chats c ON c.pk = chat_index.rowid
         WHERE chat_index MATCH ?1 AND c.owner = ?2 AND c.workspace = ?3
         ORDER BY bm25(chat_index, 0.0, 1.0), c.pk DESC LIMIT ?4"
    );
    let expression = format!("{owner_term} AND title : ({words})");
    let mut hits = reader.all(&sql, params![expression, scope.owner, scope.workspace, limit], from_row)?;

    let sql = format!(
        "SELECT {columns}, m.id, snippet(message_index, 1, '{OPEN}', '{CLOSE}', '…', 24)
         FROM message_index JOIN messages m ON m.pk = message_index.rowid JOIN chats c ON c.id = m.chat_id
         WHERE message_index MATCH ?1 AND m.owner = ?2 AND c.workspace = ?3
         ORDER BY bm25(message_index, 0.0, 1.0), m.pk DESC LIMIT ?4"
    );
    let expression = format!("{owner_term} AND content : ({words})");
    let params = params![expression, scope.owner, scope.workspace, limit - hits.len()];
    hits.extend(reader.all(&sql, params, from_row)?);
    Ok(hits)
}

/// The words as an FTS5 expression of quoted prefixes; `None` if there is nothing to look for. Inside the
/// quotes FTS5 knows no syntax but the quote itself, which is doubled.
fn quote(query: &str) -> Option<String> {
    let words: Vec<String> = query
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| word.chars().any(char::is_alphanumeric))
        .take(MAX_WORDS)
        .map(|word| format!("\"{}\"*", word.replace('"', "\"\"")))
        .collect();
    (!words.is_empty()).then(|| words.join(" AND "))
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<Hit> {
    let snippet: String = row.get(10)?;
    Ok(Hit { chat: chats::from_row(row)?, message_id: row.get(9)?, snippet: parts(&snippet) })
}

fn parts(snippet: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut is_match = false;
    for text in snippet.split([OPEN, CLOSE]) {
        if !text.is_empty() {
            parts.push(Part { text: text.to_owned(), is_match });
        }
        is_match = !is_match;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_becomes_a_quoted_prefix() {
        assert_eq!(quote("  foo BAR* ").unwrap(), "\"foo\"* AND \"BAR*\"*");
        assert_eq!(quote("a\"b NOT \0x").unwrap(), "\"a\"\"b\"* AND \"NOT\"* AND \"x\"*");
        assert_eq!(quote(" * ( \" "), None);
    }

    #[test]
    fn a_snippet_is_cut_at_its_marks() {
        let part = |text: &str, is_match| Part { text: text.to_owned(), is_match };
        assert_eq!(parts("a \u{2}b\u{3} c"), [part("a ", false), part("b", true), part(" c", false)]);
        assert_eq!(parts("\u{2}b\u{3}"), [part("b", true)]);
    }
}
