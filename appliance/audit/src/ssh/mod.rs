//! The formats of OpenSSH that make the log's signatures ones that `ssh-keygen` verifies: Ed25519 keys, certificates
//! of keys, signatures of files (SSHSIG) and the list of who may sign. One algorithm and one hash; what OpenSSH
//! admits beyond that is refused.
//!
//! Sources: RFC 4251 section 5, RFC 8709, and OpenSSH's PROTOCOL.key, PROTOCOL.certkeys and PROTOCOL.sshsig.

mod armour;
mod certificate;
mod key;
mod line;
mod private;
mod signature;
mod signers;
mod wire;

pub use certificate::{Certificate, MAX_PRINCIPALS, Terms};
pub use key::PublicKey;
pub use private::PrivateKey;
pub use signature::{Signature, Signer};
pub use signers::{NAMESPACE, PRINCIPAL, TrustedRoot, verify_file};

/// The name of the one algorithm, of keys and of signatures (RFC 8709).
const ED25519: &str = "ssh-ed25519";

/// The longest name, key id or comment, in bytes.
const MAX_NAME_BYTES: usize = 256;

/// Whether `text` may stand in a line and be shown in a terminal.
fn is_plain(text: &str) -> bool {
    text.len() <= MAX_NAME_BYTES && !text.contains(char::is_control)
}
