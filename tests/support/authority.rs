//! A certificate authority of the tests, and certificates of every kind by it.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use time::OffsetDateTime;

pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) pem: String,
}

/// A certificate and its key, as a server takes them.
#[derive(Clone)]
pub(crate) struct Issued {
    /// The certificate, and whatever else the server is to send.
    pub(crate) chain: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// One for a server of these names and addresses.
    pub(crate) fn issue(&self, names: &[&str]) -> Issued {
        self.issue_with(names, |_| {})
    }

    /// One that differs from a server's as `change` says.
    pub(crate) fn issue_with(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Issued {
        let key = KeyPair::generate().unwrap();
        let mut params = server(names);
        change(&mut params);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Issued { chain: certificate.pem(), key: key.serialize_pem() }
    }

    pub(crate) fn write(&self, folder: &Path) -> PathBuf {
        let path = folder.join("ca.pem");
        fs::write(&path, &self.pem).unwrap();
        path
    }
}

/// One that nobody but itself has signed.
pub(crate) fn self_signed(names: &[&str]) -> Issued {
    let key = KeyPair::generate().unwrap();
    let certificate = server(names).self_signed(&key).unwrap();
    Issued { chain: certificate.pem(), key: key.serialize_pem() }
}

/// The present, moved by so many days.
pub(crate) fn days_from_now(days: i64) -> OffsetDateTime {
    let elapsed = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let now = OffsetDateTime::from_unix_timestamp(i64::try_from(elapsed).unwrap()).unwrap();
    now + time::Duration::days(days)
}

fn server(names: &[&str]) -> CertificateParams {
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name.push(DnType::CommonName, "a directory of the tests");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    (params.not_before, params.not_after) = (days_from_now(-2), days_from_now(365));
    params
}
