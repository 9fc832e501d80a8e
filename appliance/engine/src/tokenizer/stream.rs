//! Bytes of tokens to text, one token at a time, never half a character.

/// Holds back an incomplete character until its last byte has come.
#[derive(Default)]
pub struct Utf8Stream {
    /// At most three bytes: the beginning of a character.
    pending: Vec<u8>,
}

impl Utf8Stream {
    /// Adds a token's bytes and gives all characters that are complete now. Bytes that cannot become UTF-8
    /// give U+FFFD.
    pub fn push(&mut self, bytes: &[u8]) -> String {
        self.pending.extend_from_slice(bytes);
        let mut text = String::new();
        let mut kept = 0;
        for chunk in self.pending.utf8_chunks() {
            text.push_str(chunk.valid());
            kept += chunk.valid().len();
            let invalid = chunk.invalid();
            let at_end = kept + invalid.len() == self.pending.len();
            if invalid.is_empty() || (at_end && may_grow(invalid)) {
                break;
            }
            text.push(char::REPLACEMENT_CHARACTER);
            kept += invalid.len();
        }
        self.pending.drain(..kept);
        text
    }

    /// What is left at the end of an answer: nothing, or U+FFFD for a character that was never finished.
    pub fn finish(&mut self) -> String {
        let rest = String::from_utf8_lossy(&self.pending).into_owned();
        self.pending.clear();
        rest
    }
}

/// Whether more bytes could make these a character.
fn may_grow(bytes: &[u8]) -> bool {
    // `utf8_chunks` gives the longest beginning of a character as one chunk; complete ones are never invalid.
    let wanted = match bytes.first() {
        Some(0xC2..=0xDF) => 2,
        Some(0xE0..=0xEF) => 3,
        Some(0xF0..=0xF4) => 4,
        _ => return false,
    };
    bytes.len() < wanted
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_emoji_comes_whole() {
        let mut stream = Utf8Stream::default();
        let bytes = "a😀b".as_bytes();
        assert_eq!(stream.push(&bytes[..2]), "a");
        assert_eq!(stream.push(&bytes[2..4]), "");
        assert_eq!(stream.push(&bytes[4..]), "😀b");
        assert_eq!(stream.finish(), "");
    }

    #[test]
    fn bytes_that_cannot_be_text_are_replaced() {
        let mut stream = Utf8Stream::default();
        assert_eq!(stream.push(b"\xff\xc3"), "\u{fffd}");
        assert_eq!(stream.push(b"x"), "\u{fffd}x");
        assert_eq!(stream.push(b"\xf0\x9f"), "");
        assert_eq!(stream.finish(), "\u{fffd}");
    }

    proptest! {
        #[test]
        fn any_cut_gives_the_whole_text(bytes in prop::collection::vec(any::<u8>(), 0..40), cut in 0..40_usize) {
            let cut = cut.min(bytes.len());
            let mut stream = Utf8Stream::default();
            let text = stream.push(&bytes[..cut]) + &stream.push(&bytes[cut..]) + &stream.finish();
            prop_assert_eq!(text, String::from_utf8_lossy(&bytes));
        }
    }
}
