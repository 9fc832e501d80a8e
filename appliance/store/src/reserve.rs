//! A file that only takes up space, and is given up when the disk is full: what then matters most can still be recorded.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, PoisonError};

use redoubt_audit::{Actor, Draft, Outcome, catalogue};
use rustix::fs::{FallocateFlags, fallocate, statvfs};
use rustix::io::Errno;

use crate::directory;

const MOST_BYTES: u64 = 64 << 20;
const LEAST_BYTES: u64 = 1 << 20;
/// On a small disk the reserve is this part of what is free.
const PART: u64 = 64;
/// Of what stat(2) calls a block.
const BLOCK_BYTES: u64 = 512;

/// Whether there is space that nothing has taken yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReserveState {
    /// Nobody asked for one.
    Unused,
    Held,
    /// It was given up, or there was no room for it.
    Gone,
}

#[derive(Debug)]
pub(crate) struct Reserve {
    path: PathBuf,
    /// Read by everybody, so without a lock: making the file may take its time.
    state: AtomicU8,
    /// Held by whoever makes or deletes the file.
    file: Mutex<()>,
}

impl Reserve {
    /// The reserve of the store at `database`.
    pub(crate) fn beside(database: &Path) -> Self {
        let path = directory::parent(database).join("reserve");
        Self { path, state: AtomicU8::new(ReserveState::Unused as u8), file: Mutex::new(()) }
    }

    pub(crate) fn state(&self) -> ReserveState {
        match self.state.load(Ordering::SeqCst) {
            state if state == ReserveState::Held as u8 => ReserveState::Held,
            state if state == ReserveState::Gone as u8 => ReserveState::Gone,
            _ => ReserveState::Unused,
        }
    }

    /// Takes the space, unless that is done. `false`: there is no room for it.
    pub(crate) fn keep(&self) -> io::Result<bool> {
        let _alone = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = self.state() == ReserveState::Held || self.is_there() || self.make()?;
        self.set(if kept { ReserveState::Held } else { ReserveState::Gone });
        Ok(kept)
    }

    /// Frees the space; `false` if there was none to free.
    pub(crate) fn give_up(&self) -> bool {
        let _alone = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if self.state() != ReserveState::Held {
            return false;
        }
        self.set(ReserveState::Gone);
        fs::remove_file(&self.path).inspect_err(|error| tracing::error!(%error, "the reserve stays")).is_ok()
    }

    /// Whether the last process left one.
    fn is_there(&self) -> bool {
        fs::metadata(&self.path).is_ok_and(|file| file.blocks() * BLOCK_BYTES >= LEAST_BYTES)
    }

    fn make(&self) -> io::Result<bool> {
        let space = statvfs(directory::parent(&self.path))?;
        let free = space.f_bavail.saturating_mul(space.f_frsize);
        let bytes = (free / PART).clamp(LEAST_BYTES, MOST_BYTES);
        if free / 2 < bytes {
            return Ok(false);
        }
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&self.path)?;
        let taken = match fallocate(&file, FallocateFlags::empty(), 0, bytes) {
            Err(Errno::OPNOTSUPP) => write_zeros(&mut file, bytes),
            other => other.map_err(io::Error::from),
        };
        match taken {
            Ok(()) => Ok(true),
            Err(error) => {
                fs::remove_file(&self.path)?;
                if error.kind() == io::ErrorKind::StorageFull { Ok(false) } else { Err(error) }
            }
        }
    }

    fn set(&self, state: ReserveState) {
        self.state.store(state as u8, Ordering::SeqCst);
    }
}

/// For file systems that cannot allocate without writing.
fn write_zeros(file: &mut File, bytes: u64) -> io::Result<()> {
    let zeros = vec![0; usize::try_from(LEAST_BYTES).unwrap_or_default()];
    for _ in 0..bytes / LEAST_BYTES {
        file.write_all(&zeros)?;
    }
    file.sync_data()
}

/// What is written into the freed space before anything else: the disk was full.
pub(crate) fn given_up() -> Draft {
    Draft::new(catalogue::STORAGE_THRESHOLD, Outcome::Ok, Actor::system()).data("percent", 100_u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reserve_is_really_allocated_given_up_once_and_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("redoubt.db");
        let reserve = Reserve::beside(&database);
        assert_eq!(reserve.state(), ReserveState::Unused);
        assert!(!reserve.give_up());
        assert!(reserve.keep().unwrap());
        let taken = fs::metadata(folder.path().join("reserve")).unwrap().blocks() * BLOCK_BYTES;
        assert!((LEAST_BYTES..=MOST_BYTES + LEAST_BYTES).contains(&taken), "{taken}");

        // The next process finds it.
        let next = Reserve::beside(&database);
        assert!(next.keep().unwrap());
        assert!(next.give_up());
        assert_eq!(next.state(), ReserveState::Gone);
        assert!(!next.give_up());
        assert!(!folder.path().join("reserve").exists());
        assert!(next.keep().unwrap());
        assert_eq!(next.state(), ReserveState::Held);
    }
}
