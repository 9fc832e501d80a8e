//! Connections to servers of the LAN, for whoever is locked in: a dialler makes the connection and hands the socket over,
//! and TLS by the configured authority is what it is used for.

pub(crate) mod dial;
pub(crate) mod tls;

pub use dial::{DialAnswer, DialRequest};
pub use tls::Unusable;

/// Whether a PEM file has authorities by which a server could be trusted.
///
/// # Errors
/// What is wrong with it.
pub fn check_authority(pem: &[u8]) -> Result<(), Unusable> {
    tls::Tls::trusting(pem).map(|_| ())
}
