//! Signed notes (C2SP signed-note): a text, a blank line, and a line for each signature.

use data_encoding::BASE64;
use ring::signature::Ed25519KeyPair;

use crate::note_key::{NoteKey, NoteKeyKind, Verified, cosigned, is_name};
use crate::{Checkpoint, Error, ed25519};

/// The longest note that is read, in bytes.
pub const MAX_NOTE_BYTES: usize = 1_000_000;
/// The most signatures that a note may have.
pub const MAX_NOTE_SIGNATURES: usize = 100;

/// What a signature line begins with: an em dash and a space.
const MARK: &str = "\u{2014} ";

/// A text with signatures, which nobody has verified yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// What is signed, with its last newline.
    pub text: String,
    pub signatures: Vec<NoteSignature>,
}

/// One signature line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteSignature {
    /// The key that it claims to be by: its name, and its [`NoteKey::id`].
    pub name: String,
    pub id: [u8; 4],
    /// 64 bytes of a log; a time (8 bytes, big-endian) and 64 bytes of a cosigner; anything of unknown keys.
    pub payload: Vec<u8>,
}

impl Note {
    /// `checkpoint`, signed by its log.
    ///
    /// # Errors
    /// [`Error::BadCheckpoint`] if the origin is none that a log may have.
    pub fn sign(checkpoint: &Checkpoint, pair: &Ed25519KeyPair) -> Result<Self, Error> {
        checkpoint.check_origin()?;
        let text = checkpoint.text();
        let key = NoteKey {
            name: checkpoint.origin.clone(),
            public: ed25519::public_key(pair),
            kind: NoteKeyKind::Log,
        };
        let payload = ed25519::sign(pair, text.as_bytes()).to_vec();
        Ok(Self { text, signatures: vec![NoteSignature { id: key.id(), name: key.name, payload }] })
    }

    /// Adds the signature of a cosigner who has seen this note at `time`, in seconds since 1970.
    ///
    /// # Errors
    /// [`Error::BadNote`] if `name` is none that a key may have, or there is no room for another signature.
    pub fn cosign(&mut self, name: &str, pair: &Ed25519KeyPair, time: u64) -> Result<(), Error> {
        if !is_name(name) {
            return Err(Error::BadNote("the cosigner's name is empty, or has white space or `+`"));
        }
        if self.signatures.len() >= MAX_NOTE_SIGNATURES {
            return Err(Error::BadNote("it has as many signatures as a note may have"));
        }
        let key =
            NoteKey { name: name.to_owned(), public: ed25519::public_key(pair), kind: NoteKeyKind::Cosigner };
        let signature = ed25519::sign(pair, cosigned(&self.text, time).as_bytes());
        let payload = [time.to_be_bytes().as_slice(), &signature].concat();
        self.signatures.push(NoteSignature { id: key.id(), name: key.name, payload });
        Ok(())
    }

    /// Reads a note. Control characters are refused (C2SP refuses those below U+0020): a note is shown in terminals.
    ///
    /// # Errors
    /// [`Error::BadNote`], which says what is wrong.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() > MAX_NOTE_BYTES {
            return Err(Error::BadNote("it is longer than 1,000,000 bytes"));
        }
        let note = str::from_utf8(bytes).map_err(|_| Error::BadNote("it is not UTF-8"))?;
        if note.contains(|c: char| c.is_control() && c != '\n') {
            return Err(Error::BadNote("it has a control character other than newline"));
        }
        // The text may have blank lines, the signatures may not: the last one is between them.
        let blank = note.rfind("\n\n").ok_or(Error::BadNote("there is no blank line before signatures"))?;
        let (text, signatures) = (&note[..=blank], &note[blank + 2..]);
        let lines = signatures
            .strip_suffix('\n')
            .ok_or(Error::BadNote("it does not end with a line of a signature"))?;
        let signatures: Vec<_> = lines
            .split('\n')
            .take(MAX_NOTE_SIGNATURES + 1)
            .map(NoteSignature::parse)
            .collect::<Result<_, _>>()?;
        if signatures.len() > MAX_NOTE_SIGNATURES {
            return Err(Error::BadNote("it has more than 100 signatures"));
        }
        Ok(Self { text: text.to_owned(), signatures })
    }

    /// The bytes that [`Note::parse`] reads.
    pub fn to_text(&self) -> String {
        let signatures: String = self.signatures.iter().map(NoteSignature::line).collect();
        format!("{}\n{signatures}", self.text)
    }

    /// Who of `keys` has signed, in the order of the lines. Signatures by other keys say nothing and are ignored.
    ///
    /// # Errors
    /// [`Error::BadNoteSignature`] if a signature claims to be by one of `keys` and is not;
    /// [`Error::NoKnownSignature`] if none of `keys` has signed.
    pub fn verify<'k>(&self, keys: &'k [NoteKey]) -> Result<Vec<Verified<'k>>, Error> {
        let mut good = Vec::new();
        for signature in &self.signatures {
            // Two keys may have one id, which is only a hint: then one of the two must have signed.
            let mut claimed = keys.iter().filter(|key| signature.claims(key)).peekable();
            if claimed.peek().is_some() {
                let verified = claimed.find_map(|key| key.verify(&self.text, &signature.payload));
                good.push(verified.ok_or_else(|| Error::BadNoteSignature(signature.name.clone()))?);
            }
        }
        if good.is_empty() { Err(Error::NoKnownSignature) } else { Ok(good) }
    }

    /// The text as a checkpoint. It says nothing before [`Note::verify`].
    ///
    /// # Errors
    /// [`Error::BadCheckpoint`] if it is none.
    pub fn checkpoint(&self) -> Result<Checkpoint, Error> {
        Checkpoint::parse(&self.text)
    }
}

impl NoteSignature {
    fn parse(line: &str) -> Result<Self, Error> {
        let (name, signature) = line
            .strip_prefix(MARK)
            .and_then(|rest| rest.split_once(' '))
            .ok_or(Error::BadNote("a line after the text is not `\u{2014} name signature`"))?;
        if !is_name(name) {
            return Err(Error::BadNote("a signature's key has no proper name"));
        }
        let signature = BASE64.decode(signature.as_bytes()).ok();
        let signature = signature.ok_or(Error::BadNote("a signature is not Base64"))?;
        match signature.split_first_chunk() {
            Some((id, payload)) if !payload.is_empty() => {
                Ok(Self { name: name.to_owned(), id: *id, payload: payload.to_vec() })
            }
            _ => Err(Error::BadNote("a signature is shorter than 5 bytes")),
        }
    }

    fn line(&self) -> String {
        let signature = [self.id.as_slice(), &self.payload].concat();
        format!("{MARK}{} {}\n", self.name, BASE64.encode(&signature))
    }

    fn claims(&self, key: &NoteKey) -> bool {
        self.name == key.name && self.id == key.id()
    }
}
