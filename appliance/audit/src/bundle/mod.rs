//! Bundles: what an auditor takes away, in a form that `ssh-keygen` and `sha256sum` check. `FORMAT.md` has the files.

mod guide;
mod index;
mod lines;
pub mod manifest;
mod sink;
mod write;

pub(crate) use index::{ChainLine, parse_line, to_line};
pub use index::{Index, NoteField};
pub use sink::{Chunks, Folder, Sink, Tar};
pub use write::{Export, Log, Proof, write};

/// How many records a file of records has.
pub const SEGMENT: u64 = 10_000;

/// The files of a bundle that have one name.
pub mod name {
    pub const MANIFEST: &str = "MANIFEST";
    pub const SIGNATURE: &str = "MANIFEST.sig";
    pub const PLAIN_SIGNATURE: &str = "MANIFEST.ed25519";
    pub const INDEX: &str = "bundle.json";
    pub const CHECKPOINT: &str = "checkpoint";
    pub const CHAIN: &str = "keys/chain.jsonl";
    pub const SIGNERS: &str = "keys/allowed_signers";
    pub const GUIDE: &str = "VERIFY.txt";
    pub const OCSF: &str = "siem/ocsf.jsonl";
    pub const CEF: &str = "siem/cef.log";
    pub const RFC5424: &str = "siem/rfc5424.log";
}

/// File number `number` of records.
pub fn records_name(number: u64) -> String {
    format!("records/{number:08}.jsonl")
}

/// The file of an epoch's checkpoints.
pub fn checkpoints_name(epoch: u64) -> String {
    format!("checkpoints/{epoch:08}.jsonl")
}

/// The file of the proof that `old` records are the beginning of `new`.
pub fn consistency_name(old: u64, new: u64) -> String {
    format!("proof/consistency-{old}-{new}")
}
