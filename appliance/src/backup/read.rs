//! Reads a backup, which may come from anywhere: nothing of it counts before its sums agree.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Read, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use redoubt_audit::Hash;
use redoubt_audit::bundle::manifest;
use redoubt_audit::verify::{Fault, Files, Finding};
use ring::digest::{Context, SHA256};

use super::{Summary, VERSION, name};

/// The longest `backup.json`.
const MAX_SUMMARY: u64 = 64 << 10;
/// The longest `MANIFEST`: a line for each of a million archives.
const MAX_MANIFEST: u64 = 512 << 20;
const PIECE: usize = 1 << 20;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: io::Error },
    #[error("this is no whole backup: {0}")]
    NotWhole(Finding),
    #[error("this is no whole backup: {file}: {why}")]
    Wrong { file: String, why: String },
    #[error("this backup has version {0}, of a newer Redoubt; this one reads version {VERSION}")]
    Newer(u32),
}

impl From<Finding> for Error {
    fn from(finding: Finding) -> Self {
        Self::NotWhole(finding)
    }
}

/// A backup whose list of files is complete; [`Backup::check`] compares what is in them.
pub struct Backup {
    files: Files,
    sums: BTreeMap<String, Hash>,
    summary: Summary,
}

impl Backup {
    /// # Errors
    /// If it is none, is not complete, or of a newer version.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let files = Files::open(path).map_err(|fault| match fault {
            Fault::Unreadable(source) => Error::Io { path: path.to_owned(), source },
            Fault::Wrong(finding) => Error::NotWhole(finding),
        })?;
        let wrong = |file: &str, why: &str| Error::Wrong { file: file.to_owned(), why: why.to_owned() };
        let sums = manifest::parse(&files.whole(name::MANIFEST, MAX_MANIFEST)?)
            .map_err(|(line, why)| wrong(name::MANIFEST, &format!("line {line}: {why}")))?;
        for name in files.names().filter(|name| *name != name::MANIFEST) {
            if !sums.contains_key(name) {
                return Err(wrong(name, "it is not in MANIFEST"));
            }
        }
        if let Some(missing) = sums.keys().find(|name| files.size(name).is_none()) {
            return Err(wrong(missing, "it is missing"));
        }
        let summary = summary(&files.whole(name::SUMMARY, MAX_SUMMARY)?)?;
        for needed in [name::DATABASE, redoubt_store::keys::FILE_NAME] {
            if files.size(needed).is_none() {
                return Err(wrong(needed, "it is missing"));
            }
        }
        Ok(Self { files, sums, summary })
    }

    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// How much there is to read, in bytes.
    pub fn size(&self) -> u64 {
        self.sums.keys().filter_map(|name| self.files.size(name)).sum()
    }

    /// Compares every file with its sum. `read` hears how many bytes were read each time.
    ///
    /// # Errors
    /// The first file that differs.
    pub fn check(&self, mut read: impl FnMut(u64)) -> Result<(), Error> {
        self.sums.keys().try_for_each(|name| {
            self.pieces(name, |piece| {
                read(piece.len() as u64);
                Ok(())
            })
        })
    }

    /// Writes the files into a new folder, private and synced, each compared with its sum on the way.
    ///
    /// # Errors
    /// The first file that differs, and what the disk says.
    pub fn unpack(&self, folder: &Path) -> Result<(), Error> {
        let io = |path: &Path| {
            let path = path.to_owned();
            move |source| Error::Io { path, source }
        };
        let private = || {
            let mut builder = DirBuilder::new();
            builder.mode(0o700);
            builder
        };
        private().create(folder).map_err(io(folder))?;
        for name in self.sums.keys().filter(|name| *name != name::SUMMARY) {
            let path = folder.join(name);
            if let Some(parent) = path.parent() {
                private().recursive(true).create(parent).map_err(io(parent))?;
            }
            let mut file =
                OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(io(&path))?;
            self.pieces(name, |piece| file.write_all(piece))?;
            file.sync_all().map_err(io(&path))?;
        }
        fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(io(folder))
    }

    /// One file in pieces, and then whether it was the one that MANIFEST means.
    fn pieces(&self, name: &str, mut take: impl FnMut(&[u8]) -> io::Result<()>) -> Result<(), Error> {
        let io = |source| Error::Io { path: name.into(), source };
        let mut reader = self.files.read(name)?;
        let (mut sum, mut piece) = (Context::new(&SHA256), vec![0; PIECE]);
        loop {
            let read = reader.read(&mut piece).map_err(io)?;
            if read == 0 {
                break;
            }
            sum.update(&piece[..read]);
            take(&piece[..read]).map_err(io)?;
        }
        if self.sums.get(name).is_some_and(|expected| expected.as_slice() == sum.finish().as_ref()) {
            return Ok(());
        }
        Err(Error::Wrong { file: name.to_owned(), why: "its SHA-256 is not the one in MANIFEST".to_owned() })
    }
}

/// The version is read before all else, whose meaning depends on it.
fn summary(bytes: &[u8]) -> Result<Summary, Error> {
    let wrong =
        |why: serde_json::Error| Error::Wrong { file: name::SUMMARY.to_owned(), why: why.to_string() };
    let value: serde_json::Value = serde_json::from_slice(bytes).map_err(wrong)?;
    match value["v"].as_u64().and_then(|v| u32::try_from(v).ok()) {
        Some(v) if v > VERSION => Err(Error::Newer(v)),
        _ => serde_json::from_value(value).map_err(wrong),
    }
}
