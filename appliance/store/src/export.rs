//! A copy of the database under another key: how the data key is changed, never in place.

use std::path::Path;

use rusqlite::Connection;

use crate::backup::{Copied, check_copy};
use crate::{DataKey, Error, Store, audit_epochs, open};

impl Store {
    /// Writes all that the database holds at this moment into a new file, encrypted under `key`, and checks that as a backup is
    /// checked. The keys of the audit log are sealed anew in it; every other sealed value is as it was, for its owner to seal
    /// anew. Blocks.
    ///
    /// # Errors
    /// If the file exists; [`Error::Damaged`] if the copy does not hold together; what the disk says.
    pub fn export(&self, to: &Path, key: &DataKey) -> Result<Copied, Error> {
        open::empty(to, key)?.close().map_err(|(_, error)| error)?;
        let source = open::exporter(self.path(), self.key())?;
        source
            .execute("ATTACH DATABASE ?1 AS copy KEY ?2", (to.to_string_lossy(), key.literal().as_str()))?;
        source.execute_batch("BEGIN")?;
        copy(&source, self.key(), key)?;
        source.execute_batch("COMMIT; DETACH DATABASE copy")?;
        check_copy(to, key)
    }
}

fn copy(source: &Connection, old: &DataKey, new: &DataKey) -> Result<(), Error> {
    // The one number of a database that is in none of its tables.
    let version: i64 = source.query_row("PRAGMA main.user_version", [], |row| row.get(0))?;
    source.query_row("SELECT sqlcipher_export('copy')", [], |_| Ok(()))?;
    source.pragma_update(Some("copy"), "user_version", version)?;
    audit_epochs::reseal(source, old, new)
}
