//! TLS to a server that the configured authority vouches for, and nobody else.

use std::io;
use std::net::{IpAddr, TcpStream};
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{CertificateError, ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// The configured authority.
#[derive(Clone)]
pub(crate) struct Tls {
    connector: TlsConnector,
}

/// A file of authorities with which no server could be trusted.
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

/// Why a connection is not secure.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Untrusted {
    #[error("{0}")]
    Certificate(&'static str),
    #[error("no TLS: {0}")]
    Other(String),
}

impl From<io::Error> for Untrusted {
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
    pub(crate) fn trusting(pem: &[u8]) -> Result<Self, Unusable> {
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

    /// Begins TLS with the server of this name or address.
    pub(crate) async fn handshake(
        &self,
        host: &str,
        socket: tokio::net::TcpStream,
    ) -> Result<TlsStream<tokio::net::TcpStream>, Untrusted> {
        Ok(self.connector.connect(name_of(host)?, socket).await?)
    }
}

/// A socket of the dialler's, for tokio.
pub(crate) fn adopt(socket: TcpStream) -> io::Result<tokio::net::TcpStream> {
    socket.set_nonblocking(true)?;
    let socket = tokio::net::TcpStream::from_std(socket)?;
    socket.set_nodelay(true)?;
    Ok(socket)
}

/// The name or the address that the certificate must have.
fn name_of(host: &str) -> Result<ServerName<'static>, Untrusted> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(ServerName::IpAddress(address.into()));
    }
    ServerName::try_from(host.to_owned()).map_err(|error| Untrusted::Other(error.to_string()))
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
    fn without_an_authority_nobody_is_trusted() {
        assert!(matches!(Tls::trusting(b""), Err(Unusable::Empty)));
        assert!(matches!(Tls::trusting(b"no certificate"), Err(Unusable::Empty)));
        let broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(matches!(Tls::trusting(broken), Err(Unusable::NotAnAuthority(_))));
    }
}
