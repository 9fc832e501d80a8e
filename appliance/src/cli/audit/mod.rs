//! `redoubt audit`: exports, their verification, and the keys that sign the log.

mod certify;
mod export;
mod verify;

use clap::Subcommand;

pub(super) use verify::{Judged, Unusable};

/// What a verification's own arguments being wrong ends with, as its verdicts have exit codes of their own.
pub(super) const VERIFY_USAGE: u8 = 64;

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Export records as a bundle that anybody can verify
    ///
    /// Works on an appliance that is being served and on one that is not. The export itself is recorded, as the last
    /// record of the bundle. VERIFY.txt in it says how to check it.
    Export(export::Arguments),
    /// Verify a bundle, on any machine
    ///
    /// Needs nothing but this executable, the bundle, and the line by which the installation was pinned (--trust).
    /// --state keeps what was seen, so that the next bundle is held against it.
    ///
    /// Exit status: 0 VERIFIED, 1 INVALID, 2 DIVERGED (another log than the one that was seen, or one that ends before
    /// it), 3 UNANCHORED (right in itself; there was nothing to hold it against), 4 STALE (an old bundle), 64 usage.
    ///
    /// --json prints {"verdict","origin","size","root","checked":[],"not_checked":[],"findings":[{"file","seq","why"}]}.
    #[command(verbatim_doc_comment)]
    Verify(verify::Arguments),
    /// Certify keys for the next 400 days, with the root's private key; the appliance must not be running
    CertifyEpochs(certify::Arguments),
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    match &arguments.verb {
        Verb::Export(arguments) => export::run(arguments),
        Verb::Verify(arguments) => verify::run(arguments),
        Verb::CertifyEpochs(arguments) => certify::run(arguments),
    }
}
