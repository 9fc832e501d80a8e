//! Plain text: a string in which a line is a line everywhere, inside a form that has escapes of its own.

use std::fmt::Write;

/// How a form writes what would end a value in it.
pub(super) struct Escapes {
    own: [u8; 2],
}

/// The first byte of U+0080 to U+00BF, among which are the C1 controls.
const C1: u8 = 0xc2;
/// The first byte of U+2000 to U+2FFF, among which are the two separators.
const SEPARATORS: u8 = 0xe2;

impl Escapes {
    /// For a form that puts `\` before each of two ASCII characters and before `\` itself.
    pub(super) const fn of(own: [u8; 2]) -> Self {
        Self { own }
    }

    /// Writes the plain text of `text`, and that with the form's own escapes.
    pub(super) fn push(&self, out: &mut String, text: &str) {
        // Most texts need no escape. Without an early end the compiler looks at many bytes at once.
        if text.bytes().fold(false, |found, byte| found | self.begins(byte)) {
            self.push_escaped(out, text);
        } else {
            out.push_str(text);
        }
    }

    fn push_escaped(&self, out: &mut String, text: &str) {
        let mut rest = text;
        // None of these bytes is within a character, so a text can be cut before one.
        while let Some(at) = rest.bytes().position(|byte| self.begins(byte)) {
            let (as_it_is, found) = rest.split_at(at);
            out.push_str(as_it_is);
            let mut behind = found.chars();
            if let Some(character) = behind.next() {
                escape(out, character);
            }
            rest = behind.as_str();
        }
        out.push_str(rest);
    }

    /// Whether something that may have to be escaped begins with this byte.
    fn begins(&self, byte: u8) -> bool {
        (byte < b' ')
            | matches!(byte, b'\\' | 0x7f | C1 | SEPARATORS)
            | (byte == self.own[0])
            | (byte == self.own[1])
    }
}

/// A backslash of plain text is itself escaped by the form.
fn escape(out: &mut String, character: char) {
    match character {
        '\\' => out.push_str(r"\\\\"),
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' => {
            // Writing to a `String` does not fail.
            let _ = write!(out, r"\\u{:04x}", u32::from(character));
        }
        ' '..='~' => out.extend(['\\', character]),
        // It only begins with the same byte as one of those.
        other => out.push(other),
    }
}
