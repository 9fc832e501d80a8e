//! What an admin does with people: sees them, changes role and state, takes back authenticators, ends sessions.
//!
//! Each operation is one transaction with its record. What takes rights away ends all sessions of the person in the same one.

use redoubt_store::directory_groups::{self, Membership};
use redoubt_store::sessions::{self, Session, Stage};
use redoubt_store::users::{self, Origin, Role, Source, User};
use redoubt_store::{Page, Reader, Tx, lockouts, recovery_codes, totp as totp_rows};

use super::accounts::display_name;
use super::ending::Endings;
use super::lockout::LockoutKey;
use super::{By, Error, Identity};
use crate::records;

/// Whether a person can sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Active,
    /// By an admin.
    Disabled,
    /// For a while, after failures.
    Locked,
    RefusedByDirectory,
}

/// A person as an admin sees them.
#[derive(Clone, Debug)]
pub struct PersonView {
    pub user: User,
    /// Whether an authenticator is enrolled.
    pub enrolled: bool,
    pub groups: Vec<Membership>,
    /// When one of the open sessions was last used.
    pub last_seen_at: Option<i64>,
    pub locked_until: Option<i64>,
    /// Open sessions.
    pub sessions: usize,
}

/// What an admin may change of a person.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    pub role: Option<Role>,
    pub disabled: Option<bool>,
    pub display_name: Option<String>,
}

impl PersonView {
    pub(super) fn load(reader: &Reader, user: User) -> Result<Self, Error> {
        let open = sessions::list_by_user(reader, &user.id)?;
        let complete: Vec<&Session> = open.iter().filter(|session| session.stage == Stage::Full).collect();
        let totp = totp_rows::find(reader, &user.id)?;
        Ok(Self {
            enrolled: totp.is_some_and(|totp| totp.confirmed_at.is_some()),
            groups: directory_groups::memberships(reader, &user.id)?,
            last_seen_at: complete.iter().map(|session| session.last_seen_at).max(),
            locked_until: None,
            sessions: complete.len(),
            user,
        })
    }

    pub fn state(&self) -> State {
        if self.user.disabled {
            State::Disabled
        } else if self.user.directory_state.is_some() {
            State::RefusedByDirectory
        } else if self.locked_until.is_some() {
            State::Locked
        } else {
            State::Active
        }
    }
}

impl Identity {
    /// One page of the people whose name contains `query`, by name.
    pub async fn people(
        &self,
        by: &By,
        query: String,
        limit: usize,
        cursor: Option<String>,
    ) -> Result<Page<PersonView>, Error> {
        let (this, by) = (self.clone(), by.clone());
        self.store
            .write(move |tx| {
                by.confirm(tx)?;
                let page = users::search(tx, &query, limit, cursor.as_deref())?;
                tx.audit(records::people_read(&by, page.items.len()))?;
                let items = page.items.into_iter().map(|user| this.view(tx, user));
                Ok(Page { items: items.collect::<Result<_, Error>>()?, next: page.next })
            })
            .await
    }

    pub async fn person(&self, by: &By, id: &str) -> Result<PersonView, Error> {
        self.on_person(by, id, |this, tx, _, by, user| {
            tx.audit(records::people_read(by, 1))?;
            this.view(tx, user)
        })
        .await
    }

    /// Changes role, state or name to show; each change has its own record.
    ///
    /// # Errors
    /// [`Error::OwnAccount`], [`Error::LastAdmin`], [`Error::NoSuchPerson`].
    pub async fn change_person(&self, by: &By, id: &str, changes: Changes) -> Result<PersonView, Error> {
        let name = changes.display_name.as_deref().map(display_name).transpose()?;
        self.on_person(by, id, move |this, tx, endings, by, user| {
            if let Some(name) = name.filter(|name| *name != user.display_name) {
                users::update_display_name(tx, &user.id, &name)?;
                tx.audit(records::user_updated(by, &user))?;
            }
            if let Some(role) = changes.role.filter(|role| *role != user.role) {
                change_role(tx, endings, by, &user, role)?;
            }
            if let Some(disabled) = changes.disabled.filter(|disabled| *disabled != user.disabled) {
                change_disabled(tx, endings, by, &user, disabled)?;
            }
            let user = users::find(tx, &user.id)?.ok_or(Error::NoSuchPerson)?;
            this.view(tx, user)
        })
        .await
    }

    /// Gives a local person a generated password, which is returned once, and ends their sessions.
    ///
    /// # Errors
    /// [`Error::NotLocal`]
    pub async fn replace_password(&self, by: &By, id: &str) -> Result<String, Error> {
        let (password, hash) = self.new_password().await?;
        self.on_person(by, id, move |_, tx, endings, by, user| {
            if user.source != Source::Local {
                return Err(Error::NotLocal);
            }
            users::update_password(tx, &user.id, &hash)?;
            tx.audit(records::password_replaced(by, &user))?;
            endings.end_all(tx, &user.id, |session| records::session_revoked(by, session, "password"))?;
            Ok(())
        })
        .await?;
        Ok(password)
    }

    /// Forgets the failures of a person, the day's too.
    pub async fn unlock_person(&self, by: &By, id: &str) -> Result<(), Error> {
        self.on_person(by, id, |_, tx, _, by, user| {
            for key in LockoutKey::all_of(&user) {
                lockouts::delete(tx, key.as_str())?;
            }
            tx.audit(records::person_unlocked(by, &user))?;
            Ok(())
        })
        .await
    }

    /// Takes back authenticator and recovery codes: the next sign-in enrols again. All sessions end.
    pub async fn reset_totp(&self, by: &By, id: &str) -> Result<(), Error> {
        self.on_person(by, id, |_, tx, endings, by, user| {
            totp_rows::delete(tx, &user.id)?;
            recovery_codes::delete_by_user(tx, &user.id)?;
            tx.audit(records::totp_reset(by, &user))?;
            endings.end_all(tx, &user.id, |session| records::session_revoked(by, session, "totp_reset"))?;
            Ok(())
        })
        .await
    }

    /// A person's complete sessions, the one seen last first.
    pub async fn sessions_of(&self, by: &By, id: &str) -> Result<Vec<Session>, Error> {
        self.on_person(by, id, |_, tx, _, by, user| {
            let mut open = sessions::list_by_user(tx, &user.id)?;
            open.retain(|session| session.stage == Stage::Full);
            tx.audit(records::people_read(by, open.len()))?;
            Ok(open)
        })
        .await
    }

    pub async fn end_sessions_of(&self, by: &By, id: &str) -> Result<usize, Error> {
        self.on_person(by, id, |_, tx, endings, by, user| {
            endings.end_all(tx, &user.id, |session| records::session_revoked(by, session, "admin"))
        })
        .await
    }

    /// Everybody's complete sessions with whose they are, the one seen last first.
    pub async fn all_sessions(&self, by: &By) -> Result<Vec<(User, Session)>, Error> {
        let by = by.clone();
        self.store
            .write(move |tx| {
                by.confirm(tx)?;
                let mut found = Vec::new();
                for session in sessions::list(tx)?.into_iter().filter(|open| open.stage == Stage::Full) {
                    if let Some(user) = users::find(tx, &session.user_id)? {
                        found.push((user, session));
                    }
                }
                tx.audit(records::people_read(&by, found.len()))?;
                Ok(found)
            })
            .await
    }

    pub async fn end_any_session(&self, by: &By, id: &str) -> Result<(), Error> {
        let (by, id) = (by.clone(), id.to_owned());
        self.write_ending(move |tx, endings| {
            by.confirm(tx)?;
            let session = sessions::find(tx, &id)?.ok_or(Error::NoSuchSession)?;
            endings.end(tx, &session, records::session_revoked(&by, &session, "admin"))?;
            Ok(())
        })
        .await
    }

    /// One transaction about one person.
    async fn on_person<T: Send + 'static>(
        &self,
        by: &By,
        id: &str,
        job: impl FnOnce(&Self, &mut Tx<'_>, &mut Endings, &By, User) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (this, by, id) = (self.clone(), by.clone(), id.to_owned());
        self.write_ending(move |tx, endings| {
            by.confirm(tx)?;
            let user = users::find(tx, &id)?.ok_or(Error::NoSuchPerson)?;
            job(&this, tx, endings, &by, user)
        })
        .await
    }

    fn view(&self, tx: &Tx<'_>, user: User) -> Result<PersonView, Error> {
        let locked = self.locked_seconds(tx, &LockoutKey::of(&user.name))?;
        let mut view = PersonView::load(tx, user)?;
        view.locked_until = locked.map(|seconds| super::lockout::after(tx.now_us(), seconds));
        Ok(view)
    }
}

fn change_role(
    tx: &mut Tx<'_>,
    endings: &mut Endings,
    by: &By,
    user: &User,
    role: Role,
) -> Result<(), Error> {
    if by.user_id() == Some(user.id.as_str()) {
        return Err(Error::OwnAccount);
    }
    keep_an_admin(tx, user)?;
    users::update_role(tx, &user.id, role, Origin::Assigned)?;
    tx.audit(records::role_changed(by, user, role))?;
    endings.end_all(tx, &user.id, |session| records::session_revoked(by, session, "role"))?;
    Ok(())
}

fn change_disabled(
    tx: &mut Tx<'_>,
    endings: &mut Endings,
    by: &By,
    user: &User,
    disabled: bool,
) -> Result<(), Error> {
    if by.user_id() == Some(user.id.as_str()) {
        return Err(Error::OwnAccount);
    }
    if disabled {
        keep_an_admin(tx, user)?;
    }
    users::update_disabled(tx, &user.id, disabled)?;
    tx.audit(records::disabled_changed(by, user, disabled))?;
    endings.end_all(tx, &user.id, |session| records::session_revoked(by, session, "disabled"))?;
    Ok(())
}

/// Refuses to take the last admin who can sign in.
fn keep_an_admin(tx: &Tx<'_>, user: &User) -> Result<(), Error> {
    let last = user.role == Role::Admin && user.is_active() && users::count_other_admins(tx, &user.id)? == 0;
    if last { Err(Error::LastAdmin) } else { Ok(()) }
}
