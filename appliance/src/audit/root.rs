//! The install root: the one key that an auditor pins. It certifies the keys of the epochs, in advance, and then belongs off
//! the machine; a demo keeps it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use redoubt_audit::ssh::{Certificate, PRINCIPAL, PrivateKey, PublicKey, Terms, TrustedRoot};
use redoubt_store::audit_epochs::{self, NewEpoch};
use redoubt_store::{Store, meta};
use ring::rand::SecureRandom;
use ring::signature::Ed25519KeyPair;
use zeroize::Zeroizing;

use crate::clock::DAY_US;
use crate::http::tls;
use crate::records;
use crate::unlock::Resealer;

/// For how many epochs, and so days, keys are made at a time.
pub const EPOCHS: u64 = 400;
/// How many days longer than that they are valid: an epoch lasts longer while the appliance is off.
const SLACK_DAYS: u64 = 60;
/// Fewer than this, and it is time for more.
pub const FEW: u64 = 30;

const SEAL_PURPOSE: &str = "audit-root";

/// The root with its private key.
pub struct Root(PrivateKey);

impl Root {
    /// # Errors
    /// If the system has no random bytes.
    pub fn generate(origin: &str, random: &dyn SecureRandom) -> anyhow::Result<Self> {
        let seed = Zeroizing::new(draw(random)?);
        Ok(Self(PrivateKey::from_seed(*seed, &format!("{origin} root"))?))
    }

    /// Reads the private key's file, as [`Root::to_text`] writes it or `ssh-keygen` does.
    ///
    /// # Errors
    /// If it cannot be read, or is no unencrypted Ed25519 key.
    pub fn load(path: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
        let text = Zeroizing::new(text);
        Ok(Self(PrivateKey::parse(&text).with_context(|| path.display().to_string())?))
    }

    /// The private key as a file of OpenSSH.
    ///
    /// # Errors
    /// If the system has no random bytes.
    pub fn to_text(&self, random: &dyn SecureRandom) -> anyhow::Result<Zeroizing<String>> {
        Ok(Zeroizing::new(self.0.to_text(u32::from_be_bytes(draw(random)?))?))
    }

    pub fn public(&self) -> PublicKey {
        self.0.public()
    }

    /// The line by which auditors pin it.
    ///
    /// # Errors
    /// None that a root made here can have.
    pub fn trust_line(&self) -> anyhow::Result<String> {
        Ok(TrustedRoot { key: self.public(), comment: String::new() }.line()?)
    }

    /// Makes and certifies keys for the next [`EPOCHS`] epochs, and begins the first if none has begun. Recorded.
    ///
    /// # Errors
    /// What the store says.
    pub fn certify(
        &self,
        store: &Store,
        now_us: i64,
        random: &dyn SecureRandom,
    ) -> anyhow::Result<Certified> {
        let (origin, first) = store.read_blocking(|reader| {
            Ok::<_, redoubt_store::Error>((meta::origin(reader)?, audit_epochs::next_number(reader)?))
        })?;
        let days = EPOCHS + SLACK_DAYS;
        let now = u64::try_from(now_us / crate::clock::SECOND_US).unwrap_or(0);
        let valid_before = now + days * 24 * 60 * 60;
        let epochs = (first..first + EPOCHS)
            .map(|number| self.epoch(&origin, number, valid_before, random))
            .collect::<anyhow::Result<Vec<_>>>()?;
        let certified = Certified {
            first,
            last: first + EPOCHS - 1,
            until_us: now_us + i64::try_from(days).unwrap_or(0) * DAY_US,
            root: self.public().fingerprint(),
        };
        let draft = records::epochs_certified(&certified);
        store.write_blocking(move |tx| {
            tx.certify(&epochs)?;
            tx.audit(draft)
        })?;
        Ok(certified)
    }

    fn epoch(
        &self,
        origin: &str,
        number: u64,
        valid_before: u64,
        random: &dyn SecureRandom,
    ) -> anyhow::Result<NewEpoch> {
        let seed = Zeroizing::new(draw::<32>(random)?);
        let pair = Ed25519KeyPair::from_seed_unchecked(&*seed).map_err(|error| anyhow::anyhow!("{error}"))?;
        let key = PublicKey::of(&pair);
        let terms = Terms {
            key,
            serial: number,
            key_id: format!("{origin} epoch {number}"),
            principals: vec![PRINCIPAL.to_owned()],
            // A clock that stands before the installation must not void what is signed.
            valid_after: 0,
            valid_before,
        };
        let certificate = Certificate::issue(terms, draw(random)?, self.0.pair())?.blob()?;
        Ok(NewEpoch { number, seed, public_key: key.0, certificate })
    }

    /// Keeps the private key in the data folder, sealed by the store's key.
    ///
    /// # Errors
    /// What the disk says.
    pub fn keep(&self, data_dir: &Path, store: &Store, random: &dyn SecureRandom) -> anyhow::Result<()> {
        let sealed = store.seal(SEAL_PURPOSE, b"root", self.to_text(random)?.as_bytes())?;
        tls::write_private(&kept_path(data_dir), &sealed)
    }

    /// The root that [`Root::keep`] kept; `None` if it is not there.
    ///
    /// # Errors
    /// If what is there does not open.
    pub fn kept(data_dir: &Path, store: &Store) -> anyhow::Result<Option<Self>> {
        let path = kept_path(data_dir);
        if !path.exists() {
            return Ok(None);
        }
        let sealed = fs::read(&path).with_context(|| path.display().to_string())?;
        let text = store.unseal(SEAL_PURPOSE, b"root", &sealed)?;
        let text = std::str::from_utf8(&text).with_context(|| path.display().to_string())?;
        Ok(Some(Self(PrivateKey::parse(text).with_context(|| path.display().to_string())?)))
    }
}

/// What was certified.
pub struct Certified {
    pub first: u64,
    pub last: u64,
    pub until_us: i64,
    /// The root's fingerprint.
    pub root: String,
}

/// Seals a root that was kept anew, for another data folder.
pub(crate) fn reseal(from: &Path, to: &Path, resealer: &Resealer<'_>) -> anyhow::Result<()> {
    let path = kept_path(from);
    if !path.exists() {
        return Ok(());
    }
    let sealed = fs::read(&path).with_context(|| path.display().to_string())?;
    tls::write_private(&kept_path(to), &resealer.value(SEAL_PURPOSE, b"root", &sealed)?)
}

fn kept_path(data_dir: &Path) -> PathBuf {
    data_dir.join("audit-root.sealed")
}

fn draw<const N: usize>(random: &dyn SecureRandom) -> anyhow::Result<[u8; N]> {
    let mut bytes = [0; N];
    random.fill(&mut bytes).map_err(|_| redoubt_store::Error::NoRandomness)?;
    Ok(bytes)
}
