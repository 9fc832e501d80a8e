//! What `init` and `demo` have in common: a data folder with keys, store, certificate and people.

use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use redoubt_store::keys::{Description, KeyFile, KeySlots, RecoveryKey, Secret};
use redoubt_store::{Clock, DataKey, Store, Version, meta};
use ring::rand::SystemRandom;

use crate::audit::root::Root;
use crate::clock::{SystemClock, rfc3339};
use crate::config::Config;
use crate::front;
use crate::http::tls;
use crate::identity::{self, Identity};
use crate::random::{self, Random};
use crate::records;
use crate::refusals::Refusals;

/// A child of this command line failed; it has said why itself.
#[derive(Debug, thiserror::Error)]
#[error("the set-up ended with exit code {code}")]
pub(super) struct ChildFailed {
    pub(super) code: u8,
}

/// A data folder that was just made, its store still open.
pub(super) struct Fresh {
    pub(super) store: Store,
    pub(super) identity: Identity,
    /// Printed once; opens the store when the key file is lost.
    pub(super) recovery_key: String,
    /// The key that certified the log's keys. Nobody keeps it unless told to.
    pub(super) root: Root,
    /// The line by which an auditor pins this installation.
    pub(super) trust: String,
}

impl Fresh {
    /// Signs what was recorded so far and closes the store.
    pub(super) fn finish(self) -> anyhow::Result<()> {
        self.store.write_blocking(|tx| tx.checkpoint())?;
        Ok(self.store.close()?)
    }
}

/// Makes everything that a data folder needs. `config` says where, and under which names it is served.
pub(super) fn create(config: &Config) -> anyhow::Result<Fresh> {
    let data_dir = &config.data.dir;
    let system = SystemRandom::new();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    make_private_dir(data_dir)?;
    let install_id = random::id(&system)?;
    let (key, recovery_key) = create_keys(config, &install_id, &system)?;
    let software = super::software()?;
    let origin = front::origin(&install_id, &software, &system)?;
    let root = Root::generate(&origin.origin, &system)?;
    let store = Store::create(front::store_options(data_dir), key, clock.clone(), origin)?;
    store.write_blocking(move |tx| {
        if let Some(version) = Version::of_software(&software) {
            meta::set_version(tx, version)?;
        }
        tx.audit(records::initialised()).map(|_| ())
    })?;
    root.certify(&store, clock.now_us(), &system)?;
    tls::create(data_dir, &config.listen.certificate_names(), &store, clock.as_ref())?;
    let trust = root.trust_line()?;
    fs::write(trust_path(data_dir), format!("{trust}\n"))?;
    let random: Arc<dyn Random> = Arc::new(system);
    let identity = Identity::new(identity::Parts {
        store: store.clone(),
        clock,
        random,
        refusals: Refusals::default(),
        limits: config.sign_in.clone(),
        directory: None,
        directory_settings: config.directory.clone(),
        certificates: None,
        // Nothing is served yet, so nothing runs in a session.
        on_end: Arc::new(|_| ()),
    })?;
    Ok(Fresh { store, identity, recovery_key, root, trust })
}

fn make_private_dir(path: &Path) -> anyhow::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .with_context(|| format!("the folder {}", path.display()))
}

fn create_keys(
    config: &Config,
    install_id: &str,
    random: &SystemRandom,
) -> anyhow::Result<(DataKey, String)> {
    let key = DataKey::generate(random)?;
    let key_file = KeyFile::generate(random)?;
    let recovery_key = RecoveryKey::generate(random)?;
    let mut slots = KeySlots::new(install_id);
    if let Some(folder) = config.keys.file.parent() {
        fs::create_dir_all(folder).with_context(|| format!("the folder {}", folder.display()))?;
    }
    key_file.save(&config.keys.file)?;
    let printed = recovery_key.to_text().to_string();
    let description = Description { label: String::new(), made: rfc3339(SystemClock::new().now_us()) };
    for secret in [Secret::KeyFile(key_file), Secret::RecoveryKey(recovery_key)] {
        slots.add(&key, &secret, description.clone(), random)?;
    }
    slots.save(&config.data.dir)?;
    Ok((key, printed))
}

/// Where the line lies that auditors pin.
pub(super) fn trust_path(data_dir: &Path) -> PathBuf {
    data_dir.join("trust")
}
