//! Makes a backup while the appliance serves.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Read};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use redoubt_audit::Hash;
use redoubt_audit::bundle::{Sink, manifest};
use redoubt_store::{Copied, Store, Tx, keys, meta};
use ring::digest::{Context, SHA256};

use super::{Summary, VERSION, name};
use crate::clock::rfc3339;
use crate::front;
use crate::identity::By;
use crate::records;

/// How much is read at a time.
const PIECE: usize = 64 << 10;
/// What lies beside the database and goes with it, if it is there.
const BESIDE: [&str; 3] = [keys::FILE_NAME, "trust", "audit-root.sealed"];
const FOLDERS: [&str; 2] = ["tls", "archives"];
/// Deeper folders are none of ours.
const MAX_DEPTH: usize = 4;

/// Records that a backup is made, and signs the log up to there, so that the backup ends with its own record.
///
/// # Errors
/// What the store says.
pub fn begin(tx: &mut Tx<'_>, by: &By) -> Result<(), redoubt_store::Error> {
    tx.audit(records::backed_up(by))?;
    tx.checkpoint()?;
    Ok(())
}

/// A backup that only has to be written: its copy of the database exists, was checked, and is gone when this is dropped.
pub struct Prepared {
    data_dir: PathBuf,
    folder: PathBuf,
    copied: Copied,
    summary: Summary,
}

impl Prepared {
    /// Copies the database into a folder of the data directory. Blocks; one at a time.
    ///
    /// # Errors
    /// [`NoRoom`], or what the store or the disk says.
    pub fn new(store: &Store, data_dir: &Path, now_us: i64) -> anyhow::Result<Self> {
        let folder = data_dir.join("backup");
        remove(&folder)?;
        make_room(data_dir)?;
        DirBuilder::new().mode(0o700).create(&folder).with_context(|| folder.display().to_string())?;
        let copied = store.back_up(&front::database_path(&folder)).inspect_err(|_| drop(remove(&folder)))?;
        let summary = Summary {
            v: VERSION,
            origin: store.read_blocking(meta::origin)?,
            time: rfc3339(now_us),
            software: env!("CARGO_PKG_VERSION").to_owned(),
            records: copied.records,
            signed: copied.checkpoint.as_ref().map(|signed| signed.size),
        };
        Ok(Self { data_dir: data_dir.to_owned(), folder, copied, summary })
    }

    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// Writes all files. Blocks.
    ///
    /// # Errors
    /// What the disk or the sink says. Then what was written is no backup: it has no `MANIFEST`.
    pub fn write(&self, sink: impl Sink) -> anyhow::Result<()> {
        let mut files = Files { sink, sums: BTreeMap::new() };
        files.bytes(name::SUMMARY, &serde_json::to_vec_pretty(&self.summary)?)?;
        if let Some(signed) = &self.copied.checkpoint {
            files.bytes(name::ANCHOR, signed.note.as_bytes())?;
        }
        for name in BESIDE {
            files.file(name, &self.data_dir.join(name))?;
        }
        for folder in FOLDERS {
            files.folder(folder, &self.data_dir.join(folder), 0)?;
        }
        files.file(name::DATABASE, &front::database_path(&self.folder))?;
        files.finish()
    }
}

impl Drop for Prepared {
    fn drop(&mut self) {
        if let Err(error) = remove(&self.folder) {
            tracing::warn!(%error, folder = %self.folder.display(), "the copy of the database stays");
        }
    }
}

fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Looks before copying whether a second database fits beside the first.
fn make_room(data_dir: &Path) -> anyhow::Result<()> {
    let size = fs::metadata(front::database_path(data_dir))?.len();
    let space = rustix::fs::statvfs(data_dir)?;
    let free = space.f_bavail.saturating_mul(space.f_frsize);
    // As much again for what is written meanwhile, and a little for an empty store.
    let needed = size + size / 4 + (16 << 20);
    anyhow::ensure!(free >= needed, NoRoom { needed_mib: needed >> 20, free_mib: free >> 20 });
    Ok(())
}

/// The second database would not fit beside the first.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("A backup needs {needed_mib} MiB free beside the store for a moment, and there are {free_mib}.")]
pub struct NoRoom {
    needed_mib: u64,
    free_mib: u64,
}

struct Files<S> {
    sink: S,
    sums: BTreeMap<String, Hash>,
}

impl<S: Sink> Files<S> {
    fn bytes(&mut self, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
        self.read(name, bytes.len() as u64, bytes)
    }

    /// A file as it is when it is opened. One that is being replaced is one or the other.
    fn file(&mut self, name: &str, path: &Path) -> anyhow::Result<()> {
        let file = match File::open(path) {
            // Not every installation has every file; and an archive may have been purged since its folder was read.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            opened => opened.with_context(|| path.display().to_string())?,
        };
        let size = file.metadata()?.len();
        self.read(name, size, file.take(size)).with_context(|| path.display().to_string())
    }

    fn folder(&mut self, prefix: &str, path: &Path, depth: usize) -> anyhow::Result<()> {
        if depth > MAX_DEPTH || !path.is_dir() {
            return Ok(());
        }
        for entry in fs::read_dir(path).with_context(|| path.display().to_string())? {
            let entry = entry?;
            let name = format!("{prefix}/{}", entry.file_name().to_string_lossy());
            // A name that no backup has is none of the appliance's files.
            let (kind, is_ours) = (entry.file_type()?, manifest::check_name(&name).is_ok());
            if is_ours && kind.is_dir() {
                self.folder(&name, &entry.path(), depth + 1)?;
            } else if is_ours && kind.is_file() {
                self.file(&name, &entry.path())?;
            }
        }
        Ok(())
    }

    fn read(&mut self, name: &str, size: u64, mut content: impl Read) -> anyhow::Result<()> {
        let (mut sum, mut left) = (Context::new(&SHA256), size);
        let mut pieces = std::iter::from_fn(|| {
            let piece = piece(&mut content).transpose()?;
            if let Ok(piece) = &piece {
                sum.update(piece);
                left = left.saturating_sub(piece.len() as u64);
            }
            Some(piece)
        });
        self.sink.file::<io::Error>(name, size, &mut pieces)?;
        anyhow::ensure!(left == 0, "{name} became shorter while it was read");
        let mut hash = [0; 32];
        hash.copy_from_slice(sum.finish().as_ref());
        self.sums.insert(name.to_owned(), hash);
        Ok(())
    }

    fn finish(mut self) -> anyhow::Result<()> {
        let lines: String = self.sums.iter().map(|(name, sum)| manifest::line(name, sum)).collect();
        let mut content = std::iter::once(Ok(lines.clone().into_bytes()));
        self.sink.file::<io::Error>(name::MANIFEST, lines.len() as u64, &mut content)?;
        Ok(self.sink.finish()?)
    }
}

fn piece(reader: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut piece = vec![0; PIECE];
    let read = reader.read(&mut piece)?;
    piece.truncate(read);
    Ok((read > 0).then_some(piece))
}
