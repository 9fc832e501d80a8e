//! Brings the row of somebody of the directory into line with what the directory says: name, role, groups, state.
//!
//! **Invariant:** who somebody is says `directory_id` alone. A name that comes to somebody else brings them nothing of whoever
//! had it, and no name of the directory ever opens a local account.

use std::collections::BTreeSet;

use redoubt_store::users::{self, Origin, Role, Source, User};
use redoubt_store::{Tx, directory_groups};

use super::ending::Endings;
use super::mapping::{self, Mapped};
use super::mappings::names;
use super::name::Username;
use super::{Error, Identity};
use crate::directory::Person;
use crate::records;

const MAX_DISPLAY_CHARACTERS: usize = 128;

/// Whether somebody whom the directory lets in may come in here.
pub(super) enum Followed {
    Admitted(User),
    /// With whose row it is, if there is one.
    Refused(Option<User>, &'static str),
}

impl Identity {
    /// Follows what the directory said of a person just now. `new_id`: of the row, if there is none yet.
    pub(super) fn follow(
        &self,
        tx: &mut Tx<'_>,
        endings: &mut Endings,
        person: &Person,
        new_id: &str,
    ) -> Result<Followed, Error> {
        let known = users::find_by_directory_id(tx, person.id.as_str())?;
        let Some(name) = Username::parse(&person.name) else {
            return self.refuse_known(tx, endings, known, "bad_name");
        };
        let groups = names(person);
        let mapped = mapping::map(&mapping::rules(tx, &self.directory_settings.map)?, &groups);
        let role = match known.as_ref().filter(|user| user.role_source == Origin::Assigned) {
            Some(assigned) => Ok(assigned.role),
            None => mapped.role,
        };
        let role = match role {
            Ok(role) => role,
            Err(none) => {
                if let Some(user) = &known {
                    self.follow_groups(tx, user, &groups, &mapped)?;
                }
                return self.refuse_known(tx, endings, known, none.reason());
            }
        };
        if !take_name(tx, known.as_ref(), &name)? {
            return self.refuse_known(tx, endings, known, "name_taken");
        }
        let user = match known {
            Some(user) => self.follow_row(tx, endings, user, person, &name, role)?,
            None => self.first_time(tx, person, &name, role, new_id)?,
        };
        self.follow_groups(tx, &user, &groups, &mapped)?;
        if user.disabled {
            return Ok(Followed::Refused(Some(user), "disabled"));
        }
        Ok(Followed::Admitted(user))
    }

    /// Notes that the directory refuses somebody, and ends their sessions.
    pub(super) fn refuse_by_directory(
        &self,
        tx: &mut Tx<'_>,
        endings: &mut Endings,
        user: &User,
        reason: &'static str,
    ) -> Result<(), Error> {
        if user.directory_state.as_deref() != Some(reason) {
            tx.audit(records::refused_by_directory(user, reason))?;
        }
        let now = tx.now_us();
        users::update_directory_state(tx, &user.id, Some(reason), now)?;
        endings.end_all(tx, &user.id, |session| records::session_refused(session, reason))?;
        Ok(())
    }

    fn refuse_known(
        &self,
        tx: &mut Tx<'_>,
        endings: &mut Endings,
        known: Option<User>,
        reason: &'static str,
    ) -> Result<Followed, Error> {
        if let Some(user) = &known {
            self.refuse_by_directory(tx, endings, user, reason)?;
        }
        Ok(Followed::Refused(known, reason))
    }

    fn first_time(
        &self,
        tx: &mut Tx<'_>,
        person: &Person,
        name: &Username,
        role: Role,
        id: &str,
    ) -> Result<User, Error> {
        let user = User {
            id: id.to_owned(),
            name: name.as_str().to_owned(),
            role,
            password_hash: String::new(),
            disabled: false,
            created_at: tx.now_us(),
            display_name: shown(&person.display_name),
            source: Source::Directory,
            role_source: Origin::Directory,
            directory_id: Some(person.id.as_str().to_owned()),
            directory_state: None,
            checked_at: Some(tx.now_us()),
        };
        users::insert(tx, &user)?;
        tx.audit(records::user_of_directory(&user))?;
        Ok(user)
    }

    fn follow_row(
        &self,
        tx: &mut Tx<'_>,
        endings: &mut Endings,
        user: User,
        person: &Person,
        name: &Username,
        role: Role,
    ) -> Result<User, Error> {
        if user.name != name.as_str() {
            users::update_name(tx, &user.id, name.as_str())?;
            tx.audit(records::user_renamed(&user, name.as_str()))?;
        }
        let display_name = shown(&person.display_name);
        if user.display_name != display_name {
            users::update_display_name(tx, &user.id, &display_name)?;
        }
        if user.role != role {
            users::update_role(tx, &user.id, role, Origin::Directory)?;
            tx.audit(records::role_followed(&user, role))?;
            endings.end_all(tx, &user.id, |session| records::session_refused(session, "role"))?;
        }
        if user.directory_state.is_some() {
            tx.audit(records::admitted_by_directory(&user))?;
        }
        let now = tx.now_us();
        users::update_directory_state(tx, &user.id, None, now)?;
        users::find(tx, &user.id)?.ok_or(Error::NoSuchPerson)
    }

    fn follow_groups(
        &self,
        tx: &mut Tx<'_>,
        user: &User,
        groups: &BTreeSet<String>,
        mapped: &Mapped,
    ) -> Result<(), Error> {
        directory_groups::replace(tx, &user.id, groups)?;
        let ids = mapped.groups.keys().cloned().collect();
        let change = directory_groups::replace_memberships(tx, &user.id, &ids)?;
        if !change.is_empty() {
            tx.audit(records::groups_followed(user, &change))?;
        }
        Ok(())
    }

    /// Applies the rules again to what the directory said last, because a rule came or went.
    pub(super) fn reapply(&self, tx: &mut Tx<'_>, endings: &mut Endings, user: &User) -> Result<(), Error> {
        let groups = directory_groups::list(tx, &user.id)?;
        let mapped = mapping::map(&mapping::rules(tx, &self.directory_settings.map)?, &groups);
        self.follow_groups(tx, user, &groups, &mapped)?;
        if user.role_source == Origin::Assigned {
            return Ok(());
        }
        match mapped.role {
            Err(none) => self.refuse_by_directory(tx, endings, user, none.reason()),
            Ok(role) if role == user.role => Ok(()),
            Ok(role) => {
                users::update_role(tx, &user.id, role, Origin::Directory)?;
                tx.audit(records::role_followed(user, role))?;
                endings.end_all(tx, &user.id, |session| records::session_refused(session, "role"))?;
                Ok(())
            }
        }
    }
}

/// Whether this person may have the name. One of the directory who had it before, and whose own name is not known yet, gives
/// it up; a local account never does.
fn take_name(tx: &mut Tx<'_>, known: Option<&User>, name: &Username) -> Result<bool, Error> {
    let Some(other) = users::find_by_name(tx, name.as_str())? else { return Ok(true) };
    if known.is_some_and(|user| user.id == other.id) {
        return Ok(true);
    }
    if other.source == Source::Local {
        return Ok(false);
    }
    // At the next look at them they get the name that is theirs.
    let given_up = format!("{}~~{}", other.name, other.id);
    users::update_name(tx, &other.id, &given_up)?;
    tx.audit(records::user_renamed(&other, &given_up))?;
    Ok(true)
}

/// A directory's text as one line to show.
fn shown(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).take(MAX_DISPLAY_CHARACTERS).collect()
}
