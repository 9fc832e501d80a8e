//! TLS: the appliance's own certificate authority and certificate, and the server's configuration.
//!
//! Both private keys lie sealed under the store's key, so that a stolen disk holds no usable one.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose,
};
use redoubt_store::Store;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::NoServerSessionStorage;
use time::{Duration, OffsetDateTime};
use zeroize::Zeroizing;

use super::client_certificate::AskForOne;
use crate::clock::{Clock, SECOND_US};
use crate::config::Listen;
use crate::identity::certificate::Authority;
use crate::unlock::Resealer;

const SEAL_PURPOSE: &str = "tls-key";
/// Both certificates live ten years: nobody can renew one unnoticed on a network without a way out.
const LIFETIME: Duration = Duration::days(3650);

/// Where the certificates lie below the data folder.
pub fn ca_path(data_dir: &Path) -> PathBuf {
    data_dir.join("tls/ca.pem")
}

fn chain_path(data_dir: &Path) -> PathBuf {
    data_dir.join("tls/server.pem")
}

fn key_path(data_dir: &Path) -> PathBuf {
    data_dir.join("tls/server.key.sealed")
}

/// Makes the certificate authority and the server's certificate. Done once, by `init` and `demo`.
///
/// The authority's private key is used here and forgotten: nobody can issue another certificate with it.
pub fn create(data_dir: &Path, names: &[String], store: &Store, clock: &dyn Clock) -> anyhow::Result<()> {
    fs::create_dir_all(data_dir.join("tls"))?;
    let from = OffsetDateTime::from_unix_timestamp(clock.now_us() / SECOND_US)? - Duration::days(1);
    let ca_key = KeyPair::generate()?;
    let ca_params = authority(from);
    let ca = ca_params.self_signed(&ca_key)?;
    let issuer = Issuer::new(ca_params, ca_key);
    let key = KeyPair::generate()?;
    let certificate = server(names, from)?.signed_by(&key, &issuer)?;
    fs::write(ca_path(data_dir), ca.pem())?;
    fs::write(chain_path(data_dir), format!("{}{}", certificate.pem(), ca.pem()))?;
    write_private(&key_path(data_dir), &store.seal(SEAL_PURPOSE, b"server", &key.serialize_der())?)
}

fn authority(from: OffsetDateTime) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = name("Redoubt appliance authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    (params.not_before, params.not_after) = (from, from + LIFETIME);
    params
}

fn server(names: &[String], from: OffsetDateTime) -> anyhow::Result<CertificateParams> {
    let mut params = CertificateParams::new(names.to_vec())?;
    params.distinguished_name = name("Redoubt appliance");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    (params.not_before, params.not_after) = (from, from + LIFETIME);
    Ok(params)
}

fn name(common: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common);
    name
}

pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    Ok(())
}

/// The server's TLS configuration: the operator's certificate where one is configured, else our own.
///
/// `people`: whose certificates clients are asked for. `unseal` opens what the store sealed, by purpose, what it is bound to, and the sealed bytes.
pub fn server_config(
    data_dir: &Path,
    listen: &Listen,
    people: Option<&Authority>,
    unseal: impl Unseal,
) -> anyhow::Result<ServerConfig> {
    let key = match (&listen.certificate, &listen.key) {
        (Some(_), Some(key)) => {
            let read = PrivateKeyDer::from_pem_file(key);
            read.with_context(|| format!("listen.key: {}", key.display()))?
        }
        _ => own_key(data_dir, unseal)?,
    };
    let certificates = certificates(data_dir, listen)?;
    let versions: &[_] = if listen.tls12 {
        &[&rustls::version::TLS13, &rustls::version::TLS12]
    } else {
        &[&rustls::version::TLS13]
    };
    // Named here and nowhere made a process-wide default: no dependency can bring another provider in.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_protocol_versions(versions)?;
    let builder = match people {
        Some(people) => builder.with_client_cert_verifier(Arc::new(AskForOne(people.verifier.clone()))),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_single_cert(certificates, key).context("the certificate and its key")?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    if people.is_some() {
        // A resumed session would carry a certificate over whose key nobody proved to have again.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    }
    Ok(config)
}

/// The chain that is served, the server's own certificate first.
pub fn certificates(data_dir: &Path, listen: &Listen) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let chain = match (&listen.certificate, &listen.key) {
        (Some(chain), Some(_)) => chain.clone(),
        _ => chain_path(data_dir),
    };
    CertificateDer::pem_file_iter(&chain)
        .and_then(Iterator::collect)
        .with_context(|| format!("the certificate {}", chain.display()))
}

/// [`Store::unseal`], or that of the key alone.
pub trait Unseal: Fn(&str, &[u8], &[u8]) -> Result<Zeroizing<Vec<u8>>, redoubt_store::Error> {}

impl<F: Fn(&str, &[u8], &[u8]) -> Result<Zeroizing<Vec<u8>>, redoubt_store::Error>> Unseal for F {}

/// Seals the key of our own certificate anew, for a data folder that has a copy of everything else.
pub(crate) fn reseal(from: &Path, to: &Path, resealer: &Resealer<'_>) -> anyhow::Result<()> {
    let path = key_path(from);
    let sealed = fs::read(&path).with_context(|| format!("the certificate's key {}", path.display()))?;
    write_private(&key_path(to), &resealer.value(SEAL_PURPOSE, b"server", &sealed)?)
}

fn own_key(data_dir: &Path, unseal: impl Unseal) -> anyhow::Result<PrivateKeyDer<'static>> {
    let path = key_path(data_dir);
    let sealed = fs::read(&path).with_context(|| format!("the certificate's key {}", path.display()))?;
    let der = unseal(SEAL_PURPOSE, b"server", &sealed)?;
    PrivateKeyDer::try_from(der.to_vec()).map_err(|why| anyhow::anyhow!("{}: {why}", path.display()))
}
