//! A folder that is to take the data directory's place. **Invariant:** there is always a data directory, what it was or what
//! takes its place, and nothing of what was there is lost.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use redoubt_store::Clock as _;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use crate::clock::{SystemClock, rfc3339};

/// The folder beside the data directory; gone when dropped, unless it took the directory's place.
pub(super) struct Draft(PathBuf);

impl Draft {
    /// Nothing is there yet: what an interrupted attempt left under this name is deleted.
    pub(super) fn new(data_dir: &Path, what: &str) -> anyhow::Result<Self> {
        let draft = Self(beside(data_dir, what)?);
        draft.remove().with_context(|| draft.0.display().to_string())?;
        Ok(draft)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// [`take_place`]
    pub(super) fn take_place(&self, data_dir: &Path) -> anyhow::Result<Option<PathBuf>> {
        take_place(&self.0, data_dir)
    }

    fn remove(&self) -> io::Result<()> {
        match fs::remove_dir_all(&self.0) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if let Err(error) = self.remove() {
            tracing::warn!(%error, folder = %self.0.display(), "the folder of an attempt stays");
        }
    }
}

/// Puts a folder in the place of the data directory, and returns the new name of what was there.
pub(super) fn take_place(folder: &Path, data_dir: &Path) -> anyhow::Result<Option<PathBuf>> {
    let present = match fs::metadata(data_dir) {
        Ok(present) => present,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs::rename(folder, data_dir).with_context(|| data_dir.display().to_string())?;
            sync_parent(data_dir)?;
            return Ok(None);
        }
        Err(error) => return Err(error).with_context(|| data_dir.display().to_string()),
    };
    give_to(folder, present.uid(), present.gid())?;
    let before = free_name(data_dir)?;
    // Under the name of what was there first, so that an end between the two steps leaves that under no name of a draft.
    fs::rename(folder, &before).with_context(|| before.display().to_string())?;
    exchange(&before, data_dir).with_context(|| data_dir.display().to_string())?;
    sync_parent(data_dir)?;
    Ok(Some(before))
}

/// Each takes the other's name, in one step where the file system knows one.
fn exchange(one: &Path, other: &Path) -> io::Result<()> {
    match renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::XDEV) => {}
        outcome => return Ok(outcome?),
    }
    let between = one.with_extension("between");
    fs::rename(other, &between)?;
    fs::rename(one, other)?;
    fs::rename(&between, one)
}

/// A name with the present time that nothing beside the data directory has.
fn free_name(data_dir: &Path) -> anyhow::Result<PathBuf> {
    let time: String = rfc3339(SystemClock::new().now_us()).chars().take(19).collect();
    let name = format!("before-{}", time.replace(':', ""));
    let first = beside(data_dir, &name)?;
    // More than one within a second comes of runs that were interrupted.
    let others = (2..1000).map(|number| beside(data_dir, &format!("{name}-{number}")));
    let free =
        [Ok(first)].into_iter().chain(others).find(|name| name.as_ref().is_ok_and(|path| !path.exists()));
    free.context("every name for what is there now is taken")?
}

/// A name beside the data directory, on the same file system.
fn beside(data_dir: &Path, what: &str) -> anyhow::Result<PathBuf> {
    let Some(name) = data_dir.file_name() else { bail!("{} has no name", data_dir.display()) };
    let mut name = name.to_owned();
    name.push(format!(".{what}"));
    Ok(data_dir.with_file_name(name))
}

/// The user who has the data directory gets what root made.
fn give_to(path: &Path, uid: u32, gid: u32) -> io::Result<()> {
    if path.is_dir() {
        for entry in fs::read_dir(path)? {
            give_to(&entry?.path(), uid, gid)?;
        }
    }
    chown(path, Some(uid), Some(gid))
}

fn sync_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |parent| fs::File::open(parent)?.sync_all())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_takes_the_place_of_another_which_is_kept() {
        let place = tempfile::tempdir().unwrap();
        let data = place.path().join("data");
        fs::create_dir(&data).unwrap();
        fs::write(data.join("old"), "").unwrap();
        let draft = Draft::new(&data, "restore").unwrap();
        fs::create_dir(draft.path()).unwrap();
        fs::write(draft.path().join("new"), "").unwrap();
        let before = draft.take_place(&data).unwrap().unwrap();
        drop(draft);
        assert!(data.join("new").exists() && before.join("old").exists());
        let another = place.path().join("another");
        fs::create_dir(&another).unwrap();
        let within_the_second = take_place(&another, &data).unwrap().unwrap();
        assert!(within_the_second.join("new").exists() && before.join("old").exists());
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 3);
    }

    #[test]
    fn a_draft_that_took_no_place_is_gone_and_so_is_what_another_left() {
        let place = tempfile::tempdir().unwrap();
        let data = place.path().join("data");
        let left = place.path().join("data.restore");
        fs::create_dir_all(left.join("half")).unwrap();
        let draft = Draft::new(&data, "restore").unwrap();
        assert!(!left.exists());
        fs::create_dir(draft.path()).unwrap();
        drop(draft);
        assert!(!left.exists());
    }
}
