//! Another data key: a whole data directory, written anew beside the old one under the new key. The old one stays as it is.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use redoubt_store::keys::{self, Description, KeySlots, Secret};
use redoubt_store::{Clock, DataKey, Store};
use ring::rand::SystemRandom;

use crate::audit::root;
use crate::front::{database_path, origin, store_options};
use crate::http::tls;
use crate::identity;
use crate::records;
use crate::retention;

/// Larger files are none that are changed in place (models, logs): both directories have them.
const MOST_COPIED: u64 = 1 << 20;
/// What is made anew, or belongs to a process.
const OWN: [&str; 7] =
    ["redoubt.db", "redoubt.db-wal", "redoubt.db-shm", keys::FILE_NAME, "lock", "reserve", "archives"];

/// What is under the new key.
#[derive(Clone, Copy, Debug)]
pub struct Rotated {
    pub slots: usize,
    /// Records of the audit log.
    pub records: u64,
    pub archives: usize,
}

/// Seals anew what one store sealed, for the other.
pub(crate) struct Resealer<'a> {
    old: &'a Store,
    new: &'a Store,
}

impl Resealer<'_> {
    /// Whose values are sealed anew.
    pub(crate) fn old(&self) -> &Store {
        self.old
    }

    /// # Errors
    /// [`redoubt_store::Error::Sealed`] if the old key does not open it.
    pub(crate) fn value(
        &self,
        purpose: &str,
        aad: &[u8],
        sealed: &[u8],
    ) -> Result<Vec<u8>, redoubt_store::Error> {
        self.new.seal(purpose, aad, &self.old.unseal(purpose, aad, sealed)?)
    }
}

/// Fills the new folder `folder` with all that `data_dir` holds, under a new data key that opens by `secrets` and by nothing else.
/// Blocks; nobody else may have `store` meanwhile.
///
/// # Errors
/// What the store or the disk says. Then `folder` is of no use.
pub fn rotate(
    store: &Store,
    data_dir: &Path,
    folder: &Path,
    secrets: &[(Secret, Description)],
    software: &str,
    clock: Arc<dyn Clock>,
    random: &SystemRandom,
) -> anyhow::Result<Rotated> {
    DirBuilder::new().mode(0o700).create(folder).with_context(|| folder.display().to_string())?;
    carry(data_dir, folder, true)?;
    let key = DataKey::generate(random)?;
    let copied = store.export(&database_path(folder), &key)?;
    let mut slots = KeySlots::new(KeySlots::load(data_dir)?.install_id());
    for (secret, description) in secrets {
        slots.add(&key, secret, description.clone(), random)?;
    }
    slots.save(folder)?;
    let new = Store::open(store_options(folder), key, clock, origin(slots.install_id(), software, random)?)?;
    let archives = reseal(store, &new, data_dir, folder, secrets.len())?;
    if let Some(problem) = new.check_integrity()?.first() {
        return Err(redoubt_store::Error::NotIntact(problem.clone()).into());
    }
    new.close()?;
    Ok(Rotated { slots: secrets.len(), records: copied.records, archives })
}

/// What is sealed in files and in columns, and the record of it. Returns how many archives there are.
fn reseal(old: &Store, new: &Store, from: &Path, to: &Path, slots: usize) -> anyhow::Result<usize> {
    let resealer = Resealer { old, new };
    tls::reseal(from, to, &resealer)?;
    root::reseal(from, to, &resealer)?;
    let archives = retention::reseal(from, to, &resealer)?;
    let (count, old, sealing) = (archives.len(), old.clone(), new.clone());
    new.write_blocking(move |tx| {
        identity::reseal(tx, &Resealer { old: &old, new: &sealing })?;
        for archive in &archives {
            redoubt_store::archives::update(tx, archive)?;
        }
        tx.audit(records::data_key_rotated(slots, archives.len()))?;
        tx.checkpoint()?;
        Ok::<_, redoubt_store::Error>(())
    })?;
    Ok(count)
}

/// Copies small files and links large ones. What is neither file nor folder is a process's.
fn carry(from: &Path, to: &Path, is_top: bool) -> anyhow::Result<()> {
    for entry in fs::read_dir(from).with_context(|| from.display().to_string())? {
        let entry = entry?;
        let (path, name, kind) = (entry.path(), entry.file_name(), entry.file_type()?);
        if is_top && OWN.iter().any(|own| name == *own) {
            continue;
        }
        let target = to.join(&name);
        if kind.is_dir() {
            DirBuilder::new().mode(0o700).create(&target).with_context(|| target.display().to_string())?;
            carry(&path, &target, false)?;
        } else if kind.is_file() {
            carry_file(&path, &target).with_context(|| path.display().to_string())?;
        }
    }
    Ok(())
}

fn carry_file(from: &Path, to: &Path) -> io::Result<()> {
    if fs::metadata(from)?.len() > MOST_COPIED {
        return fs::hard_link(from, to);
    }
    fs::copy(from, to)?;
    fs::File::open(to)?.sync_all()
}
