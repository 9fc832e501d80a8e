//! Private keys without a passphrase in the file format of OpenSSH (PROTOCOL.key), which `ssh-keygen` reads too.

use ring::signature::Ed25519KeyPair;

use super::wire::{Reader, Writer};
use super::{ED25519, PublicKey, armour, line};
use crate::Error;

const WHAT: &str = "an Ed25519 private key of OpenSSH without a passphrase";
const LABEL: &str = "OPENSSH PRIVATE KEY";
const MAGIC: &[u8] = b"openssh-key-v1\0";
/// What the private part is padded to: the block of the cipher `none`.
const BLOCK: usize = 8;

/// An Ed25519 key with the comment of its file. It cannot be printed by mistake: it has no `Debug`.
pub struct PrivateKey {
    seed: [u8; 32],
    pair: Ed25519KeyPair,
    comment: String,
}

impl PrivateKey {
    /// # Errors
    /// [`Error::BadSsh`] if the comment is longer than 256 bytes or has control characters.
    pub fn from_seed(seed: [u8; 32], comment: &str) -> Result<Self, Error> {
        let bad = |problem| Error::BadSsh { what: WHAT, problem };
        line::check_comment(WHAT, comment)?;
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| bad("the seed is no key"))?;
        Ok(Self { seed, pair, comment: comment.to_owned() })
    }

    pub fn pair(&self) -> &Ed25519KeyPair {
        &self.pair
    }

    pub fn public(&self) -> PublicKey {
        PublicKey::of(&self.pair)
    }

    pub fn comment(&self) -> &str {
        &self.comment
    }

    /// The file. `check` is any number; OpenSSH takes a random one. The text holds the key:
    /// whoever asks for it erases it after use.
    ///
    /// # Errors
    /// None that a key made by this type can have.
    pub fn to_text(&self, check: u32) -> Result<String, Error> {
        let public = self.public();
        let mut private = Writer::new()
            .uint32(check)
            .uint32(check)
            .string(ED25519)
            .string(public.0)
            .string([self.seed, public.0].concat())
            .string(&self.comment)
            .finish(WHAT)?;
        let missing = private.len().next_multiple_of(BLOCK) - private.len();
        private.extend((1..).take(missing));
        let file = Writer::new()
            .raw(MAGIC)
            .string("none")
            .string("none")
            .string("")
            .uint32(1)
            .string(public.blob())
            .string(private)
            .finish(WHAT)?;
        Ok(armour::encode(LABEL, &file))
    }

    /// Reads a file by [`PrivateKey::to_text`] or `ssh-keygen -t ed25519 -N ''`.
    ///
    /// # Errors
    /// [`Error::BadSsh`], which says what is wrong, and what to do about a passphrase.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let file = armour::decode(LABEL, WHAT, text)?;
        let mut reader = Reader::new(WHAT, &file);
        reader.magic(MAGIC)?;
        let passphrase = "it has a passphrase; `ssh-keygen -p -N '' -f FILE` removes it";
        reader.expect("none", passphrase)?;
        reader.expect("none", passphrase)?;
        reader.expect("", passphrase)?;
        if reader.uint32()? != 1 {
            return Err(reader.error("it is not one key"));
        }
        let public = PublicKey::from_blob(reader.string()?)?;
        let private = reader.string()?;
        reader.finish()?;
        Self::parse_private(private, &public)
    }

    fn parse_private(private: &[u8], public: &PublicKey) -> Result<Self, Error> {
        let mut reader = Reader::new(WHAT, private);
        if reader.uint32()? != reader.uint32()? {
            return Err(reader.error("its two check numbers differ"));
        }
        reader.expect(ED25519, "its algorithm is another one")?;
        reader.expect(public.0, "it names two public keys")?;
        let secret: [u8; 64] = reader.fixed()?;
        let comment = reader.name()?;
        let padded = private.len().is_multiple_of(BLOCK);
        let padding = reader.rest();
        let bad = |problem| Error::BadSsh { what: WHAT, problem };
        if !padded || padding.len() >= BLOCK || !padding.iter().copied().eq((1..).take(padding.len())) {
            return Err(bad("its padding is wrong"));
        }
        let mut seed = [0; 32];
        seed.copy_from_slice(&secret[..32]);
        let key = Self::from_seed(seed, comment)?;
        if key.public() != *public || secret[32..] != public.0 {
            return Err(bad("its public half is that of another key"));
        }
        Ok(key)
    }
}
