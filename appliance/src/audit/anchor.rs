//! The newest checkpoint, kept beside the store: a store that was taken back to an earlier state does not extend it.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use redoubt_audit::{Checkpoint, Note, NoteKey, NoteKeyKind};
use redoubt_store::audit_checkpoints::{self, Signed};
use redoubt_store::{Reader, Store, Witness, audit_epochs, audit_log, audit_tree};

/// The longest note that is read.
const MAX_NOTE: u64 = 64 << 10;

/// Why the log and its anchor do not go together.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the anchor {path}: {source}")]
    Unreadable { path: PathBuf, source: io::Error },
    /// The log goes on from another state than the one that the anchor knows.
    #[error(
        "the audit log is not the one that the anchor {path} knows: {why}. If an earlier state was restored on purpose, \
         `redoubt restore --acknowledge-rollback` says so in the log and goes on; if not, keep both for the auditor"
    )]
    NotExtended { path: PathBuf, why: String },
    #[error(transparent)]
    Store(#[from] redoubt_store::Error),
}

/// How the anchor stands to the log while that is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is the newest checkpoint.
    InStep,
    /// It is an older checkpoint of this log.
    Behind,
    Missing,
    /// It is no checkpoint of this log, or cannot be read.
    Foreign,
}

/// The file of the anchor.
#[derive(Clone, Debug)]
pub struct Anchor(PathBuf);

impl Anchor {
    pub fn in_folder(data_dir: &Path) -> Self {
        Self(data_dir.join("anchors"))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// How the file stands to the newest checkpoint. For a moment after each one it is behind: it is written when the
    /// checkpoint is durable.
    ///
    /// # Errors
    /// What the store says.
    pub fn standing(&self, reader: &Reader) -> Result<Standing, redoubt_store::Error> {
        let newest = audit_checkpoints::latest(reader)?.map(|signed| signed.note);
        Ok(match (self.read(), newest) {
            (Err(_), _) => Standing::Foreign,
            (Ok(None), None) => Standing::InStep,
            (Ok(None), Some(_)) => Standing::Missing,
            (Ok(file), newest) if file == newest => Standing::InStep,
            (Ok(Some(file)), _) if is_older(reader, &file)? => Standing::Behind,
            (Ok(Some(_)), _) => Standing::Foreign,
        })
    }

    /// Looks whether the log extends the anchor.
    ///
    /// # Errors
    /// [`Error::NotExtended`] if not; also if a log with checkpoints has no anchor.
    pub fn check(&self, store: &Store) -> Result<(), Error> {
        let Some(note) = self.read()? else {
            return match store.read_blocking(audit_checkpoints::latest)? {
                None => Ok(()),
                Some(_) => Err(self.not_extended("it is gone")),
            };
        };
        let checkpoint = self.verified(store, &note)?;
        let found = store.read_blocking(move |reader| {
            let size = audit_log::size(reader)?;
            let root = if checkpoint.size <= size {
                Some(audit_tree::at(reader, checkpoint.size)?.root())
            } else {
                None
            };
            Ok::<_, redoubt_store::Error>((size, root, checkpoint))
        })?;
        match found {
            (_, Some(root), checkpoint) if root == checkpoint.root => Ok(()),
            (_, Some(_), Checkpoint { size, .. }) => {
                Err(self.not_extended(&format!("its first {size} records are others")))
            }
            (size, None, checkpoint) => {
                Err(self.not_extended(&format!("it has {size} records, and had {}", checkpoint.size)))
            }
        }
    }

    /// The anchor's note; `None` if there is none.
    ///
    /// # Errors
    /// What the disk says.
    pub fn read(&self) -> Result<Option<String>, Error> {
        let unreadable = |source| Error::Unreadable { path: self.0.clone(), source };
        match fs::metadata(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(error)),
            Ok(file) if file.len() > MAX_NOTE => return Err(self.not_extended("it is no checkpoint")),
            Ok(_) => {}
        }
        fs::read_to_string(&self.0).map(Some).map_err(unreadable)
    }

    /// The checkpoint of a note that a key of this log signed.
    fn verified(&self, store: &Store, note: &str) -> Result<Checkpoint, Error> {
        let no_checkpoint = |_| self.not_extended("it is no checkpoint");
        let note = Note::parse(note.as_bytes()).map_err(no_checkpoint)?;
        let checkpoint = note.checkpoint().map_err(no_checkpoint)?;
        let keys: Vec<NoteKey> = store
            .read_blocking(audit_epochs::list)?
            .into_iter()
            .map(|epoch| NoteKey {
                name: checkpoint.origin.clone(),
                public: epoch.public_key,
                kind: NoteKeyKind::Log,
            })
            .collect();
        note.verify(&keys).map_err(|_| self.not_extended("no key of this log has signed it"))?;
        Ok(checkpoint)
    }

    /// Puts a checkpoint in the place of the one before.
    ///
    /// # Errors
    /// What the disk says; the one before stays then.
    pub fn write(&self, note: &str) -> io::Result<()> {
        let draft = self.0.with_extension("new");
        let mut file =
            fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
        file.write_all(note.as_bytes())?;
        file.sync_all()?;
        fs::rename(&draft, &self.0)?;
        self.0.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    }

    fn not_extended(&self, why: &str) -> Error {
        Error::NotExtended { path: self.0.clone(), why: why.to_owned() }
    }
}

fn is_older(reader: &Reader, note: &str) -> Result<bool, redoubt_store::Error> {
    let Ok(checkpoint) = Note::parse(note.as_bytes()).and_then(|note| note.checkpoint()) else {
        return Ok(false);
    };
    Ok(audit_checkpoints::find(reader, checkpoint.size)?.is_some_and(|signed| signed.note == note))
}

/// Each new checkpoint goes to the file.
impl Witness for Anchor {
    fn signed(&self, signed: &Signed) {
        if let Err(error) = self.write(&signed.note) {
            tracing::error!(%error, path = %self.0.display(), "the anchor could not be written");
        }
    }
}
