//! Each new checkpoint as a line of the journal: a copy on another machine, where the journal is forwarded to one.

use std::io::{self, Write as _};

use redoubt_store::Witness;
use redoubt_store::audit_checkpoints::Signed;

use super::anchor::Anchor;

/// The anchor of an appliance that is served, which says aloud what it writes. What commands sign on an unserved store goes to
/// the anchor alone: their standard error is for whoever typed them.
#[derive(Debug)]
pub struct Announced(pub Anchor);

impl Witness for Announced {
    fn signed(&self, signed: &Signed) {
        let root = signed.note.lines().nth(2).unwrap_or_default();
        let line =
            format!("audit checkpoint: {} records, root {root}, epoch {}\n", signed.size, signed.epoch);
        tracing::info!(size = signed.size, root, epoch = signed.epoch, "audit checkpoint");
        // The journal takes what this process says on stderr; whether anybody listens is not ours to know.
        let _nobody = io::stderr().write_all(line.as_bytes());
        self.0.signed(signed);
    }
}
