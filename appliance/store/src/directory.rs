//! The data directory: private to the appliance's user, and held by one process at a time.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{ErrorKind, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::Error;

/// Holds the data directory until dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes `directory/lock`, and writes this process's number into it for whoever comes second.
    pub(crate) fn take(directory: &Path) -> Result<Self, Error> {
        let path = directory.join("lock");
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(Error::io(&path))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Err(in_use(file)),
            Err(errno) => return Err(Error::Io { path, source: errno.into() }),
        }
        let written = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()));
        written.map_err(Error::io(&path))?;
        Ok(Self { _file: file })
    }
}

/// Looks whether a process holds the data directory, and changes nothing: the lock is shared for a moment, if it is
/// there at all.
///
/// # Errors
/// [`Error::InUse`], or what the disk says.
pub fn check_free(directory: &Path) -> Result<(), Error> {
    let path = directory.join("lock");
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(Error::Io { path, source }),
    };
    match flock(&file, FlockOperation::NonBlockingLockShared) {
        Ok(()) => Ok(()),
        Err(Errno::WOULDBLOCK) => Err(in_use(file)),
        Err(errno) => Err(Error::Io { path, source: errno.into() }),
    }
}

/// Somebody holds the lock, and has written into it who.
fn in_use(mut lock: File) -> Error {
    let mut holder = String::new();
    let pid = lock.read_to_string(&mut holder).ok().and_then(|_| holder.trim().parse().ok());
    Error::InUse { pid }
}

/// The folder that holds `file`.
pub(crate) fn parent(file: &Path) -> PathBuf {
    match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// Makes the folder and those above it, if they are missing.
pub(crate) fn create(directory: &Path) -> Result<(), Error> {
    DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(Error::io(directory))
}

/// Takes every right of other users away from the folder or file. A path that is not there is fine.
pub(crate) fn make_private(path: &Path) -> Result<(), Error> {
    let Ok(metadata) = fs::metadata(path) else { return Ok(()) };
    let mode = metadata.permissions().mode();
    if mode & 0o077 != 0 {
        tracing::warn!(path = %path.display(), mode = format!("{mode:o}"), "took away other users' rights");
        let private = Permissions::from_mode(mode & 0o700);
        fs::set_permissions(path, private).map_err(Error::io(path))?;
    }
    Ok(())
}

/// Makes a rename or a new file in the folder durable.
pub(crate) fn sync(directory: &Path) -> Result<(), Error> {
    File::open(directory).and_then(|folder| folder.sync_all()).map_err(Error::io(directory))
}
