//! Tables `groups` and `group_members`: what carries rights, and who is in it.

use rusqlite::{Row, params};

use crate::users::Origin;
use crate::{Error, Page, Reader, Tx};

/// The built-in group: every analyst is in it without a row.
pub const EVERYONE: &str = "everyone";

/// What the members may use up; `None` says nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quotas {
    /// A UTC day.
    pub requests_per_day: Option<u64>,
    /// Of prompts and answers together, a UTC day.
    pub tokens_per_day: Option<u64>,
    /// Requests at once.
    pub parallel: Option<u32>,
    /// Place in the queue for the model: higher is sooner.
    pub priority: Option<i32>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    pub id: String,
    pub name: String,
    pub quotas: Quotas,
    pub created_at: i64,
}

/// One reason for which somebody is in a group; there may be several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    pub group: Group,
    /// `None`: as every analyst is in the built-in group.
    pub source: Option<Origin>,
}

/// A person in a group, for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    pub user_id: String,
    pub username: String,
    pub display_name: String,
    /// As in [`Membership`].
    pub source: Option<Origin>,
}

const COLUMNS: &str =
    "g.id, g.name, g.requests_per_day, g.tokens_per_day, g.parallel, g.priority, g.created_at";

/// The ids of the groups of a person (?1).
pub(crate) const OF: &str = "SELECT group_id FROM group_members WHERE user_id = ?1
    UNION SELECT 'everyone' FROM users WHERE id = ?1 AND role = 'analyst'";

/// Rows of everybody in a group (?1): name first, because lists are ordered by it.
const MEMBERS: &str = "SELECT u.name, u.id, u.display_name, m.source
    FROM group_members m JOIN users u ON u.id = m.user_id WHERE m.group_id = ?1
    UNION ALL SELECT u.name, u.id, u.display_name, NULL FROM users u
    WHERE ?1 = 'everyone' AND u.role = 'analyst'";

pub fn find(reader: &Reader, id: &str) -> Result<Option<Group>, Error> {
    reader.one(&format!("SELECT {COLUMNS} FROM groups g WHERE g.id = ?1"), [id], from_row)
}

pub fn find_by_name(reader: &Reader, name: &str) -> Result<Option<Group>, Error> {
    reader.one(&format!("SELECT {COLUMNS} FROM groups g WHERE g.name = ?1"), [name], from_row)
}

/// All of them, by name.
pub fn list(reader: &Reader) -> Result<Vec<Group>, Error> {
    reader.all(&format!("SELECT {COLUMNS} FROM groups g ORDER BY g.name"), [], from_row)
}

/// What a person is in, by name; one item a reason.
pub fn list_of(reader: &Reader, user_id: &str) -> Result<Vec<Membership>, Error> {
    let sql = format!(
        "SELECT {COLUMNS}, m.source FROM group_members m JOIN groups g ON g.id = m.group_id WHERE m.user_id = ?1
         UNION ALL SELECT {COLUMNS}, NULL FROM groups g
         WHERE g.id = 'everyone' AND EXISTS (SELECT 1 FROM users WHERE id = ?1 AND role = 'analyst')
         ORDER BY 2, 8"
    );
    reader.all(&sql, [user_id], |row| Ok(Membership { group: from_row(row)?, source: row.get(7)? }))
}

/// # Errors
/// [`Error::Conflict`] if the name is taken; also of [`update`].
pub fn insert(tx: &mut Tx<'_>, group: &Group) -> Result<(), Error> {
    let sql =
        "INSERT INTO groups (id, name, requests_per_day, tokens_per_day, parallel, priority, created_at)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let Quotas { requests_per_day, tokens_per_day, parallel, priority } = group.quotas;
    let values = params![
        group.id,
        group.name,
        requests_per_day,
        tokens_per_day,
        parallel,
        priority,
        group.created_at,
    ];
    tx.execute(sql, values)?;
    Ok(())
}

/// Name and quotas. `false` if there is no such group.
pub fn update(tx: &mut Tx<'_>, group: &Group) -> Result<bool, Error> {
    let sql = "UPDATE groups SET name = ?2, requests_per_day = ?3, tokens_per_day = ?4, parallel = ?5,
                   priority = ?6 WHERE id = ?1";
    let Quotas { requests_per_day, tokens_per_day, parallel, priority } = group.quotas;
    let values = params![group.id, group.name, requests_per_day, tokens_per_day, parallel, priority];
    Ok(tx.execute(sql, values)? == 1)
}

/// With its members, permissions, grants and mappings. `false` if there is no such group.
pub fn delete(tx: &mut Tx<'_>, id: &str) -> Result<bool, Error> {
    Ok(tx.execute("DELETE FROM groups WHERE id = ?1", [id])? == 1)
}

/// How many people are in a group.
pub fn count_members(reader: &Reader, id: &str) -> Result<u64, Error> {
    let sql = format!("SELECT count(DISTINCT id) FROM ({MEMBERS})");
    Ok(reader.one(&sql, [id], |row| row.get(0))?.unwrap_or_default())
}

/// Who is in a group, by name; one item a reason.
///
/// # Errors
/// [`Error::BadCursor`] if the cursor is not one of this list.
pub fn members(reader: &Reader, id: &str, limit: usize, cursor: Option<&str>) -> Result<Page<Member>, Error> {
    // Behind a name comes its reason: both together are where the last page ended.
    let (name, source) = match cursor {
        None => ("", ""),
        Some(cursor) => cursor.rsplit_once('\n').ok_or(Error::BadCursor)?,
    };
    let sql = format!(
        "SELECT id, name, display_name, source FROM ({MEMBERS})
         WHERE (name, coalesce(source, '')) > (?2, ?3) ORDER BY name, source LIMIT ?4"
    );
    let members = reader.all(&sql, params![id, name, source, limit.saturating_add(1)], |row| {
        Ok(Member {
            user_id: row.get(0)?,
            username: row.get(1)?,
            display_name: row.get(2)?,
            source: row.get(3)?,
        })
    })?;
    Ok(Page::cut(members, limit, |last| {
        format!("{}\n{}", last.username, last.source.map(Origin::as_str).unwrap_or_default())
    }))
}

/// `false` if the person is in it already for that reason.
pub fn insert_member(tx: &mut Tx<'_>, id: &str, user_id: &str, source: Origin) -> Result<bool, Error> {
    let sql =
        "INSERT INTO group_members (group_id, user_id, source) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
    Ok(tx.execute(sql, params![id, user_id, source])? == 1)
}

/// `false` if the person was not in it for that reason. Another reason may keep them in it.
pub fn delete_member(tx: &mut Tx<'_>, id: &str, user_id: &str, source: Origin) -> Result<bool, Error> {
    let sql = "DELETE FROM group_members WHERE group_id = ?1 AND user_id = ?2 AND source = ?3";
    Ok(tx.execute(sql, params![id, user_id, source])? == 1)
}

/// The directory groups that a mapping of the store leads to this one, by name.
pub fn mappings(reader: &Reader, id: &str) -> Result<Vec<String>, Error> {
    let sql = "SELECT directory_group FROM directory_mappings WHERE group_id = ?1 ORDER BY directory_group";
    reader.all(sql, [id], |row| row.get(0))
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<Group> {
    let quotas = Quotas {
        requests_per_day: row.get(2)?,
        tokens_per_day: row.get(3)?,
        parallel: row.get(4)?,
        priority: row.get(5)?,
    };
    Ok(Group { id: row.get(0)?, name: row.get(1)?, quotas, created_at: row.get(6)? })
}
