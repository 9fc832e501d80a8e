//! Signatures of files (PROTOCOL.sshsig), as `ssh-keygen -Y sign` makes and `-Y verify` reads them: Ed25519 over the
//! file's SHA-512, in a namespace.

use ring::digest::{SHA512, digest};
use ring::signature::Ed25519KeyPair;

use super::wire::{Reader, Writer};
use super::{Certificate, ED25519, PublicKey, armour, certificate, is_plain};
use crate::{Error, ed25519};

const WHAT: &str = "an SSH signature by an Ed25519 key";
const LABEL: &str = "SSH SIGNATURE";
const MAGIC: &[u8] = b"SSHSIG";
const VERSION: u32 = 1;
const HASH: &str = "sha512";

/// A signature that nobody has verified yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    signer: Signer,
    namespace: String,
    signature: [u8; 64],
}

/// What a signature says about its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signer {
    /// The key itself, which whoever verifies must know.
    Key(PublicKey),
    /// The key in a certificate by a root.
    Certificate(Box<Certificate>),
}

impl Signer {
    /// The key that signs.
    pub fn key(&self) -> &PublicKey {
        match self {
            Self::Key(key) => key,
            Self::Certificate(certificate) => &certificate.terms().key,
        }
    }

    fn blob(&self) -> Result<Vec<u8>, Error> {
        match self {
            Self::Key(key) => Ok(key.blob()),
            Self::Certificate(certificate) => certificate.blob(),
        }
    }

    fn from_blob(blob: &[u8]) -> Result<Self, Error> {
        if Reader::new(WHAT, blob).string()? == certificate::ALGORITHM.as_bytes() {
            Certificate::from_blob(blob).map(Box::new).map(Self::Certificate)
        } else {
            PublicKey::from_blob(blob).map(Self::Key)
        }
    }
}

impl Signature {
    /// `file`, signed by `pair`, in `namespace`: the same key's signatures for other uses are none of this file.
    ///
    /// # Errors
    /// [`Error::BadSsh`] if the namespace is none.
    pub fn sign(file: &[u8], namespace: &str, pair: &Ed25519KeyPair) -> Result<Self, Error> {
        Self::sign_as(Signer::Key(PublicKey::of(pair)), file, namespace, pair)
    }

    /// As [`Signature::sign`], with the certificate of the key in it.
    ///
    /// # Errors
    /// As [`Signature::sign`]; also if the certificate is that of another key.
    pub fn sign_certified(
        file: &[u8],
        namespace: &str,
        pair: &Ed25519KeyPair,
        certificate: Certificate,
    ) -> Result<Self, Error> {
        if certificate.terms().key != PublicKey::of(pair) {
            return Err(Error::BadSsh { what: WHAT, problem: "the certificate is that of another key" });
        }
        Self::sign_as(Signer::Certificate(Box::new(certificate)), file, namespace, pair)
    }

    fn sign_as(signer: Signer, file: &[u8], namespace: &str, pair: &Ed25519KeyPair) -> Result<Self, Error> {
        check_namespace(namespace)?;
        let signature = ed25519::sign(pair, &signed(file, namespace)?);
        Ok(Self { signer, namespace: namespace.to_owned(), signature })
    }

    /// Who claims to have signed. It says nothing before [`Signature::verify`].
    pub fn signer(&self) -> &Signer {
        &self.signer
    }

    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Whether the key that the signature names has signed `file` in `namespace`. Whether that key may is another
    /// question: the caller knows it, or [`Certificate::check`] says so.
    ///
    /// # Errors
    /// [`Error::SignatureRefused`], which says what does not hold.
    pub fn verify(&self, file: &[u8], namespace: &str) -> Result<&Signer, Error> {
        if self.namespace != namespace {
            return Err(Error::SignatureRefused("it was made for another namespace"));
        }
        if !self.signer.key().verifies(&signed(file, namespace)?, &self.signature) {
            return Err(Error::SignatureRefused("it is not that of the key it names under this file"));
        }
        Ok(&self.signer)
    }

    /// The file that `ssh-keygen` reads.
    ///
    /// # Errors
    /// None that a signature made by this type can have.
    pub fn to_text(&self) -> Result<String, Error> {
        let blob = Writer::new()
            .raw(MAGIC)
            .uint32(VERSION)
            .string(self.signer.blob()?)
            .string(&self.namespace)
            .string("")
            .string(HASH)
            .string(Writer::new().string(ED25519).string(self.signature).finish(WHAT)?)
            .finish(WHAT)?;
        Ok(armour::encode(LABEL, &blob))
    }

    /// Reads what [`Signature::to_text`] or `ssh-keygen -Y sign` wrote with an Ed25519 key. The signature of a
    /// certificate in it is verified.
    ///
    /// # Errors
    /// [`Error::BadSsh`], which says what is wrong.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let blob = armour::decode(LABEL, WHAT, text)?;
        let mut reader = Reader::new(WHAT, &blob);
        reader.magic(MAGIC)?;
        if reader.uint32()? != VERSION {
            return Err(reader.error("its version is not 1"));
        }
        let signer = Signer::from_blob(reader.string()?)?;
        let namespace = reader.name()?.to_owned();
        check_namespace(&namespace)?;
        reader.expect("", "its reserved field is not empty")?;
        reader.expect(HASH, "its hash is not sha512")?;
        let mut inner = Reader::new(WHAT, reader.string()?);
        reader.finish()?;
        inner.expect(ED25519, "it is of another algorithm than its key")?;
        let signature = inner.fixed()?;
        inner.finish()?;
        Ok(Self { signer, namespace, signature })
    }
}

/// PROTOCOL.sshsig: a namespace is never empty.
fn check_namespace(namespace: &str) -> Result<(), Error> {
    if namespace.is_empty() || !is_plain(namespace) {
        let problem = "the namespace is empty, longer than 256 bytes or has control characters";
        return Err(Error::BadSsh { what: WHAT, problem });
    }
    Ok(())
}

/// What the key signs in the file's stead.
fn signed(file: &[u8], namespace: &str) -> Result<Vec<u8>, Error> {
    Writer::new()
        .raw(MAGIC)
        .string(namespace)
        .string("")
        .string(HASH)
        .string(digest(&SHA512, file))
        .finish(WHAT)
}
