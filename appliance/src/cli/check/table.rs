//! The table for people: 80 columns wherever it is read, so that it fits a ticket and a console.

use std::io::IsTerminal as _;

use super::super::voice::say;
use super::{Row, Status};

const WIDTH: usize = 80;
/// Columns of subject and status, with what separates them.
const INDENT: usize = 23;

pub(super) fn print(rows: &[Row]) {
    let colours = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    for row in rows {
        print_row(row, colours);
    }
    say(&format!("\n{}", summary(rows)));
}

fn print_row(row: &Row, colours: bool) {
    let status = row.outcome.status();
    let (word, colour) = match status {
        Status::Skipped => ("skipped", "2"),
        Status::Ok => ("ok", "32"),
        Status::Warning => ("warning", "33"),
        Status::Failed => ("FAILED", "1;31"),
    };
    let word = format!("{word:<8}");
    let word = if colours { format!("\x1b[{colour}m{word}\x1b[0m") } else { word };
    let mut head = format!("{:<13}  {word}", row.subject);
    for (mark, text) in lines(row) {
        for (number, line) in wrap(text, WIDTH - INDENT - mark.len()).iter().enumerate() {
            let margin = if number == 0 { mark.to_owned() } else { " ".repeat(mark.len()) };
            say(&format!("{head}{margin}{line}"));
            head = " ".repeat(INDENT);
        }
    }
}

/// Findings, then advice, each with what stands before its lines.
fn lines(row: &Row) -> impl Iterator<Item = (&'static str, &str)> {
    let found = row.outcome.findings().iter().map(|text| ("", text.as_str()));
    found.chain(row.outcome.advice().iter().map(|text| ("> ", text.as_str())))
}

/// Lines of at most `width` characters; a longer word, such as a path, has a line of its own.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let fits =
            |line: &String| line.is_empty() || line.chars().count() + 1 + word.chars().count() <= width;
        match lines.last_mut().filter(|line| fits(line)) {
            Some(line) => {
                if !line.is_empty() {
                    line.push(' ');
                }
                line.push_str(word);
            }
            None => lines.push(word.to_owned()),
        }
    }
    lines
}

fn summary(rows: &[Row]) -> String {
    let count = |status| rows.iter().filter(|row| row.outcome.status() == status).count();
    let counts: Vec<String> = [
        (Status::Failed, "failed"),
        (Status::Warning, "with a warning"),
        (Status::Ok, "ok"),
        (Status::Skipped, "skipped"),
    ]
    .into_iter()
    .filter(|(status, _)| count(*status) > 0)
    .map(|(status, word)| format!("{} {word}", count(status)))
    .collect();
    format!("{} checks: {}. Nothing was changed.", rows.len(), counts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_between_words_and_long_words_stay_whole() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("a /very/long/path b", 5), ["a", "/very/long/path", "b"]);
        assert_eq!(wrap("", 5), [""]);
    }
}
