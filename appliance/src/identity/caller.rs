//! Authorisation as a type: a handler that takes `Caller<Analyst>` cannot be reached by anybody else, and one that takes
//! `Proven<Admin>` only by an admin who gave password and code a moment ago.

use std::marker::PhantomData;

use redoubt_audit::{Actor, Draft};
use redoubt_store::Tx;
use redoubt_store::users::{Role, User};

use super::session::SignedInSession;
use crate::access::{NotConfirmed, Standing, Way};
use crate::records::Via;

/// A set of roles, named by a type.
pub trait RoleSet: 'static {
    const ROLES: &'static [Role];
}

macro_rules! role_sets {
    ($($(#[$doc:meta])* $name:ident = [$($role:ident),+];)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $name;
        impl RoleSet for $name {
            const ROLES: &'static [Role] = &[$(Role::$role),+];
        }
    )+};
}

role_sets! {
    /// Chats; sees only what is their own.
    Analyst = [Analyst];
    /// Runs the appliance; sees no chat and no audit record.
    Admin = [Admin];
    /// Reads and exports the audit log; sees no chat.
    Auditor = [Auditor];
    /// Whoever is signed in completely.
    Anyone = [Analyst, Admin, Auditor];
}

/// Somebody who is signed in completely and has one of the roles in `R`.
///
/// **Invariant:** made only by [`Caller::admit`], so having one is the proof.
#[derive(Clone, Debug)]
pub struct Caller<R> {
    pub user: User,
    pub session: SignedInSession,
    pub via: Via,
    role: PhantomData<R>,
}

impl<R: RoleSet> Caller<R> {
    /// `None` if the person's role is not in the set.
    pub fn admit(user: User, session: SignedInSession, via: Via) -> Option<Self> {
        R::ROLES.contains(&user.role).then_some(Self { user, session, via, role: PhantomData })
    }

    pub fn id(&self) -> &str {
        &self.user.id
    }

    /// The workspace that the session sees; `None` until one is chosen.
    pub fn workspace(&self) -> Option<&str> {
        self.session.workspace.as_deref()
    }

    /// The caller as audit records name them.
    pub fn actor(&self) -> Actor {
        crate::records::actor(&self.user, Some(&self.session.token_hash))
    }

    /// By what they may do what they do.
    pub fn standing(&self) -> Standing {
        Standing {
            user_id: self.user.id.clone(),
            role: self.user.role,
            way: Way::Session(self.session.id.clone()),
            workspace: None,
            model: None,
        }
    }

    /// First in every transaction that writes for them: whoever lost session, account or role since their request began
    /// writes nothing.
    ///
    /// # Errors
    /// [`NotConfirmed`]
    pub fn confirm(&self, tx: &Tx<'_>) -> Result<(), NotConfirmed> {
        self.standing().confirm(tx)
    }
}

/// A caller who gave password and code in this session a short time ago.
///
/// **Invariant:** made only by [`super::Identity::require_proof`].
#[derive(Clone, Debug)]
pub struct Proven<R>(Caller<R>);

impl<R> Proven<R> {
    pub(super) fn new(caller: Caller<R>) -> Self {
        Self(caller)
    }
}

impl<R> std::ops::Deref for Proven<R> {
    type Target = Caller<R>;

    fn deref(&self) -> &Caller<R> {
        &self.0
    }
}

/// Whose session it is, be it locked or not: for signing out and unlocking, and nothing else.
#[derive(Clone, Debug)]
pub struct SessionHolder {
    pub user: User,
    pub session: SignedInSession,
    pub via: Via,
}

impl SessionHolder {
    /// As audit records name them.
    pub fn actor(&self) -> Actor {
        crate::records::actor(&self.user, Some(&self.session.token_hash))
    }
}

impl<R: RoleSet> From<&Caller<R>> for SessionHolder {
    fn from(caller: &Caller<R>) -> Self {
        Self { user: caller.user.clone(), session: caller.session.clone(), via: caller.via.clone() }
    }
}

/// Who does an admin's work: a signed-in admin, or root on the console.
#[derive(Clone, Debug)]
pub struct By {
    actor: Actor,
    via: Option<Via>,
    /// `None` for the console.
    standing: Option<Standing>,
}

impl By {
    /// Root, or the service's own user, by the command line.
    pub fn console() -> Self {
        Self { actor: Actor::console(), via: None, standing: None }
    }

    /// The appliance, by what was configured.
    pub fn appliance() -> Self {
        Self { actor: Actor::system(), via: None, standing: None }
    }

    /// The admin's own id; `None` for the console.
    pub fn user_id(&self) -> Option<&str> {
        self.actor.uid.as_deref()
    }

    /// The admin's name, or the console.
    pub fn name(&self) -> &str {
        self.actor.name.as_deref().unwrap_or("console")
    }

    /// First in every transaction of an admin's work: [`Caller::confirm`].
    ///
    /// # Errors
    /// [`NotConfirmed`]
    pub fn confirm(&self, tx: &Tx<'_>) -> Result<(), NotConfirmed> {
        self.standing.as_ref().map_or(Ok(()), |standing| standing.confirm(tx))
    }

    /// A record of this event with who did it and by which request.
    pub fn draft(&self, event: redoubt_audit::Event, outcome: redoubt_audit::Outcome) -> Draft {
        let draft = Draft::new(event, outcome, self.actor.clone());
        self.via.iter().fold(draft, |draft, via| via.stamp(draft))
    }
}

impl<R: RoleSet> From<&Caller<R>> for By {
    fn from(caller: &Caller<R>) -> Self {
        Self { actor: caller.actor(), via: Some(caller.via.clone()), standing: Some(caller.standing()) }
    }
}

/// An admin who is signed in, or the console.
///
/// **Invariant:** made only from a [`Caller`] with that role, and for connections of `control.sock`.
#[derive(Clone, Debug)]
pub struct Administrator(By);

/// An auditor who is signed in and gave a proof, or the console.
///
/// **Invariant:** as [`Administrator`].
#[derive(Clone, Debug)]
pub struct ProvenAuditor(By);

impl ProvenAuditor {
    pub fn console() -> Self {
        Self(By::console())
    }

    pub fn by(&self) -> &By {
        &self.0
    }
}

impl From<Proven<Auditor>> for ProvenAuditor {
    fn from(caller: Proven<Auditor>) -> Self {
        Self(By::from(&*caller))
    }
}

/// Root, or the service's own user, on the machine itself.
///
/// **Invariant:** made for connections of `control.sock` only.
#[derive(Clone, Debug)]
pub struct Console(By);

impl Console {
    pub fn here() -> Self {
        Self(By::console())
    }

    pub fn by(&self) -> &By {
        &self.0
    }
}

/// An [`Administrator`] after a proof ([`Proven`]); the console needs none.
#[derive(Clone, Debug)]
pub struct ProvenAdministrator(By);

impl Administrator {
    pub fn console() -> Self {
        Self(By::console())
    }

    pub fn by(&self) -> &By {
        &self.0
    }
}

impl ProvenAdministrator {
    pub fn console() -> Self {
        Self(By::console())
    }

    pub fn by(&self) -> &By {
        &self.0
    }
}

impl From<Caller<Admin>> for Administrator {
    fn from(caller: Caller<Admin>) -> Self {
        Self(By::from(&caller))
    }
}

impl From<Proven<Admin>> for ProvenAdministrator {
    fn from(caller: Proven<Admin>) -> Self {
        Self(By::from(&*caller))
    }
}
