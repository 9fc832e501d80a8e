//! The recovery key: printed once when the appliance is installed, typed when nothing else opens the store.
//!
//! 256 random bits and a checksum of 24, in base32 (RFC 4648), 14 groups of four characters.

use std::fmt;

use data_encoding::BASE32_NOPAD;
use ring::digest::{SHA256, digest};
use ring::rand::SecureRandom;
use zeroize::Zeroizing;

use super::Error;

const BYTES: usize = 32;
const CHECKSUM: usize = 3;
const CHARACTERS: usize = (BYTES + CHECKSUM) * 8 / 5;

pub struct RecoveryKey(Zeroizing<[u8; BYTES]>);

impl RecoveryKey {
    pub fn generate(random: &dyn SecureRandom) -> Result<Self, Error> {
        let mut bytes = Zeroizing::new([0; BYTES]);
        random.fill(&mut *bytes).map_err(|_| crate::Error::NoRandomness)?;
        Ok(Self(bytes))
    }

    /// Reads what a person typed from paper: case, spaces and dashes do not matter, and the digits that
    /// base32 does not use stand for the letters that they look like.
    ///
    /// # Errors
    /// [`Error::BadRecoveryKey`], which says what does not fit.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut typed = Zeroizing::new(String::with_capacity(CHARACTERS));
        for character in text.chars().filter(|c| !c.is_whitespace() && *c != '-') {
            typed.push(match character.to_ascii_uppercase() {
                '0' => 'O',
                '1' => 'I',
                '8' => 'B',
                other => other,
            });
        }
        if typed.chars().count() != CHARACTERS {
            return Err(Error::BadRecoveryKey("it has 14 groups of 4 characters"));
        }
        let bytes = BASE32_NOPAD
            .decode(typed.as_bytes())
            .map(Zeroizing::new)
            .map_err(|_| Error::BadRecoveryKey("it has letters and the digits 2 to 7"))?;
        let (key, sum) =
            bytes.split_first_chunk::<BYTES>().ok_or(Error::BadRecoveryKey("it is too short"))?;
        if sum != checksum(key) {
            return Err(Error::BadRecoveryKey("a character is wrong"));
        }
        Ok(Self(Zeroizing::new(*key)))
    }

    /// The form to print.
    pub fn to_text(&self) -> Zeroizing<String> {
        let bytes = Zeroizing::new([self.0.as_slice(), &checksum(&self.0)].concat());
        let plain = Zeroizing::new(BASE32_NOPAD.encode(&bytes));
        let mut text = Zeroizing::new(String::with_capacity(CHARACTERS * 5 / 4));
        for (index, character) in plain.chars().enumerate() {
            if index > 0 && index % 4 == 0 {
                text.push('-');
            }
            text.push(character);
        }
        text
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &*self.0
    }
}

/// Shows no character of the key.
impl fmt::Debug for RecoveryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryKey(…)")
    }
}

fn checksum(key: &[u8; BYTES]) -> [u8; CHECKSUM] {
    let hash = digest(&SHA256, &[b"redoubt recovery key".as_slice(), key].concat());
    let mut sum = [0; CHECKSUM];
    sum.copy_from_slice(&hash.as_ref()[..CHECKSUM]);
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_printed_key_is_read_back_however_it_is_typed() {
        let key = RecoveryKey(Zeroizing::new(std::array::from_fn(|index| (index * 37) as u8)));
        let text = key.to_text();
        assert_eq!(text.len(), 14 * 5 - 1);
        let typed =
            text.to_lowercase().replace('-', " ").replace('o', "0").replace('i', "1").replace('b', "8");
        for spelling in [text.as_str(), &typed, &text.replace('-', "")] {
            assert_eq!(*RecoveryKey::parse(spelling).unwrap().0, *key.0);
        }
    }

    #[test]
    fn one_wrong_character_is_noticed_before_any_slot_is_tried() {
        let text = RecoveryKey(Zeroizing::new([7; BYTES])).to_text();
        for (index, character) in text.char_indices().filter(|(_, c)| *c != '-') {
            let other = if character == 'A' { 'C' } else { 'A' };
            let mut wrong = text.to_string();
            wrong.replace_range(index..=index, &other.to_string());
            assert!(RecoveryKey::parse(&wrong).is_err(), "position {index}");
        }
        assert!(RecoveryKey::parse("").is_err());
        assert!(RecoveryKey::parse(&"é".repeat(56)).is_err());
    }
}
