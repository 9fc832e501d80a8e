//! Table `group_models`: which models a group's members may use.

use crate::{Error, Reader, Tx, groups};

/// A model that a group may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    pub group_id: String,
    pub model: String,
}

/// The models of a group, by id.
pub fn list(reader: &Reader, group_id: &str) -> Result<Vec<String>, Error> {
    let sql = "SELECT model FROM group_models WHERE group_id = ?1 ORDER BY model";
    reader.all(sql, [group_id], |row| row.get(0))
}

/// The grants of every group that a person is in.
pub fn list_of(reader: &Reader, user_id: &str) -> Result<Vec<Grant>, Error> {
    let of = groups::OF;
    let sql = format!("SELECT group_id, model FROM group_models WHERE group_id IN ({of})");
    reader.all(&sql, [user_id], |row| Ok(Grant { group_id: row.get(0)?, model: row.get(1)? }))
}

/// Ids and names of the groups that may use a model, by name.
pub fn groups_of(reader: &Reader, model: &str) -> Result<Vec<(String, String)>, Error> {
    let sql = "SELECT g.id, g.name FROM group_models m JOIN groups g ON g.id = m.group_id
               WHERE m.model = ?1 ORDER BY g.name";
    reader.all(sql, [model], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// Puts these in the place of all that the group had.
pub fn replace(tx: &mut Tx<'_>, group_id: &str, models: &[String]) -> Result<(), Error> {
    tx.execute("DELETE FROM group_models WHERE group_id = ?1", [group_id])?;
    for model in models {
        let sql = "INSERT INTO group_models (group_id, model) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
        tx.execute(sql, [group_id, model])?;
    }
    Ok(())
}
