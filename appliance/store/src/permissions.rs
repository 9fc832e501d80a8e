//! Table `group_permissions`: what a group allows or denies its members.

use rusqlite::{Row, params};

use crate::text_enum::text_enum;
use crate::{Error, Reader, Tx, groups};

text_enum! {
    Effect { Allow = "allow", Deny = "deny" }
}

/// A group's word on one permission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub group_id: String,
    /// Its name; which there are is the caller's to know.
    pub permission: String,
    pub effect: Effect,
}

pub fn list(reader: &Reader, group_id: &str) -> Result<Vec<Rule>, Error> {
    let sql =
        "SELECT group_id, permission, effect FROM group_permissions WHERE group_id = ?1 ORDER BY permission";
    reader.all(sql, [group_id], from_row)
}

/// The rules of every group that a person is in.
pub fn list_of(reader: &Reader, user_id: &str) -> Result<Vec<Rule>, Error> {
    let of = groups::OF;
    let sql = format!("SELECT group_id, permission, effect FROM group_permissions WHERE group_id IN ({of})");
    reader.all(&sql, [user_id], from_row)
}

/// Puts these in the place of all that the group had.
pub fn replace(tx: &mut Tx<'_>, group_id: &str, rules: &[(String, Effect)]) -> Result<(), Error> {
    tx.execute("DELETE FROM group_permissions WHERE group_id = ?1", [group_id])?;
    for (permission, effect) in rules {
        let sql = "INSERT INTO group_permissions (group_id, permission, effect) VALUES (?1, ?2, ?3)";
        tx.execute(sql, params![group_id, permission, effect])?;
    }
    Ok(())
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<Rule> {
    Ok(Rule { group_id: row.get(0)?, permission: row.get(1)?, effect: row.get(2)? })
}
