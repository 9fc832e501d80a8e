//! Records of what followed from the directory's word about its people. The appliance itself acts.

use redoubt_audit::catalogue as event;
use redoubt_audit::{Actor, Draft, Event, Object, Outcome};
use redoubt_store::directory_groups::Change;
use redoubt_store::sessions::Session;
use redoubt_store::users::{Role, User};

use super::user_object;
use crate::clock::rfc3339;
use crate::identity::{By, Given, Rule};

fn on_user(event: Event, outcome: Outcome, user: &User) -> Draft {
    Draft::new(event, outcome, Actor::system()).object(user_object(user)).data("user", user.name.clone())
}

/// The first sign-in of somebody of the directory.
pub fn user_of_directory(user: &User) -> Draft {
    on_user(event::USER_CREATE, Outcome::Ok, user).data("role", user.role.as_str()).reason("directory")
}

pub fn user_renamed(user: &User, to: &str) -> Draft {
    on_user(event::USER_RENAME, Outcome::Ok, user).data("from", user.name.clone()).data("to", to)
}

pub fn role_followed(user: &User, to: Role) -> Draft {
    on_user(event::USER_ROLE, Outcome::Ok, user)
        .data("from", user.role.as_str())
        .data("to", to.as_str())
        .reason("directory")
}

pub fn groups_followed(user: &User, change: &Change) -> Draft {
    on_user(event::USER_GROUPS, Outcome::Ok, user)
        .data("added", change.added.clone())
        .data("removed", change.removed.clone())
}

pub fn refused_by_directory(user: &User, reason: &'static str) -> Draft {
    on_user(event::USER_DIRECTORY, Outcome::Deny, user).reason(reason)
}

pub fn admitted_by_directory(user: &User) -> Draft {
    on_user(event::USER_DIRECTORY, Outcome::Ok, user)
}

/// `reason`: that of [`refused_by_directory`], or `role`.
pub fn session_refused(session: &Session, reason: &'static str) -> Draft {
    Draft::new(event::SESSION_REVOKED, Outcome::Ok, Actor::system())
        .object(Object::new("session", session.id.clone()).owned_by(session.user_id.clone()))
        .reason(reason)
}

pub fn directory_away(since_us: i64) -> Draft {
    Draft::new(event::DIRECTORY_AWAY, Outcome::Error, Actor::system()).data("since", rfc3339(since_us))
}

pub fn directory_back() -> Draft {
    Draft::new(event::DIRECTORY_BACK, Outcome::Ok, Actor::system())
}

pub fn directory_tested(by: &By, ok: bool) -> Draft {
    by.draft(event::DIRECTORY_TEST, if ok { Outcome::Ok } else { Outcome::Error })
}

pub fn mapping_changed(by: &By, rule: &Rule, created: bool) -> Draft {
    let event = if created { event::MAPPING_CREATE } else { event::MAPPING_DELETE };
    let draft = by
        .draft(event, Outcome::Ok)
        .object(Object::new("mapping", rule.id.clone()))
        .data("group", rule.directory_group.clone());
    match &rule.gives {
        Given::Role(role) => draft.data("role", role.as_str()),
        Given::Group { id, .. } => draft.data("to", id.clone()),
        Given::NoSuchGroup { name } => draft.data("to", name.clone()),
    }
}
