//! The audit log's format: records in canonical JSON, the catalogue of events, the Merkle tree over the
//! records, the signatures under it, the other forms of a record, and the bundles that auditors take away and verify.
//! `FORMAT.md` describes the bytes.
//!
//! Nothing here knows SQL, a clock or a socket: an auditor can read this package alone.

pub mod bundle;
mod canonical;
pub mod catalogue;
mod checkpoint;
mod draft;
mod ed25519;
mod note;
mod note_key;
mod proof;
mod proof_text;
mod record;
pub mod ssh;
pub mod tile;
mod timestamp;
mod tree;
pub mod verify;
pub mod views;

pub use canonical::canonical_json;
pub use catalogue::Event;
pub use checkpoint::Checkpoint;
pub use draft::{Actor, Data, Draft, ModelRef, Object, Outcome, Source, Value};
pub use note::{MAX_NOTE_BYTES, MAX_NOTE_SIGNATURES, Note, NoteSignature};
pub use note_key::{NoteKey, NoteKeyKind, Verified};
pub use proof::{Subtrees, consistency_proof, inclusion_proof, tree, verify_consistency, verify_inclusion};
pub use proof_text::proof_text;
pub use record::{
    ActorField, Fields, MAX_RECORD_BYTES, ModelField, ObjectField, Origin, Record, SourceField, Stamp,
    VERSION,
};
pub use tree::{Hash, Tree, leaf_hash, root};

/// Why a record, a tree, a proof or a signature was refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The record would be longer than [`MAX_RECORD_BYTES`].
    #[error("an audit record of {0} bytes is over the limit of {MAX_RECORD_BYTES}")]
    TooLong(usize),
    /// The bytes are not a record of this format version.
    #[error("not an audit record: {0}")]
    Malformed(#[source] serde_json::Error),
    /// The bytes say what a record says, but are not its canonical form.
    #[error("the audit record is not in canonical form")]
    NotCanonical,
    /// A field has a value that its type admits and the format does not.
    #[error("the audit record's field `{0}` is out of range")]
    OutOfRange(&'static str),
    /// Stored bytes are not the right edge of a tree.
    #[error("{0} bytes are not the edge of a tree")]
    BadEdge(usize),
    /// A proof that does not prove what it should.
    #[error("the proof does not fit the tree")]
    BadProof,
    /// A text that is no checkpoint, or that no log may sign.
    #[error("not a checkpoint: {0}")]
    BadCheckpoint(&'static str),
    /// Bytes that are no signed note.
    #[error("not a signed note: {0}")]
    BadNote(&'static str),
    /// A line that is no verifier key of a note.
    #[error("not a verifier key: {0}")]
    BadVerifierKey(&'static str),
    /// A signature that claims to be by a known key and is not.
    #[error("the note's signature by `{0}` is wrong")]
    BadNoteSignature(String),
    /// A note that nobody known has signed.
    #[error("no key that is known has signed the note")]
    NoKnownSignature,
    /// Bytes that are not what they should be in the formats of OpenSSH.
    #[error("not {what}: {problem}")]
    BadSsh { what: &'static str, problem: &'static str },
    /// A line of a file of trusted roots.
    #[error("line {line} of the trusted roots: {problem}")]
    BadSigners { line: usize, problem: String },
    /// A signature of a file that is well-formed and does not show what it should.
    #[error("the signature is refused: {0}")]
    SignatureRefused(&'static str),
    /// A bundle without the certificate of the key that signs it.
    #[error("there is no certificate of the key that signs")]
    NoCertificate,
}
