//! People's certificates (PIV, CAC and their like) as the first factor: whose certificate is it, and does it still count?
//!
//! ```text
//!   TLS handshake ──► Shown ──► Authority::judge ──► Subject ──► sign_in: the same way as a right password
//!   (proves the key)            chain, time, purpose,  (a name)
//!                               revocation lists
//! ```
//! **Invariant:** the handshake only proves that a client has a certificate's key. Nothing is believed of the certificate
//! before [`Authority::judge`] has found it good, at the moment of each sign-in and proof: what a connection once showed
//! may have been revoked since. Nothing is fetched: lists come from a folder, and what they do not speak of is refused.

mod fault;
mod lists;
mod recheck;
mod sign_in;
mod subject;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ring::digest;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, crypto};

pub use fault::Fault;
pub use lists::{About, Unreadable};
pub use subject::Subject;

use crate::clock::SECOND_US;
use crate::config::{self, Certificates};
use lists::Lists;

/// What a client showed in its TLS handshake: its own certificate first, then what it thinks leads to an authority. That
/// it has the first one's private key is proved, and nothing else.
#[derive(Clone)]
pub struct Shown {
    chain: Arc<[CertificateDer<'static>]>,
}

/// Why nobody could sign in with a certificate.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    #[error("certificates.ca: {}: {source}", path.display())]
    Authority { path: PathBuf, source: rustls::pki_types::pem::Error },
    #[error("certificates.ca: {}: {why}", path.display())]
    NotAnAuthority { path: PathBuf, why: String },
}

/// The configured authorities with their lists. Clones share them.
#[derive(Clone)]
pub struct Authority {
    /// Finds a chain good or not, but for revocation; the handshake takes its hints and signatures from it.
    pub(crate) verifier: Arc<dyn ClientCertVerifier>,
    lists: Arc<Lists>,
    subject: config::Subject,
    domain: Arc<str>,
}

impl Shown {
    /// `None` where nothing was shown.
    pub fn new(chain: &[CertificateDer<'static>]) -> Option<Self> {
        (!chain.is_empty()).then(|| Self { chain: chain.into() })
    }

    /// As a session keeps it.
    pub(super) fn to_rows(&self) -> Vec<Vec<u8>> {
        self.chain.iter().map(|certificate| certificate.to_vec()).collect()
    }

    /// As a session kept it.
    fn from_rows(rows: Vec<Vec<u8>>) -> Self {
        Self { chain: rows.into_iter().map(CertificateDer::from).collect() }
    }

    /// By which records tell certificates apart, in hex.
    pub fn sha256(&self) -> String {
        data_encoding::HEXLOWER.encode(digest::digest(&digest::SHA256, &self.chain[0]).as_ref())
    }
}

impl Authority {
    /// Reads the authorities; `None` where none are configured. Lists are read when they are needed.
    ///
    /// # Errors
    /// The file cannot be read, or has no authority in it.
    pub fn load(config: &Certificates) -> Result<Option<Self>, Unusable> {
        let (Some(ca), Some(folder)) = (&config.ca, &config.revocation_lists) else { return Ok(None) };
        let roots = Arc::new(roots(ca)?);
        let provider = Arc::new(crypto::ring::default_provider());
        let verifier =
            WebPkiClientVerifier::builder_with_provider(roots.clone(), provider.clone())
                .build()
                .map_err(|error| Unusable::NotAnAuthority { path: ca.clone(), why: error.to_string() })?;
        Ok(Some(Self {
            verifier,
            lists: Arc::new(Lists::new(folder.clone(), roots, provider)),
            subject: config.subject,
            domain: config.domain.as_str().into(),
        }))
    }

    /// Whose certificate it is, if it counts at this time. May read files, and computes signatures.
    ///
    /// # Errors
    /// Why it does not count.
    pub fn judge(&self, shown: &Shown, now_us: i64) -> Result<Subject, Fault> {
        let Some((own, between)) = shown.chain.split_first() else { return Err(Fault::Unreadable) };
        let since_1970 = u64::try_from(now_us / SECOND_US).unwrap_or_default();
        let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(since_1970));
        // First without the lists, so that a stranger's certificate has none of them read.
        self.verifier.verify_client_cert(own, between, now)?;
        self.lists.verifier()?.verify_client_cert(own, between, now)?;
        subject::of(own, self.subject, &self.domain)
    }

    /// Reads the lists as a sign-in would, and says what they are.
    ///
    /// # Errors
    /// There are none, or one cannot be read.
    pub fn check_lists(&self) -> Result<Vec<About>, Unreadable> {
        self.lists.about()
    }
}

fn roots(path: &Path) -> Result<RootCertStore, Unusable> {
    let unreadable = |source| Unusable::Authority { path: path.to_owned(), source };
    let pem = fs::read(path).map_err(|error| unreadable(rustls::pki_types::pem::Error::Io(error)))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let added = roots.add(certificate.map_err(unreadable)?);
        added.map_err(|error| Unusable::NotAnAuthority { path: path.to_owned(), why: error.to_string() })?;
    }
    if roots.is_empty() {
        let why = "it has no certificate in it".to_owned();
        return Err(Unusable::NotAnAuthority { path: path.to_owned(), why });
    }
    Ok(roots)
}
