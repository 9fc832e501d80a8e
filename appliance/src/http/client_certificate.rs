//! Asks TLS clients for a certificate, and judges none.
//!
//! A handshake that refused an expired or revoked certificate would end in a browser's own error page: its holder could
//! neither read why nor sign in with a password, and nothing would be recorded. So the handshake only makes sure that the
//! client has the certificate's key, and [`Authority::judge`] decides when somebody signs in with it.
//!
//! [`Authority::judge`]: crate::identity::certificate::Authority::judge

use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};

/// What a chain may be: a card's is some six kilobytes in three certificates.
const MAX_CERTIFICATES: usize = 8;
const MAX_BYTES: usize = 32 << 10;

/// Takes the names of the authorities and the checks of signatures from the one that judges.
#[derive(Debug)]
pub(super) struct AskForOne(pub(super) Arc<dyn ClientCertVerifier>);

impl ClientCertVerifier for AskForOne {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.0.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        own: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        // Kept for as long as the connection lives, so that its size matters before its worth does.
        let bytes = between.iter().map(|certificate| certificate.len()).sum::<usize>() + own.len();
        if between.len() >= MAX_CERTIFICATES || bytes > MAX_BYTES {
            return Err(CertificateError::ApplicationVerificationFailure.into());
        }
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}
