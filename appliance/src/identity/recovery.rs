//! Recovery codes: ten single-use codes for the day when the authenticator is lost.
//!
//! The codes of one set share a salt, so that checking one costs a single Argon2id computation.

use argon2::Argon2;
use data_encoding::{BASE32_NOPAD, BASE64_NOPAD};

use redoubt_store::recovery_codes::RecoveryCode;

use crate::random::{self, NoRandomness, Random};

/// How many codes a set has.
pub(super) const CODES: usize = 10;
/// 80 random bits a code (OWASP ASVS 6.5.2: below 112 bits a password hash is due).
const CODE_BYTES: usize = 10;
const SALT_BYTES: usize = 16;
const HASH_BYTES: usize = 32;

/// The hash could not be computed or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    #[error("a recovery code could not be hashed")]
    Hashing,
}

/// A fresh set: the codes as the person gets them, once, and what is stored of each.
pub(super) struct NewSet {
    pub codes: Vec<String>,
    pub hashes: Vec<String>,
}

/// A typed recovery code, brought to its plain form.
pub(super) struct PlainRecoveryCode(String);

impl PlainRecoveryCode {
    /// Accepts lower case, and any spaces and hyphens.
    pub(super) fn parse(typed: &str) -> Option<Self> {
        if typed.len() > 64 {
            return None;
        }
        let plain: String =
            typed.chars().filter(|c| !matches!(c, ' ' | '-')).collect::<String>().to_uppercase();
        let whole = BASE32_NOPAD.decode(plain.as_bytes()).is_ok_and(|bytes| bytes.len() == CODE_BYTES);
        whole.then_some(Self(plain))
    }
}

/// Makes a set of codes in the form `ABCD-EFGH-IJKL-MNOP`. Blocks for the time of ten hashes.
pub(super) fn generate(random: &dyn Random) -> Result<NewSet, Error> {
    let salt = random::bytes::<SALT_BYTES>(random)?;
    let mut set = NewSet { codes: Vec::new(), hashes: Vec::new() };
    for _ in 0..CODES {
        let plain = BASE32_NOPAD.encode(&random::bytes::<CODE_BYTES>(random)?);
        set.hashes.push(stored_form(&salt, &plain)?);
        set.codes.push(group(&plain));
    }
    Ok(set)
}

/// The id of the stored code that the typed one is, if it is one of a set. Blocks for the time of one hash.
pub(super) fn find_match(typed: &PlainRecoveryCode, stored: &[RecoveryCode]) -> Result<Option<i64>, Error> {
    let Some(salt) = stored.first().and_then(|code| code.hash.split_once('$')).map(|(salt, _)| salt) else {
        return Ok(None);
    };
    let salt = BASE64_NOPAD.decode(salt.as_bytes()).map_err(|_| Error::Hashing)?;
    let computed = stored_form(&salt, &typed.0)?;
    Ok(stored.iter().find(|code| code.hash == computed).map(|code| code.id))
}

/// `salt$hash`, both in base64.
fn stored_form(salt: &[u8], plain: &str) -> Result<String, Error> {
    let mut hash = [0; HASH_BYTES];
    Argon2::default().hash_password_into(plain.as_bytes(), salt, &mut hash).map_err(|_| Error::Hashing)?;
    Ok(format!("{}${}", BASE64_NOPAD.encode(salt), BASE64_NOPAD.encode(&hash)))
}

fn group(plain: &str) -> String {
    let characters: Vec<char> = plain.chars().collect();
    characters.chunks(4).map(String::from_iter).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ring::rand::SystemRandom;

    fn stored(set: &NewSet) -> Vec<RecoveryCode> {
        (0..).zip(&set.hashes).map(|(id, hash)| RecoveryCode { id, hash: hash.clone() }).collect()
    }

    #[test]
    fn each_code_of_a_set_matches_itself_however_it_is_typed() {
        let set = generate(&SystemRandom::new()).unwrap();
        assert_eq!((set.codes.len(), set.hashes.len()), (CODES, CODES));
        let typed = PlainRecoveryCode::parse(&set.codes[3].to_lowercase().replace('-', " ")).unwrap();
        assert_eq!(find_match(&typed, &stored(&set)).unwrap(), Some(3));
        let other = generate(&SystemRandom::new()).unwrap();
        assert_eq!(find_match(&typed, &stored(&other)).unwrap(), None);
        assert_eq!(find_match(&typed, &[]).unwrap(), None);
    }

    #[test]
    fn what_cannot_be_a_code_is_not_hashed() {
        for typed in ["", "123456", "ABCD-EFGH", "ABCD-EFGH-IJKL-MNO1", &"A".repeat(500)] {
            assert!(PlainRecoveryCode::parse(typed).is_none(), "{typed:?}");
        }
    }
}
