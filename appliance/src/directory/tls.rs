//! From a connected socket to TLS that ended at the right server, or to the reason why not.
//!
//! There is no way without: with StartTLS nothing but that one request is sent before TLS, and no answer to it leads to
//! anything but TLS or the end.

use std::io;
use std::net::{IpAddr, TcpStream};
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{CertificateError, ClientConfig, RootCertStore};
use tokio::io::AsyncWriteExt as _;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::ber::{self, ENUMERATED, Elements, INTEGER, Malformed, SEQUENCE};
use super::gate;
use crate::config::{Security, Server};

/// The whole `LDAPMessage` with id 1: an ExtendedRequest of 1.3.6.1.4.1.1466.20037 (RFC 4511 section 4.14).
const START_TLS: &[u8] = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037";
const EXTENDED_RESPONSE: u8 = 0x78;

/// The configured authority.
#[derive(Clone)]
pub(super) struct Tls {
    connector: TlsConnector,
}

/// A `[directory] ca` with which no server could be trusted.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    #[error("it is no PEM file: {0}")]
    NotPem(#[from] rustls::pki_types::pem::Error),
    #[error("it has no certificate in it")]
    Empty,
    #[error("one of its certificates is no authority: {0}")]
    NotAnAuthority(rustls::Error),
    #[error("TLS cannot be set up: {0}")]
    Tls(rustls::Error),
}

/// Why there is no secure connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum Insecure {
    #[error("it refuses StartTLS (code {0})")]
    Refused(u32),
    #[error("its answer to StartTLS is malformed")]
    Malformed,
    #[error("{0}")]
    Certificate(&'static str),
    #[error("no TLS: {0}")]
    Other(String),
}

impl From<Malformed> for Insecure {
    fn from(Malformed: Malformed) -> Self {
        Self::Malformed
    }
}

impl From<io::Error> for Insecure {
    fn from(error: io::Error) -> Self {
        let tls = error.get_ref().and_then(|error| error.downcast_ref());
        match tls {
            Some(rustls::Error::InvalidCertificate(error)) => Self::Certificate(reason(error)),
            _ => Self::Other(error.to_string()),
        }
    }
}

impl Tls {
    /// Trusts the authorities of a PEM file and nobody else.
    ///
    /// # Errors
    /// The file has no authority in it.
    pub(super) fn trusting(pem: &[u8]) -> Result<Self, Unusable> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            roots.add(certificate?).map_err(Unusable::NotAnAuthority)?;
        }
        if roots.is_empty() {
            return Err(Unusable::Empty);
        }
        // Named here and nowhere made a process-wide default: no dependency can bring another provider in.
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(Unusable::Tls)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        // Every connection looks at the certificate.
        config.resumption = Resumption::disabled();
        Ok(Self { connector: Arc::new(config).into() })
    }

    /// Takes a connected socket to the point where a password may be sent.
    pub(super) async fn secure(
        &self,
        socket: TcpStream,
        server: &Server,
    ) -> Result<TlsStream<tokio::net::TcpStream>, Insecure> {
        socket.set_nonblocking(true)?;
        let mut socket = tokio::net::TcpStream::from_std(socket)?;
        socket.set_nodelay(true)?;
        let name = name_of(server)?;
        if server.security == Security::StartTls {
            start_tls(&mut socket).await?;
        }
        Ok(self.connector.connect(name, socket).await?)
    }
}

/// The name or the address that the certificate must have.
fn name_of(server: &Server) -> Result<ServerName<'static>, Insecure> {
    if let Ok(address) = server.host.parse::<IpAddr>() {
        return Ok(ServerName::IpAddress(address.into()));
    }
    ServerName::try_from(server.host.clone()).map_err(|error| Insecure::Other(error.to_string()))
}

/// Asks for TLS and reads the answer, not a byte more: what somebody slipped in behind it is read as TLS, and is none.
async fn start_tls(socket: &mut tokio::net::TcpStream) -> Result<(), Insecure> {
    socket.write_all(START_TLS).await?;
    let reply =
        gate::read_message(socket).await.map_err(|fault| Insecure::Other(format!("StartTLS: {fault}")))?;
    gate::check(&reply).map_err(|fault| Insecure::Other(format!("StartTLS: {fault}")))?;
    let mut parts = Elements::of(Elements::of(&reply).expect(SEQUENCE)?);
    let id = ber::number(parts.expect(INTEGER)?)?;
    let mut result = Elements::of(parts.expect(EXTENDED_RESPONSE)?);
    match ber::number(result.expect(ENUMERATED)?)? {
        0 if id == 1 => Ok(()),
        0 => Err(Insecure::Malformed),
        code => Err(Insecure::Refused(code)),
    }
}

/// In words that an operator can act on.
fn reason(error: &CertificateError) -> &'static str {
    use CertificateError as E;
    match error {
        E::Expired | E::ExpiredContext { .. } => "its certificate has expired",
        E::NotValidYet | E::NotValidYetContext { .. } => "its certificate is not valid yet",
        E::UnknownIssuer => "its certificate is not from the configured authority",
        E::NotValidForName | E::NotValidForNameContext { .. } => {
            "its certificate is for another name or address"
        }
        E::InvalidPurpose | E::InvalidPurposeContext { .. } => "its certificate is not one for servers",
        E::BadSignature => "its certificate's signature is wrong",
        E::BadEncoding => "its certificate cannot be read",
        E::Revoked => "its certificate is revoked",
        E::UnsupportedSignatureAlgorithmContext { .. }
        | E::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "its certificate is signed by an algorithm that is not accepted"
        }
        E::Other(_) => "its certificate is an authority's, or otherwise not one for a server",
        _ => "its certificate is not acceptable",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_for_tls_is_one_well_formed_message() {
        assert_eq!(ber::count(START_TLS, 3, 10), Ok(4));
        assert_eq!(START_TLS.len(), 2 + usize::from(START_TLS[1]));
    }

    #[test]
    fn without_an_authority_nobody_is_trusted() {
        assert!(matches!(Tls::trusting(b""), Err(Unusable::Empty)));
        assert!(matches!(Tls::trusting(b"no certificate"), Err(Unusable::Empty)));
        let broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(matches!(Tls::trusting(broken), Err(Unusable::NotAnAuthority(_))));
    }
}
