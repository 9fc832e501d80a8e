//! A passphrase: what a person knows and types. Stretched by Argon2id (RFC 9106), since people's words can be guessed.

use std::fmt;

use argon2::{Algorithm, Argon2, Params, Version};
use ring::rand::SecureRandom;
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;

use super::Error;

/// The shortest new one, in characters: whoever steals the disk may guess for years.
const MIN_CHARACTERS: usize = 20;
/// The longest, in bytes.
const MAX_BYTES: usize = 1024;
/// Of a new one, at least.
const MIN_DISTINCT: usize = 8;

/// A passphrase as it was typed, in Unicode's form C, as RFC 8265 section 4.2.2 has it, so that it is the same on every keyboard.
pub struct Passphrase(Zeroizing<String>);

impl Passphrase {
    /// # Errors
    /// [`Error::BadPassphrase`] for one that no slot can have.
    pub fn parse(typed: &str) -> Result<Self, Error> {
        if typed.is_empty() || typed.len() > MAX_BYTES {
            return Err(Error::BadPassphrase("it has between 1 and 1024 bytes"));
        }
        if typed.chars().any(char::is_control) {
            return Err(Error::BadPassphrase("it has no control characters"));
        }
        Ok(Self(Zeroizing::new(typed.nfc().collect())))
    }

    /// Whether it may protect a store from now on.
    ///
    /// # Errors
    /// [`Error::BadPassphrase`] for one that is soon guessed.
    pub fn check_new(&self) -> Result<(), Error> {
        let mut characters: Vec<char> = self.0.chars().collect();
        if characters.len() < MIN_CHARACTERS {
            return Err(Error::BadPassphrase("a new one has at least 20 characters; six random words do"));
        }
        characters.sort_unstable();
        characters.dedup();
        if characters.len() < MIN_DISTINCT {
            return Err(Error::BadPassphrase("a new one has at least 8 different characters"));
        }
        Ok(())
    }

    /// For the way to the appliance, over the console's socket.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn stretch(&self, stretch: &Stretch) -> Option<Zeroizing<[u8; 32]>> {
        stretch.key(self.0.as_bytes())
    }
}

/// Shows no character of it.
impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(…)")
    }
}

/// How a slot's passphrase becomes a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Stretch {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    /// 16 random bytes, in hex.
    salt: String,
}

impl Stretch {
    /// RFC 9106 section 4, the second recommended choice: 64 MiB, three passes, four lanes.
    const MEMORY_KIB: u32 = 64 << 10;
    const PASSES: u32 = 3;
    const LANES: u32 = 4;
    /// What a slot file may ask of this machine.
    const MOST_MEMORY_KIB: u32 = 1 << 20;
    const MOST_PASSES: u32 = 32;
    const MOST_LANES: u32 = 16;

    pub(super) fn generate(random: &dyn SecureRandom) -> Result<Self, Error> {
        let mut salt = [0; 16];
        random.fill(&mut salt).map_err(|_| crate::Error::NoRandomness)?;
        Ok(Self {
            memory_kib: Self::MEMORY_KIB,
            passes: Self::PASSES,
            lanes: Self::LANES,
            salt: data_encoding::HEXLOWER.encode(&salt),
        })
    }

    /// What the slot is bound to beside itself.
    pub(super) fn binding(&self) -> String {
        format!("\nargon2id {} {} {} {}", self.memory_kib, self.passes, self.lanes, self.salt)
    }

    /// `None` if it asks for what is not done.
    fn key(&self, secret: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
        let within = self.memory_kib <= Self::MOST_MEMORY_KIB
            && self.passes <= Self::MOST_PASSES
            && self.lanes <= Self::MOST_LANES;
        let salt = data_encoding::HEXLOWER.decode(self.salt.as_bytes()).ok().filter(|_| within)?;
        let params = Params::new(self.memory_kib, self.passes, self.lanes, Some(32)).ok()?;
        let mut key = Zeroizing::new([0; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(secret, &salt, &mut *key)
            .ok()?;
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stretch(memory_kib: u32, passes: u32, lanes: u32, salt: &[u8]) -> Stretch {
        Stretch { memory_kib, passes, lanes, salt: data_encoding::HEXLOWER.encode(salt) }
    }

    /// What the reference implementation's command prints:
    /// `printf 'correct horse' | argon2 somesaltsomesalt -id -t 3 -k 65536 -p 4 -l 32 -r`
    #[test]
    fn the_key_is_that_of_the_reference_implementation() {
        let slow = stretch(Stretch::MEMORY_KIB, Stretch::PASSES, Stretch::LANES, b"somesaltsomesalt");
        let key = Passphrase::parse("correct horse").unwrap().stretch(&slow).unwrap();
        assert_eq!(
            data_encoding::HEXLOWER.encode(&*key),
            "ed86d84b6c36e1d49306015e2d9fcfa79a45c4b8d64d7c8e32baf52ddf017042"
        );
    }

    #[test]
    fn a_slot_that_asks_for_too_much_is_not_tried() {
        for (memory_kib, passes, lanes, salt) in [
            (2 << 20, 1, 1, &[0; 16][..]),
            (64, 33, 1, &[0; 16]),
            (1024, 1, 17, &[0; 16]),
            (64, 1, 1, &[0; 4]),
            (1, 1, 1, &[0; 16]),
        ] {
            assert!(
                stretch(memory_kib, passes, lanes, salt).key(b"x").is_none(),
                "{memory_kib} {passes} {lanes}"
            );
        }
    }

    #[test]
    fn a_passphrase_is_the_same_however_its_letters_are_composed_and_a_new_one_is_long() {
        let quick = stretch(64, 1, 1, &[7; 16]);
        let key = |typed: &str| Passphrase::parse(typed).unwrap().stretch(&quick).unwrap();
        assert_eq!(*key("Z\u{fc}rich"), *key("Zu\u{308}rich"));
        assert_ne!(*key("Zürich"), *key("Zurich"));
        for bad in ["", "tab\there", &"x".repeat(1025)] {
            assert!(Passphrase::parse(bad).is_err(), "{bad:?}");
        }
        for weak in ["nineteen characters", "ababababababababababababab"] {
            assert!(Passphrase::parse(weak).unwrap().check_new().is_err(), "{weak}");
        }
        Passphrase::parse("staple battery horse correct six").unwrap().check_new().unwrap();
    }
}
