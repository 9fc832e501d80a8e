//! A look into a store that nobody has open, which leaves every byte and every file as it is.

use std::path::Path;

use crate::directory::{self, check_free};
use crate::tx::Reader;
use crate::{DataKey, Error, integrity, migrations, open};

/// An opened store that can only be looked at. It does not hold the data directory: a process that starts meanwhile is
/// not kept from it.
pub struct Inspection<'a> {
    path: &'a Path,
    reader: Reader,
}

impl<'a> Inspection<'a> {
    /// Opens the database file for looking.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::InUse`], [`Error::WrongKey`], [`Error::Damaged`], [`Error::NewerSchema`],
    /// [`Error::Library`], what the disk says, and [`Error::Unavailable`] for one that was copied together with its
    /// log, but without the log's index.
    pub fn open(path: &'a Path, key: &DataKey) -> Result<Self, Error> {
        check_free(&directory::parent(path))?;
        let reader = Reader::new(open::inspector(path, key)?);
        migrations::check(reader.connection())?;
        Ok(Self { path, reader })
    }

    /// For the functions that read.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// As [`crate::Store::check_integrity`], to be called once. Says nothing of a store that was opened meanwhile.
    ///
    /// # Errors
    /// What keeps the check from being made at all; [`Error::InUse`].
    pub fn check_integrity(self) -> Result<Vec<String>, Error> {
        let mut problems = integrity::check_pages(&self.reader)?;
        problems.extend(integrity::check_contents(&self.reader)?);
        check_free(&directory::parent(self.path))?;
        Ok(problems)
    }
}
