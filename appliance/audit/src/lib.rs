//! The audit log's format: records in canonical JSON, the catalogue of events, the Merkle tree over
//! the records, and the other forms of a record. `FORMAT.md` describes the bytes.
//!
//! Nothing here knows SQL, a clock or a socket: an auditor can read this package alone.

mod canonical;
pub mod catalogue;
mod draft;
mod proof;
mod record;
mod timestamp;
mod tree;
pub mod views;

pub use canonical::canonical_json;
pub use catalogue::Event;
pub use draft::{Actor, Data, Draft, ModelRef, Object, Outcome, Source, Value};
pub use proof::{consistency_proof, inclusion_proof, verify_consistency, verify_inclusion};
pub use record::{
    ActorField, Fields, MAX_RECORD_BYTES, ModelField, ObjectField, Origin, Record, SourceField, Stamp,
    VERSION,
};
pub use tree::{Hash, Tree, leaf_hash, root};

/// Why a record, a tree or a proof was refused.
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
}
