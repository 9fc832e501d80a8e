//! What an admin does with groups: make, change, delete, and say who is in them.

use std::collections::BTreeMap;

use redoubt_store::groups::{self, EVERYONE, Group, Member, Quotas};
use redoubt_store::permissions::{self, Effect};
use redoubt_store::users::{self, Origin};
use redoubt_store::{Page, Reader, Tx, grants};

use super::{Access, Error, Permission, name};
use crate::identity::By;
use crate::random;
use crate::records::{self, rights};

/// More at once than any appliance has places for.
const MOST_PARALLEL: u32 = 10_000;
/// Records keep whole numbers below this.
const MOST_A_DAY: u64 = 1 << 53;
const PRIORITIES: std::ops::RangeInclusive<i32> = -100..=100;

/// A group with everything that it carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupDetail {
    pub group: Group,
    pub members: u64,
    pub permissions: BTreeMap<Permission, Effect>,
    pub models: Vec<String>,
    /// Directory groups whose members are in it, as the store has them.
    pub mappings: Vec<String>,
}

/// What is to become different; what is absent stays.
#[derive(Clone, Debug, Default)]
pub struct GroupChange {
    pub name: Option<String>,
    /// All of the group's rules.
    pub permissions: Option<BTreeMap<Permission, Effect>>,
    /// All of its models.
    pub models: Option<Vec<String>>,
    pub quotas: Option<Quotas>,
}

impl Access {
    pub async fn groups(&self) -> Result<Vec<GroupDetail>, Error> {
        self.store
            .read(|reader| groups::list(reader)?.into_iter().map(|group| detail(reader, group)).collect())
            .await
    }

    pub async fn group(&self, id: &str) -> Result<GroupDetail, Error> {
        let id = id.to_owned();
        self.store.read(move |reader| detail(reader, found(reader, &id)?)).await
    }

    pub async fn create_group(&self, by: &By, change: GroupChange) -> Result<GroupDetail, Error> {
        let change = self.checked(change)?;
        let name = change.name.clone().ok_or_else(|| Error::invalid("name", "a group has a name"))?;
        let (by, id) = (by.clone(), random::id(self.random.as_ref())?);
        self.store
            .write(move |tx| {
                by.confirm(tx)?;
                let quotas = change.quotas.unwrap_or_default();
                let group = Group { id, name, quotas, created_at: tx.now_us() };
                groups::insert(tx, &group).map_err(name_taken)?;
                carry(tx, &group.id, &change)?;
                let detail = detail(tx, group)?;
                tx.audit(rights::group_created(&by, &detail))?;
                Ok(detail)
            })
            .await
    }

    pub async fn change_group(&self, by: &By, id: &str, change: GroupChange) -> Result<GroupDetail, Error> {
        let change = self.checked(change)?;
        let (by, id) = (by.clone(), id.to_owned());
        self.store
            .write(move |tx| {
                by.confirm(tx)?;
                change_group(tx, &by, &id, &change)
            })
            .await
    }

    pub async fn delete_group(&self, by: &By, id: &str) -> Result<(), Error> {
        let (by, id) = (by.clone(), id.to_owned());
        self.store
            .write(move |tx| {
                by.confirm(tx)?;
                let detail = detail(tx, found(tx, &id)?)?;
                not_everyone(&id)?;
                groups::delete(tx, &id)?;
                tx.audit(rights::group_deleted(&by, &detail))?;
                Ok(())
            })
            .await
    }

    /// Who is in a group, by name; one item a reason.
    pub async fn group_members(
        &self,
        by: &By,
        id: &str,
        limit: usize,
        cursor: Option<String>,
    ) -> Result<Page<Member>, Error> {
        let (by, id) = (by.clone(), id.to_owned());
        self.store
            .write(move |tx| {
                by.confirm(tx)?;
                found(tx, &id)?;
                let page = groups::members(tx, &id, limit, cursor.as_deref())?;
                tx.audit(records::people_read(&by, page.items.len()))?;
                Ok(page)
            })
            .await
    }

    /// Puts somebody into a group, or takes them out as far as an admin put them in.
    pub async fn set_member(&self, by: &By, id: &str, user_id: &str, is_in: bool) -> Result<(), Error> {
        let (by, id, user_id) = (by.clone(), id.to_owned(), user_id.to_owned());
        self.store
            .write(move |tx| {
                by.confirm(tx)?;
                let group = found(tx, &id)?;
                let user = users::find(tx, &user_id)?.ok_or(Error::NoSuch("person"))?;
                not_everyone(&id)?;
                let changed = match is_in {
                    true => groups::insert_member(tx, &id, &user.id, Origin::Assigned)?,
                    false => groups::delete_member(tx, &id, &user.id, Origin::Assigned)?,
                };
                if changed {
                    tx.audit(rights::group_member(&by, &group, &user, is_in))?;
                }
                Ok(())
            })
            .await
    }

    /// What can be a change at all.
    fn checked(&self, change: GroupChange) -> Result<GroupChange, Error> {
        let mut change = change;
        change.name = change.name.map(name).transpose()?;
        if let Some(models) = &mut change.models {
            self.check_models(models)?;
        }
        let quotas = change.quotas.unwrap_or_default();
        if [quotas.requests_per_day, quotas.tokens_per_day]
            .into_iter()
            .flatten()
            .any(|most| most >= MOST_A_DAY)
        {
            return Err(Error::invalid("quotas", "a quota is less than 2^53"));
        }
        if quotas.parallel.is_some_and(|most| !(1..=MOST_PARALLEL).contains(&most)) {
            return Err(Error::invalid("quotas", format!("parallel: 1 to {MOST_PARALLEL}")));
        }
        if quotas.priority.is_some_and(|priority| !PRIORITIES.contains(&priority)) {
            return Err(Error::invalid("quotas", "priority: -100 to 100"));
        }
        Ok(change)
    }
}

/// Changes a group and records it, in the transaction of the caller.
pub fn change_group(tx: &mut Tx<'_>, by: &By, id: &str, change: &GroupChange) -> Result<GroupDetail, Error> {
    let mut group = found(tx, id)?;
    if let Some(name) = change.name.as_ref().filter(|name| **name != group.name) {
        not_everyone(id)?;
        group.name.clone_from(name);
    }
    group.quotas = change.quotas.unwrap_or(group.quotas);
    groups::update(tx, &group).map_err(name_taken)?;
    carry(tx, id, change)?;
    let detail = detail(tx, group)?;
    tx.audit(rights::group_changed(by, &detail, change))?;
    Ok(detail)
}

fn carry(tx: &mut Tx<'_>, id: &str, change: &GroupChange) -> Result<(), Error> {
    if let Some(rules) = &change.permissions {
        let rules: Vec<(String, Effect)> =
            rules.iter().map(|(permission, effect)| (permission.as_str().to_owned(), *effect)).collect();
        permissions::replace(tx, id, &rules)?;
    }
    if let Some(models) = &change.models {
        grants::replace(tx, id, models)?;
    }
    Ok(())
}

fn found(reader: &Reader, id: &str) -> Result<Group, Error> {
    groups::find(reader, id)?.ok_or(Error::NoSuch("group"))
}

fn detail(reader: &Reader, group: Group) -> Result<GroupDetail, Error> {
    let rules = permissions::list(reader, &group.id)?;
    let known = |rule: permissions::Rule| Some((Permission::parse(&rule.permission)?, rule.effect));
    Ok(GroupDetail {
        members: groups::count_members(reader, &group.id)?,
        permissions: rules.into_iter().filter_map(known).collect(),
        models: grants::list(reader, &group.id)?,
        mappings: groups::mappings(reader, &group.id)?,
        group,
    })
}

fn not_everyone(id: &str) -> Result<(), Error> {
    match id {
        EVERYONE => Err(Error::Conflict("the group of everyone keeps its name and has every analyst")),
        _ => Ok(()),
    }
}

fn name_taken(error: redoubt_store::Error) -> Error {
    match error {
        redoubt_store::Error::Conflict => Error::Conflict("there is a group of this name already"),
        other => other.into(),
    }
}
