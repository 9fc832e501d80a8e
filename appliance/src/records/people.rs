//! Records of what an admin, or the console, does with people.

use redoubt_audit::catalogue as event;
use redoubt_audit::{Draft, Event, Object, Outcome};
use redoubt_store::sessions::Session;
use redoubt_store::users::{Role, User};

use super::user_object;
use crate::identity::By;

fn on_user(event: Event, by: &By, user: &User) -> Draft {
    by.draft(event, Outcome::Ok).object(user_object(user))
}

pub fn user_created(by: &By, user: &User) -> Draft {
    on_user(event::USER_CREATE, by, user).data("role", user.role.as_str())
}

pub fn user_updated(by: &By, user: &User) -> Draft {
    on_user(event::USER_UPDATE, by, user)
}

pub fn role_changed(by: &By, user: &User, to: Role) -> Draft {
    on_user(event::USER_ROLE, by, user).data("from", user.role.as_str()).data("to", to.as_str())
}

pub fn disabled_changed(by: &By, user: &User, disabled: bool) -> Draft {
    on_user(if disabled { event::USER_DISABLE } else { event::USER_ENABLE }, by, user)
}

pub fn password_replaced(by: &By, user: &User) -> Draft {
    on_user(event::USER_PASSWORD, by, user)
}

pub fn person_unlocked(by: &By, user: &User) -> Draft {
    on_user(event::USER_UNLOCK, by, user)
}

pub fn totp_reset(by: &By, user: &User) -> Draft {
    on_user(event::TOTP_RESET, by, user)
}

/// `reason`: `admin`, `role`, `disabled`, `password` or `totp_reset`.
pub fn session_revoked(by: &By, session: &Session, reason: &'static str) -> Draft {
    by.draft(event::SESSION_REVOKED, Outcome::Ok)
        .object(Object::new("session", session.id.clone()).owned_by(session.user_id.clone()))
        .reason(reason)
}

pub fn people_read(by: &By, shown: usize) -> Draft {
    by.draft(event::PEOPLE_READ, Outcome::Ok).data("shown", shown)
}
