//! From a connected socket to TLS that ended at the right server, or to the reason why not.
//!
//! There is no way without: with StartTLS nothing but that one request is sent before TLS, and no answer to it leads to
//! anything but TLS or the end.

use std::io;
use std::net::TcpStream;

use tokio::io::AsyncWriteExt as _;
use tokio_rustls::client::TlsStream;

use super::ber::{self, ENUMERATED, Elements, INTEGER, Malformed, SEQUENCE};
use super::gate;
use crate::config::{Security, Server};
use crate::outward::tls::{Tls, Untrusted, adopt};

/// The whole `LDAPMessage` with id 1: an ExtendedRequest of 1.3.6.1.4.1.1466.20037 (RFC 4511 section 4.14).
const START_TLS: &[u8] = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037";
const EXTENDED_RESPONSE: u8 = 0x78;

/// Why there is no secure connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum Insecure {
    #[error("it refuses StartTLS (code {0})")]
    Refused(u32),
    #[error("its answer to StartTLS is malformed")]
    Malformed,
    #[error(transparent)]
    Untrusted(#[from] Untrusted),
}

impl From<Malformed> for Insecure {
    fn from(Malformed: Malformed) -> Self {
        Self::Malformed
    }
}

impl From<io::Error> for Insecure {
    fn from(error: io::Error) -> Self {
        Self::Untrusted(error.into())
    }
}

/// Takes a connected socket to the point where a password may be sent.
pub(super) async fn secure(
    tls: &Tls,
    socket: TcpStream,
    server: &Server,
) -> Result<TlsStream<tokio::net::TcpStream>, Insecure> {
    let mut socket = adopt(socket)?;
    if server.security == Security::StartTls {
        start_tls(&mut socket).await?;
    }
    Ok(tls.handshake(&server.host, socket).await?)
}

/// Asks for TLS and reads the answer, not a byte more: what somebody slipped in behind it is read as TLS, and is none.
async fn start_tls(socket: &mut tokio::net::TcpStream) -> Result<(), Insecure> {
    socket.write_all(START_TLS).await?;
    let reply = gate::read_message(socket).await.map_err(unreadable)?;
    gate::check(&reply).map_err(unreadable)?;
    let mut parts = Elements::of(Elements::of(&reply).expect(SEQUENCE)?);
    let id = ber::number(parts.expect(INTEGER)?)?;
    let mut result = Elements::of(parts.expect(EXTENDED_RESPONSE)?);
    match ber::number(result.expect(ENUMERATED)?)? {
        0 if id == 1 => Ok(()),
        0 => Err(Insecure::Malformed),
        code => Err(Insecure::Refused(code)),
    }
}

fn unreadable(fault: impl std::fmt::Display) -> Insecure {
    Insecure::Untrusted(Untrusted::Other(format!("StartTLS: {fault}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_for_tls_is_one_well_formed_message() {
        assert_eq!(ber::count(START_TLS, 3, 10), Ok(4));
        assert_eq!(START_TLS.len(), 2 + usize::from(START_TLS[1]));
    }
}
