//! Ed25519 public keys as OpenSSH writes them (RFC 8709 section 4).

use data_encoding::BASE64_NOPAD;
use ring::digest::{SHA256, digest};
use ring::signature::Ed25519KeyPair;

use super::wire::{Reader, Writer};
use super::{ED25519, line};
use crate::{Error, ed25519};

const WHAT: &str = "an Ed25519 public key";

/// The 32 bytes of an Ed25519 public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PublicKey(pub [u8; 32]);

impl PublicKey {
    /// The public half of `pair`.
    pub fn of(pair: &Ed25519KeyPair) -> Self {
        Self(ed25519::public_key(pair))
    }

    /// string `ssh-ed25519`, string of the 32 bytes: 51 bytes.
    pub fn blob(&self) -> Vec<u8> {
        // Two short strings cannot be too long.
        Writer::new().string(ED25519).string(self.0).finish(WHAT).unwrap_or_default()
    }

    /// Reads what [`PublicKey::blob`] wrote.
    ///
    /// # Errors
    /// [`Error::BadSsh`] if the bytes are anything else.
    pub fn from_blob(blob: &[u8]) -> Result<Self, Error> {
        let mut reader = Reader::new(WHAT, blob);
        reader.expect(ED25519, "its algorithm is another one")?;
        let key = reader.fixed()?;
        reader.finish()?;
        Ok(Self(key))
    }

    /// The line of a `.pub` file, without a newline.
    ///
    /// # Errors
    /// [`Error::BadSsh`] if the comment is longer than 256 bytes or has control characters.
    pub fn line(&self, comment: &str) -> Result<String, Error> {
        line::encode(ED25519, WHAT, &self.blob(), comment)
    }

    /// The key and the comment of a line without its newline.
    ///
    /// # Errors
    /// [`Error::BadSsh`], which says what is wrong.
    pub fn parse_line(text: &str) -> Result<(Self, &str), Error> {
        let (blob, comment) = line::decode(ED25519, WHAT, text)?;
        Ok((Self::from_blob(&blob)?, comment))
    }

    /// `SHA256:` and the Base64 of the blob's hash without padding, as `ssh-keygen -l` prints it.
    pub fn fingerprint(&self) -> String {
        format!("SHA256:{}", BASE64_NOPAD.encode(digest(&SHA256, &self.blob()).as_ref()))
    }

    /// Whether `signature` is this key's under `message`.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        ed25519::verifies(&self.0, message, signature)
    }
}
