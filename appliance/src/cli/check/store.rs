//! The store: is it there, is it being served, does the key open it, and is all of it as its log says?
//!
//! Opened so that nothing is written, not even SQLite's own files: `redoubt_store::Inspection`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use redoubt_store::{DataKey, Error, Inspection, audit_epochs, audit_log, check_free, meta};

use super::super::voice::tell;
use super::memory::bytes;
use super::{Code, Outcome};
use crate::clock::rfc3339;
use crate::config::Config;
use crate::front::database_path;

/// A store of this size is read in a second or so.
const LARGE: u64 = 256 << 20;
/// So many problems are named; the rest is counted.
const NAMED: usize = 5;

/// Whether a process has the data directory.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Usage {
    Free,
    Served,
}

/// What came of it, for the checks that need it.
pub(super) struct Looked {
    pub(super) outcome: Outcome,
    pub(super) usage: Usage,
    /// How many keys of the audit log wait for their day; `None` if the store was not opened.
    pub(super) epochs: Option<u64>,
}

impl From<Outcome> for Looked {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, usage: Usage::Free, epochs: None }
    }
}

pub(super) fn check(config: &Config, key: Option<&DataKey>, install_id: Option<&str>) -> Looked {
    let data_dir = &config.data.dir;
    let path = database_path(data_dir);
    let size = match fs::metadata(&path) {
        Ok(metadata) => bytes(metadata.len()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let found = format!("there is no store at {}", path.display());
            return Outcome::failed(Code::Failure, found, "`redoubt init` makes one").into();
        }
        Err(error) => {
            let advice = "run the check as root, or as the user that the appliance runs as";
            let found = format!("{}: {error}", path.display());
            return Outcome::failed(Code::Failure, found, advice).into();
        }
    };
    let mut outcome = Outcome::new();
    outcome.find(format!("{}, {size}", path.display()));
    judge_rights(data_dir, &mut outcome);
    match check_free(data_dir) {
        Ok(()) => {}
        Err(Error::InUse { pid }) => {
            outcome.find(served(pid));
            return Looked { outcome, usage: Usage::Served, epochs: None };
        }
        Err(error) => {
            refuse(&error, &mut outcome);
            return outcome.into();
        }
    }
    let Some(key) = key else {
        return Outcome::skipped(format!("{}, {size}: not opened without a key", path.display())).into();
    };
    let mut epochs = None;
    if let Err(error) = inspect(&path, key, install_id, &mut epochs, &mut outcome) {
        refuse(&error, &mut outcome);
    }
    Looked { epochs, ..outcome.into() }
}

fn served(pid: Option<u32>) -> String {
    let process = pid.map_or_else(|| "a process".to_owned(), |pid| format!("process {pid}"));
    format!("being served by {process}, so it was not opened and its integrity not checked")
}

/// The appliance takes such rights away when it starts.
fn judge_rights(data_dir: &Path, outcome: &mut Outcome) {
    let mode = fs::metadata(data_dir).map_or(0, |metadata| metadata.permissions().mode());
    if mode & 0o077 != 0 {
        let found = format!("the data directory is open to others (mode {:04o})", mode & 0o7777);
        outcome.warn(found, format!("chmod 700 {}; the next start does it, too", data_dir.display()));
    }
}

fn inspect(
    path: &Path,
    key: &DataKey,
    install_id: Option<&str>,
    epochs: &mut Option<u64>,
    outcome: &mut Outcome,
) -> Result<(), Error> {
    let inspection = Inspection::open(path, key)?;
    let found = meta::install_id(inspection.reader())?;
    if let Some(expected) = install_id.filter(|expected| *expected != found) {
        return Err(Error::ForeignOrigin { found, expected: expected.to_owned() });
    }
    let records = audit_log::size(inspection.reader())?;
    let made = rfc3339(meta::created_at(inspection.reader())?);
    outcome.find(format!("made {}, {records} audit records", made.split('T').next().unwrap_or_default()));
    *epochs = Some(audit_epochs::count_to_come(inspection.reader())?);
    if fs::metadata(path).is_ok_and(|metadata| metadata.len() > LARGE) {
        tell("checking the integrity of the store");
    }
    let problems = inspection.check_integrity()?;
    if problems.is_empty() {
        outcome.find("intact: every page, row, record and leaf");
        return Ok(());
    }
    for problem in problems.iter().take(NAMED) {
        outcome.find(problem);
    }
    let advice = "do not serve it: keep a copy as evidence, find out what changed it, restore a backup";
    outcome.fail(Code::Failure, format!("not intact: {} problems", problems.len()), advice);
    Ok(())
}

fn refuse(error: &Error, outcome: &mut Outcome) {
    let (code, advice) = match error {
        Error::InUse { pid } => return outcome.find(served(*pid)),
        Error::Unavailable(_) => {
            outcome
                .warn(format!("{error}; not opened"), "start the appliance once, stop it, and check again");
            return;
        }
        Error::WrongKey(_) => {
            (Code::Locked, "`keyslots` and `redoubt.db` are of two stores, or it was changed")
        }
        Error::ForeignOrigin { .. } => {
            (Code::Failure, "put `keyslots` and `redoubt.db` of one appliance together")
        }
        Error::NewerSchema { .. } => (Code::Failure, "use the newer version of Redoubt that wrote it"),
        Error::Damaged(_) => (Code::Failure, "keep a copy as evidence, then restore a backup"),
        Error::Io { .. } => {
            (Code::Failure, "run the check as root, or as the user that the appliance runs as")
        }
        _ => (Code::Failure, "the store cannot be read; restore a backup if that stays so"),
    };
    outcome.fail(code, error.to_string(), advice);
}
