//! A copy of the database as it is at one moment, while others go on writing.

use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::backup::{Backup, StepResult};

use crate::audit_checkpoints::{self, Signed};
use crate::{DataKey, Error, Inspection, Store, audit_log, directory, open};

/// How long a copy waits for others to let it begin.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(50);

/// What a copy holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// Records of the audit log.
    pub records: u64,
    /// The newest checkpoint of that log.
    pub checkpoint: Option<Signed>,
}

impl Store {
    /// Copies the database into a new file, encrypted under the same key, and checks the copy as
    /// [`Inspection::check_integrity`] does before it says so. The write-ahead log grows meanwhile. Blocks.
    ///
    /// # Errors
    /// If the file exists; [`Error::Damaged`] if the copy does not hold together; what the disk says.
    pub fn back_up(&self, to: &Path) -> Result<Copied, Error> {
        let source = open::reader(self.path(), self.key())?;
        let mut copy = open::empty(to, self.key())?;
        copy_pages(&source, &mut copy)?;
        copy.close().map_err(|(_, error)| error)?;
        check_copy(to, self.key())
    }
}

/// Makes a copy durable and looks whether it holds together.
pub(crate) fn check_copy(path: &Path, key: &DataKey) -> Result<Copied, Error> {
    File::open(path).and_then(|file| file.sync_all()).map_err(Error::io(path))?;
    directory::sync(&directory::parent(path))?;
    let inspection = Inspection::open(path, key)?;
    let reader = inspection.reader();
    let copied = Copied { records: audit_log::size(reader)?, checkpoint: audit_checkpoints::latest(reader)? };
    match inspection.check_integrity()?.first() {
        None => Ok(copied),
        Some(problem) => Err(Error::Damaged(format!("the copy {}: {problem}", path.display()))),
    }
}

/// All pages in one step, so that they are of one moment: in several, each write of somebody would begin it anew.
fn copy_pages(source: &rusqlite::Connection, copy: &mut rusqlite::Connection) -> Result<(), Error> {
    let backup = Backup::new(source, copy)?;
    let begun = Instant::now();
    loop {
        match backup.step(-1)? {
            StepResult::Done => return Ok(()),
            _ if begun.elapsed() > PATIENCE => {
                return Err(Error::Unavailable("others keep it from being copied"));
            }
            _ => std::thread::sleep(PAUSE),
        }
    }
}
