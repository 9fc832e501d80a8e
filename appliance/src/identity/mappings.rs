//! Mappings of the directory's groups, for admins: seen, made, deleted, tried.

use std::collections::{BTreeMap, BTreeSet};

use redoubt_store::directory_mappings::{self, DirectoryMapping, Gives};
use redoubt_store::users::{self, Origin, Role, User};
use redoubt_store::{Reader, Tx, directory_groups};

use super::ending::Endings;
use super::mapping::{self, Mapped, Rule};
use super::{By, Error, Heard, Identity, Username};
use crate::directory::{DirectoryId, GroupDn, Person};
use crate::{random, records};

/// What a new mapping gives.
pub enum NewMapping {
    Role(Role),
    /// A group's id.
    Group(String),
}

/// What the rules would come to.
pub struct DryRun {
    /// The one person who was asked about, as the directory knows them now.
    pub person: Option<(String, BTreeSet<String>)>,
    /// What that person's groups come to.
    pub mapped: Option<Mapped>,
    /// What the next look at people would change.
    pub changes: Vec<Change>,
}

/// One person's role and groups, as they are and as they would be.
pub struct Change {
    pub username: String,
    pub from: String,
    pub to: String,
}

/// The directory's groups behind somebody's rights.
pub struct Reasons {
    /// `None` where the role is assigned.
    pub role: Option<String>,
    /// By the id of the group here.
    pub groups: BTreeMap<String, String>,
}

impl Identity {
    /// When the directory last answered, and since when it does not.
    pub fn directory_heard(&self) -> Heard {
        self.presence.known()
    }

    /// Records that an admin had the directory tested.
    pub async fn directory_tested(&self, by: &By, ok: bool) -> Result<(), Error> {
        if ok {
            self.heard().await?;
        }
        let draft = records::directory_tested(by, ok);
        self.store.write(move |tx| tx.audit(draft).map(|_| ())).await.map_err(Error::from)
    }

    /// The rules in force: those of the configuration first.
    pub async fn mappings(&self) -> Result<Vec<Rule>, Error> {
        let this = self.clone();
        self.store.read(move |reader| Ok(mapping::rules(reader, &this.directory_settings.map)?)).await
    }

    /// Makes a mapping and applies it to whoever is in that group, as far as the directory said.
    ///
    /// # Errors
    /// [`Error::BadGroupName`], [`Error::NoSuchGroup`], [`Error::MappingExists`], [`Error::OwnAccount`],
    /// [`Error::LastAdmin`]
    pub async fn create_mapping(&self, by: &By, group: &str, gives: NewMapping) -> Result<Rule, Error> {
        let group = GroupDn::parse(group).ok_or(Error::BadGroupName)?;
        let id = random::id(self.random.as_ref())?;
        let (this, by) = (self.clone(), by.clone());
        self.write_ending(move |tx, endings| {
            let gives = match gives {
                NewMapping::Role(role) => Gives::Role(role),
                NewMapping::Group(id) => {
                    let groups = directory_mappings::groups(tx)?;
                    let found = groups.into_iter().find(|(other, _)| *other == id && id != mapping::EVERYONE);
                    let (id, name) = found.ok_or(Error::NoSuchGroup)?;
                    Gives::Group { id, name }
                }
            };
            let directory_group = group.as_str().to_owned();
            let created = DirectoryMapping { id, directory_group, gives, created_at: tx.now_us() };
            let same = |other: &DirectoryMapping| {
                (&other.directory_group, &other.gives) == (&created.directory_group, &created.gives)
            };
            if directory_mappings::list(tx)?.iter().any(same) {
                return Err(Error::MappingExists);
            }
            directory_mappings::insert(tx, &created)?;
            let rule = Rule::from(created);
            tx.audit(records::mapping_changed(&by, &rule, true))?;
            this.reapply_to_members(tx, endings, &by, &rule)?;
            Ok(rule)
        })
        .await
    }

    /// Deletes a mapping; whoever had something by it loses it at once.
    ///
    /// # Errors
    /// [`Error::Configured`], [`Error::NoSuchMapping`], [`Error::OwnAccount`], [`Error::LastAdmin`]
    pub async fn delete_mapping(&self, by: &By, id: &str) -> Result<(), Error> {
        let (this, by, id) = (self.clone(), by.clone(), id.to_owned());
        self.write_ending(move |tx, endings| {
            let rules = mapping::rules(tx, &this.directory_settings.map)?;
            let rule = rules.into_iter().find(|rule| rule.id == id).ok_or(Error::NoSuchMapping)?;
            if rule.configured {
                return Err(Error::Configured);
            }
            directory_mappings::delete(tx, &id)?;
            tx.audit(records::mapping_changed(&by, &rule, false))?;
            this.reapply_to_members(tx, endings, &by, &rule)
        })
        .await
    }

    /// No mapping takes the last admin, or changes what its own author is: the same rules as where somebody's role is
    /// assigned.
    fn reapply_to_members(
        &self,
        tx: &mut Tx<'_>,
        endings: &mut Endings,
        by: &By,
        rule: &Rule,
    ) -> Result<(), Error> {
        let had_admin = users::count_admins(tx)? > 0;
        for user in directory_groups::members(tx, &rule.directory_group)? {
            self.reapply(tx, endings, &user)?;
            let as_before = |now: User| now.role == user.role && now.is_active() == user.is_active();
            if by.user_id() == Some(user.id.as_str()) && !users::find(tx, &user.id)?.is_some_and(as_before) {
                return Err(Error::OwnAccount);
            }
        }
        if had_admin && users::count_admins(tx)? == 0 { Err(Error::LastAdmin) } else { Ok(()) }
    }

    /// What the rules come to for one person of the directory, asked anew, or for all that are known, by what it said last.
    ///
    /// # Errors
    /// [`Error::NoSuchPerson`] if nobody of the directory who signed in before has the name.
    pub async fn dry_run(&self, by: &By, username: Option<String>) -> Result<DryRun, Error> {
        let draft = records::people_read(by, 1);
        self.store.write(move |tx| tx.audit(draft).map(|_| ())).await.map_err(Error::from)?;
        let Some(username) = username else { return self.dry_run_of_all().await };
        let name = Username::parse(&username).ok_or(Error::NoSuchPerson)?;
        let found =
            self.store.read(move |reader| Ok::<_, Error>(users::find_by_name(reader, name.as_str())?));
        let user = found.await?.filter(|user| user.directory_id.is_some()).ok_or(Error::NoSuchPerson)?;
        let answer = self.look_up(&user).await?;
        let this = self.clone();
        self.store
            .read(move |reader| {
                let rules = mapping::rules(reader, &this.directory_settings.map)?;
                let groups = match &answer {
                    Some(person) => names(person),
                    None => directory_groups::list(reader, &user.id)?,
                };
                let mapped = mapping::map(&rules, &groups);
                let changes = change(reader, &user, &mapped)?.into_iter().collect();
                let dn = answer.map(|person| person.dn).unwrap_or_default();
                Ok(DryRun { person: Some((dn, groups)), mapped: Some(mapped), changes })
            })
            .await
    }

    async fn dry_run_of_all(&self) -> Result<DryRun, Error> {
        let this = self.clone();
        self.store
            .read(move |reader| {
                let rules = mapping::rules(reader, &this.directory_settings.map)?;
                let mut changes = Vec::new();
                for user in users::list_of_directory(reader)? {
                    let mapped = mapping::map(&rules, &directory_groups::list(reader, &user.id)?);
                    changes.extend(change(reader, &user, &mapped)?);
                }
                Ok(DryRun { person: None, mapped: None, changes })
            })
            .await
    }

    /// What the directory says now; `None` if it does not answer or does not let them in.
    async fn look_up(&self, user: &User) -> Result<Option<Person>, Error> {
        let id = user.directory_id.as_deref().and_then(DirectoryId::parse);
        let (Some(directory), Some(id)) = (&self.directory, id) else { return Ok(None) };
        Ok(directory.look_up(&id).await.ok())
    }

    /// The directory's groups that somebody's role and memberships come from, for whoever explains all of their rights.
    ///
    /// # Errors
    /// [`Error::NoSuchPerson`]
    pub async fn reasons(&self, user_id: &str) -> Result<Reasons, Error> {
        let (this, id) = (self.clone(), user_id.to_owned());
        self.store
            .read(move |reader| {
                let user = users::find(reader, &id)?.ok_or(Error::NoSuchPerson)?;
                let rules = mapping::rules(reader, &this.directory_settings.map)?;
                let mapped = mapping::map(&rules, &directory_groups::list(reader, &id)?);
                let role = (user.role_source == Origin::Directory).then(|| mapped.role_because.join(" and "));
                let groups = mapped.groups.into_iter().map(|(id, group)| (id, group.because.join(" and ")));
                Ok(Reasons { role, groups: groups.collect() })
            })
            .await
    }
}

/// The normalised names of the groups that somebody is in.
pub(super) fn names(person: &Person) -> BTreeSet<String> {
    person.groups.iter().map(|group| group.as_str().to_owned()).collect()
}

/// What would change of somebody, if anything.
fn change(reader: &Reader, user: &User, mapped: &Mapped) -> Result<Option<Change>, Error> {
    let memberships = directory_groups::memberships(reader, &user.id)?;
    let present: BTreeSet<String> = memberships
        .into_iter()
        .filter(|membership| membership.source == Origin::Directory)
        .map(|membership| membership.name)
        .collect();
    let coming: BTreeSet<String> = mapped.groups.values().map(|group| group.name.clone()).collect();
    let now = match (&user.directory_state, user.role_source) {
        (Some(state), Origin::Directory) => state.clone(),
        _ => user.role.as_str().to_owned(),
    };
    let role = match (user.role_source, mapped.role) {
        (Origin::Assigned, _) => user.role.as_str().to_owned(),
        (Origin::Directory, Ok(role)) => role.as_str().to_owned(),
        (Origin::Directory, Err(none)) => none.reason().to_owned(),
    };
    let (from, to) = (sentence(&now, &present), sentence(&role, &coming));
    Ok((from != to).then(|| Change { username: user.name.clone(), from, to }))
}

/// "analyst", or "analyst in Library, Research".
fn sentence(role: &str, groups: &BTreeSet<String>) -> String {
    let names: Vec<&str> = groups.iter().map(String::as_str).collect();
    if names.is_empty() { role.to_owned() } else { format!("{role} in {}", names.join(", ")) }
}
