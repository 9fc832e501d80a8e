//! What the directory says of a person's groups: table `directory_groups`, its own groups, and the rows of
//! `group_members` whose source it is.

use std::collections::BTreeSet;

use rusqlite::{Row, params};

use crate::users::{self, Origin, User};
use crate::{Error, Reader, Tx};

/// One group of the appliance that a person is in, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    pub id: String,
    pub name: String,
    pub source: Origin,
}

/// What a replacement changed; both empty if nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    pub added: Vec<String>,
    pub removed: Vec<String>,
}

impl Change {
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty()
    }

    fn between(before: &BTreeSet<String>, after: &BTreeSet<String>) -> Self {
        Self {
            added: after.difference(before).cloned().collect(),
            removed: before.difference(after).cloned().collect(),
        }
    }
}

/// The directory's groups of a person, as it last named them.
pub fn list(reader: &Reader, user_id: &str) -> Result<BTreeSet<String>, Error> {
    let names =
        reader.all("SELECT dn FROM directory_groups WHERE user_id = ?1", [user_id], |row| row.get(0))?;
    Ok(names.into_iter().collect())
}

/// Notes the directory's groups of a person; an unchanged list costs no write.
pub fn replace(tx: &mut Tx<'_>, user_id: &str, names: &BTreeSet<String>) -> Result<(), Error> {
    let change = Change::between(&list(tx, user_id)?, names);
    for name in &change.removed {
        tx.execute("DELETE FROM directory_groups WHERE user_id = ?1 AND dn = ?2", [user_id, name])?;
    }
    for name in &change.added {
        tx.execute("INSERT INTO directory_groups (user_id, dn) VALUES (?1, ?2)", [user_id, name])?;
    }
    Ok(())
}

/// Who is in one of the directory's groups, as far as it said.
pub fn members(reader: &Reader, dn: &str) -> Result<Vec<User>, Error> {
    let ids: Vec<String> =
        reader.all("SELECT user_id FROM directory_groups WHERE dn = ?1 ORDER BY user_id", [dn], |row| {
            row.get(0)
        })?;
    let users = ids.iter().map(|id| users::find(reader, id)).collect::<Result<Vec<_>, _>>()?;
    Ok(users.into_iter().flatten().collect())
}

/// The groups that a person is in, by name. The built-in group of everybody has no row.
pub fn memberships(reader: &Reader, user_id: &str) -> Result<Vec<Membership>, Error> {
    let sql = "SELECT g.id, g.name, m.source FROM group_members m JOIN groups g ON g.id = m.group_id
               WHERE m.user_id = ?1 ORDER BY g.name, m.source";
    reader.all(sql, [user_id], membership)
}

/// Makes these groups (ids) the ones that a person is in by the directory; those assigned by an admin stay.
pub fn replace_memberships(
    tx: &mut Tx<'_>,
    user_id: &str,
    groups: &BTreeSet<String>,
) -> Result<Change, Error> {
    let sql = "SELECT group_id FROM group_members WHERE user_id = ?1 AND source = 'directory'";
    let before = tx.all(sql, [user_id], |row| row.get(0))?.into_iter().collect();
    let change = Change::between(&before, groups);
    for group in &change.removed {
        let sql = "DELETE FROM group_members WHERE user_id = ?1 AND group_id = ?2 AND source = 'directory'";
        tx.execute(sql, [user_id, group])?;
    }
    for group in &change.added {
        let sql = "INSERT INTO group_members (group_id, user_id, source) VALUES (?1, ?2, 'directory')";
        tx.execute(sql, params![group, user_id])?;
    }
    Ok(change)
}

fn membership(row: &Row<'_>) -> rusqlite::Result<Membership> {
    Ok(Membership { id: row.get(0)?, name: row.get(1)?, source: row.get(2)? })
}
