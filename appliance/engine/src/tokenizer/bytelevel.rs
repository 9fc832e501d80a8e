//! GPT-2's way to write any byte as a printable character, in which byte-level vocabularies are written.

/// The character that stands for a byte: itself where it is printable Latin-1, else one from U+0100 on.
pub(crate) fn character(byte: u8) -> char {
    if printable(byte) {
        return char::from(byte);
    }
    let before = (0..byte).filter(|byte| !printable(*byte)).count();
    char::from_u32(256 + before as u32).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// The byte a character stands for.
pub(super) fn byte(character: char) -> Option<u8> {
    match u32::from(character) {
        code @ 0..=255 => u8::try_from(code).ok().filter(|byte| printable(*byte)),
        code => (0..=255).filter(|byte| !printable(*byte)).nth(code as usize - 256),
    }
}

fn printable(byte: u8) -> bool {
    matches!(byte, 33..=126 | 161..=172 | 174..=255)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_its_own_character_and_back() {
        for value in 0..=255 {
            assert_eq!(byte(character(value)), Some(value));
        }
    }

    #[test]
    fn known_characters() {
        assert_eq!(character(b' '), 'Ġ');
        assert_eq!(character(b'\n'), 'Ċ');
        assert_eq!(character(b'a'), 'a');
        assert_eq!(byte('漢'), None);
        assert_eq!(byte(' '), None);
    }
}
