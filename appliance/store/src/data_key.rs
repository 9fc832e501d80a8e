//! The data key: the one random key under which everything is encrypted, and the keys derived from it.

use std::fmt;

use data_encoding::HEXLOWER;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, KeyType, Salt};
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

use crate::Error;

/// A random 256-bit key. It lives in memory only; on disk it is wrapped in [`crate::keys`] slots.
#[derive(Clone)]
pub struct DataKey(Zeroizing<[u8; 32]>);

impl DataKey {
    /// # Errors
    /// [`Error::NoRandomness`]
    pub fn generate(random: &dyn SecureRandom) -> Result<Self, Error> {
        let mut key = Zeroizing::new([0; 32]);
        random.fill(&mut *key).map_err(|_| Error::NoRandomness)?;
        Ok(Self(key))
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Some(Self(Zeroizing::new(bytes.try_into().ok()?)))
    }

    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The raw key as SQLCipher takes it.
    pub(crate) fn literal(&self) -> Zeroizing<String> {
        let hex = Zeroizing::new(HEXLOWER.encode(&*self.0));
        let mut literal = Zeroizing::new(String::with_capacity(67));
        for part in ["x'", hex.as_str(), "'"] {
            literal.push_str(part);
        }
        literal
    }

    /// The statement that gives SQLCipher the raw key.
    pub(crate) fn pragma(&self) -> Zeroizing<String> {
        let mut pragma = Zeroizing::new(String::with_capacity(96));
        for part in ["PRAGMA key = \"", self.literal().as_str(), "\""] {
            pragma.push_str(part);
        }
        pragma
    }

    /// Seals `plain` for `purpose`, bound to `aad`.
    pub(crate) fn seal(&self, purpose: &str, aad: &[u8], plain: &[u8]) -> Result<Vec<u8>, Error> {
        seal(&*self.0, purpose, aad, plain, &SystemRandom::new())
    }

    /// Opens what [`crate::Store::seal`] made with the same purpose and `aad`.
    ///
    /// # Errors
    /// [`Error::Sealed`]
    pub fn unseal(&self, purpose: &str, aad: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        unseal(&*self.0, purpose, aad, sealed)
    }
}

/// Shows no byte of the key.
impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey(…)")
    }
}

/// Nonce ‖ ciphertext ‖ tag by AES-256-GCM, under a key that HKDF-SHA-256 derives from `secret` for
/// `purpose`. The nonce is random: a key seals far fewer than 2³² values (NIST SP 800-38D section 8.3).
pub(crate) fn seal(
    secret: &[u8],
    purpose: &str,
    aad: &[u8],
    plain: &[u8],
    random: &dyn SecureRandom,
) -> Result<Vec<u8>, Error> {
    let mut nonce = [0; NONCE_LEN];
    random.fill(&mut nonce).map_err(|_| Error::NoRandomness)?;
    let mut body = plain.to_vec();
    derive(secret, purpose)?
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(aad), &mut body)
        .map_err(|_| Error::Sealed)?;
    Ok([nonce.as_slice(), &body].concat())
}

/// Opens what [`seal`] made.
pub(crate) fn unseal(
    secret: &[u8],
    purpose: &str,
    aad: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let (nonce, body) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(Error::Sealed)?;
    let mut body = Zeroizing::new(body.to_vec());
    let length = derive(secret, purpose)?
        .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(aad), &mut body)
        .map_err(|_| Error::Sealed)?
        .len();
    body.truncate(length);
    Ok(body)
}

fn derive(secret: &[u8], purpose: &str) -> Result<LessSafeKey, Error> {
    struct Aes256;
    impl KeyType for Aes256 {
        fn len(&self) -> usize {
            AES_256_GCM.key_len()
        }
    }
    let mut key = Zeroizing::new([0; 32]);
    Salt::new(HKDF_SHA256, b"redoubt/v1")
        .extract(secret)
        .expand(&[purpose.as_bytes()], Aes256)
        .and_then(|material| material.fill(&mut *key))
        .map_err(|_| Error::Sealed)?;
    Ok(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &*key).map_err(|_| Error::Sealed)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_value_opens_only_where_it_was_sealed() {
        let key = DataKey::generate(&SystemRandom::new()).unwrap();
        let sealed = key.seal("totp", b"user 1", b"secret").unwrap();
        assert_eq!(&**key.unseal("totp", b"user 1", &sealed).unwrap(), b"secret");
        assert_ne!(sealed, key.seal("totp", b"user 1", b"secret").unwrap(), "a nonce was used twice");

        let other = DataKey::generate(&SystemRandom::new()).unwrap();
        assert!(other.unseal("totp", b"user 1", &sealed).is_err());
        assert!(key.unseal("totp", b"user 2", &sealed).is_err());
        assert!(key.unseal("other", b"user 1", &sealed).is_err());
        for index in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[index] ^= 1;
            assert!(key.unseal("totp", b"user 1", &changed).is_err(), "byte {index}");
            assert!(key.unseal("totp", b"user 1", &sealed[..index]).is_err(), "cut at {index}");
        }
    }

    #[test]
    fn a_key_shows_nothing_of_itself() {
        let key = DataKey::from_bytes(&[0xab; 32]).unwrap();
        assert_eq!(format!("{key:?}"), "DataKey(…)");
    }
}
