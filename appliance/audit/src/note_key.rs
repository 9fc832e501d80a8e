//! The keys of signed notes (C2SP signed-note), and what each kind of key signs: a log the note's text, a cosigner
//! the text and a time (C2SP tlog-cosignature).

use data_encoding::{BASE64, HEXLOWER};
use ring::digest::{SHA256, digest};

use crate::{Error, ed25519};

/// What a key signs, as the signature type of C2SP signed-note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoteKeyKind {
    /// 0x01: Ed25519 over the note's text.
    Log,
    /// 0x04: Ed25519 over a time and the note's text.
    Cosigner,
}

impl NoteKeyKind {
    fn byte(self) -> u8 {
        match self {
            Self::Log => 0x01,
            Self::Cosigner => 0x04,
        }
    }
}

/// Who may sign a note, as its reader knows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteKey {
    /// For a log its origin.
    pub name: String,
    pub public: [u8; 32],
    pub kind: NoteKeyKind,
}

impl NoteKey {
    /// The first 4 bytes of SHA-256(name ‖ 0x0A ‖ kind ‖ public key): a hint at which key signed, no proof.
    pub fn id(&self) -> [u8; 4] {
        let named = [self.name.as_bytes(), b"\n", &[self.kind.byte()], &self.public].concat();
        let mut id = [0; 4];
        id.copy_from_slice(&digest(&SHA256, &named).as_ref()[..4]);
        id
    }

    /// The verifier key of C2SP signed-note: `name+<id, hex>+<Base64 of kind ‖ public key>`.
    pub fn verifier_key(&self) -> String {
        let key = [&[self.kind.byte()], self.public.as_slice()].concat();
        format!("{}+{}+{}", self.name, HEXLOWER.encode(&self.id()), BASE64.encode(&key))
    }

    /// Reads a verifier key.
    ///
    /// # Errors
    /// [`Error::BadVerifierKey`], which says what is wrong.
    pub fn parse(text: &str) -> Result<Self, Error> {
        // Base64 may hold a `+`, a name may not.
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(Error::BadVerifierKey("it is not name+id+key"));
        };
        if !is_name(name) {
            return Err(Error::BadVerifierKey("the name is empty, or has white space or control characters"));
        }
        let key =
            BASE64.decode(key.as_bytes()).map_err(|_| Error::BadVerifierKey("the key is not Base64"))?;
        let (kind, public) = match key.split_first() {
            Some((0x01, public)) => (NoteKeyKind::Log, public),
            Some((0x04, public)) => (NoteKeyKind::Cosigner, public),
            _ => return Err(Error::BadVerifierKey("the key is of another kind than 0x01 and 0x04")),
        };
        let public = public.try_into().map_err(|_| Error::BadVerifierKey("the key is not 32 bytes"))?;
        let key = Self { name: name.to_owned(), public, kind };
        if HEXLOWER.encode(&key.id()) != id {
            return Err(Error::BadVerifierKey("the id is not that of the key"));
        }
        Ok(key)
    }

    /// Whether `payload`, the part of a signature after the id, is this key's under `text`.
    pub(crate) fn verify(&self, text: &str, payload: &[u8]) -> Option<Verified<'_>> {
        let (time, signature) = match self.kind {
            NoteKeyKind::Log => (None, payload),
            NoteKeyKind::Cosigner => {
                let (time, signature) = payload.split_first_chunk()?;
                (Some(u64::from_be_bytes(*time)), signature)
            }
        };
        let message = time.map_or_else(|| text.to_owned(), |time| cosigned(text, time));
        let good = ed25519::verifies(&self.public, message.as_bytes(), signature.try_into().ok()?);
        good.then_some(Verified { key: self, time })
    }
}

/// A good signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified<'k> {
    pub key: &'k NoteKey,
    /// When a cosigner saw the note, in seconds since 1970, as it says itself. A log says no time.
    pub time: Option<u64>,
}

/// What a cosigner signs.
pub(crate) fn cosigned(text: &str, time: u64) -> String {
    format!("cosignature/v1\ntime {time}\n{text}")
}

/// A name of C2SP signed-note: not empty, no white space, no `+`. Control characters have no place in a note.
pub(crate) fn is_name(text: &str) -> bool {
    !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '+')
}
