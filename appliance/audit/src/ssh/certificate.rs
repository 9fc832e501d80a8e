//! Certificates of Ed25519 keys (PROTOCOL.certkeys), of the kind `user`, by an Ed25519 key: a root says of a key who
//! has it, and from when to when.

use ring::signature::Ed25519KeyPair;

use super::wire::{Reader, Writer};
use super::{ED25519, PublicKey, is_plain, line};
use crate::{Error, ed25519};

const WHAT: &str = "an Ed25519 user certificate";
pub(super) const ALGORITHM: &str = "ssh-ed25519-cert-v01@openssh.com";
/// SSH_CERT_TYPE_USER.
const USER: u32 = 1;

/// The most principals that a certificate may name.
pub const MAX_PRINCIPALS: usize = 16;

/// What a certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The key that is certified.
    pub key: PublicKey,
    pub serial: u64,
    /// For people who read the certificate; at most 256 bytes.
    pub key_id: String,
    /// Whom the key may sign for: 1 to [`MAX_PRINCIPALS`] names.
    pub principals: Vec<String>,
    /// The first second since 1970 in which it holds.
    pub valid_after: u64,
    /// The first second in which it holds no more.
    pub valid_before: u64,
}

/// A certificate whose signature is good. Whether its authority is to be trusted is for [`Certificate::check`].
/// It has no critical options and no extensions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    terms: Terms,
    nonce: [u8; 32],
    authority: PublicKey,
    signature: [u8; 64],
}

impl Certificate {
    /// `root` certifies. The nonce is random (PROTOCOL.certkeys), so that nobody knows beforehand what is signed.
    ///
    /// # Errors
    /// [`Error::BadSsh`] if no certificate may say what `terms` say.
    pub fn issue(terms: Terms, nonce: [u8; 32], root: &Ed25519KeyPair) -> Result<Self, Error> {
        terms.check()?;
        let authority = PublicKey::of(root);
        let signature = ed25519::sign(root, &signed(&terms, &nonce, &authority)?);
        Ok(Self { terms, nonce, authority, signature })
    }

    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// The key that certified.
    pub fn authority(&self) -> &PublicKey {
        &self.authority
    }

    /// Whether the certificate says of its key that it may sign for `principal` at `time` (seconds since 1970), and
    /// one of `roots` has said so.
    ///
    /// # Errors
    /// [`Error::SignatureRefused`], which says what does not hold.
    pub fn check(&self, roots: &[PublicKey], principal: &str, time: u64) -> Result<(), Error> {
        let refused = |why| Err(Error::SignatureRefused(why));
        if !roots.contains(&self.authority) {
            return refused("its key is certified by a root that is not trusted");
        }
        if !self.terms.principals.iter().any(|name| name == principal) {
            return refused("its key is certified for another principal");
        }
        if time < self.terms.valid_after {
            return refused("its key's certificate was not yet valid at that time");
        }
        if time >= self.terms.valid_before {
            return refused("its key's certificate was no longer valid at that time");
        }
        Ok(())
    }

    /// # Errors
    /// None that a certificate made by this type can have.
    pub fn blob(&self) -> Result<Vec<u8>, Error> {
        let signature = Writer::new().string(ED25519).string(self.signature).finish(WHAT)?;
        let signed = signed(&self.terms, &self.nonce, &self.authority)?;
        Writer::new().raw(&signed).string(signature).finish(WHAT)
    }

    /// Reads a certificate and verifies its signature.
    ///
    /// # Errors
    /// [`Error::BadSsh`] if it is another kind of certificate, has options or extensions, or its signature is wrong.
    pub fn from_blob(blob: &[u8]) -> Result<Self, Error> {
        let mut reader = Reader::new(WHAT, blob);
        reader.expect(ALGORITHM, "its algorithm is another one")?;
        let nonce = reader.fixed()?;
        let key = PublicKey(reader.fixed()?);
        let serial = reader.uint64()?;
        if reader.uint32()? != USER {
            return Err(reader.error("it is for a host"));
        }
        let key_id = reader.name()?.to_owned();
        let principals = read_principals(reader.string()?)?;
        let (valid_after, valid_before) = (reader.uint64()?, reader.uint64()?);
        reader.expect("", "it has critical options; issue it without any")?;
        reader.expect("", "it has extensions; issue it without any (`ssh-keygen -O clear`)")?;
        reader.expect("", "its reserved field is not empty")?;
        let authority = PublicKey::from_blob(reader.string()?)?;
        let signature = read_signature(reader.string()?)?;
        reader.finish()?;
        let terms = Terms { key, serial, key_id, principals, valid_after, valid_before };
        terms.check()?;
        if !authority.verifies(&signed(&terms, &nonce, &authority)?, &signature) {
            return Err(Error::BadSsh { what: WHAT, problem: "its signature is wrong" });
        }
        Ok(Self { terms, nonce, authority, signature })
    }

    /// The line of a `-cert.pub` file, without a newline.
    ///
    /// # Errors
    /// [`Error::BadSsh`] if the comment is longer than 256 bytes or has control characters.
    pub fn line(&self, comment: &str) -> Result<String, Error> {
        line::encode(ALGORITHM, WHAT, &self.blob()?, comment)
    }

    /// The certificate and the comment of a line without its newline.
    ///
    /// # Errors
    /// As [`Certificate::from_blob`].
    pub fn parse_line(text: &str) -> Result<(Self, &str), Error> {
        let (blob, comment) = line::decode(ALGORITHM, WHAT, text)?;
        Ok((Self::from_blob(&blob)?, comment))
    }
}

impl Terms {
    fn check(&self) -> Result<(), Error> {
        let bad = |problem| Err(Error::BadSsh { what: WHAT, problem });
        if !is_plain(&self.key_id) {
            return bad("its key id is longer than 256 bytes or has control characters");
        }
        // To OpenSSH a certificate without principals may be one for everybody.
        if self.principals.is_empty() || self.principals.len() > MAX_PRINCIPALS {
            return bad("it does not name 1 to 16 principals");
        }
        if self.principals.iter().any(|name| name.is_empty() || !is_plain(name)) {
            return bad("a principal is empty, longer than 256 bytes or has control characters");
        }
        if self.valid_after >= self.valid_before {
            return bad("it ends before it begins");
        }
        Ok(())
    }
}

/// The certificate up to its signature.
fn signed(terms: &Terms, nonce: &[u8; 32], authority: &PublicKey) -> Result<Vec<u8>, Error> {
    let principals = terms.principals.iter().fold(Writer::new(), Writer::string).finish(WHAT)?;
    Writer::new()
        .string(ALGORITHM)
        .string(nonce)
        .string(terms.key.0)
        .uint64(terms.serial)
        .uint32(USER)
        .string(&terms.key_id)
        .string(principals)
        .uint64(terms.valid_after)
        .uint64(terms.valid_before)
        .string("")
        .string("")
        .string("")
        .string(authority.blob())
        .finish(WHAT)
}

fn read_principals(packed: &[u8]) -> Result<Vec<String>, Error> {
    let mut reader = Reader::new(WHAT, packed);
    let mut principals = Vec::new();
    while !reader.is_empty() && principals.len() <= MAX_PRINCIPALS {
        principals.push(reader.name()?.to_owned());
    }
    Ok(principals)
}

fn read_signature(blob: &[u8]) -> Result<[u8; 64], Error> {
    let mut reader = Reader::new(WHAT, blob);
    reader.expect(ED25519, "its signature is of another algorithm")?;
    let signature = reader.fixed()?;
    reader.finish()?;
    Ok(signature)
}
