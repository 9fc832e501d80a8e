//! Records of sessions: locked, opened again, proved, displaced.

use redoubt_audit::catalogue as event;
use redoubt_audit::{Actor, Draft, Event, Object, Outcome};
use redoubt_store::sessions::Session;
use redoubt_store::users::User;

use super::{Via, actor, short};
use crate::identity::{Anyone, Caller, Purpose, SessionHolder};

fn session_object(session: &Session) -> Object {
    Object::new("session", session.id.clone()).owned_by(session.user_id.clone())
}

fn own_object(holder: &SessionHolder) -> Object {
    Object::new("session", holder.session.id.clone()).owned_by(holder.user.id.clone())
}

/// `reason`: `idle`, `absolute`, `unfinished` or `refused`.
pub fn session_expired(user: &User, session: &Session, reason: &'static str) -> Draft {
    Draft::new(event::SESSION_EXPIRED, Outcome::Ok, Actor::system())
        .object(session_object(session))
        .data("user", user.name.clone())
        .reason(reason)
}

pub fn session_locked(caller: &Caller<Anyone>) -> Draft {
    let holder = SessionHolder::from(caller);
    caller
        .via
        .stamp(Draft::new(event::SESSION_LOCK, Outcome::Ok, caller.actor()))
        .object(own_object(&holder))
        .reason("person")
}

pub fn session_locked_unused(user: &User, session: &Session) -> Draft {
    Draft::new(event::SESSION_LOCK, Outcome::Ok, Actor::system())
        .object(session_object(session))
        .data("user", user.name.clone())
        .reason("idle")
}

fn again(purpose: Purpose) -> Event {
    match purpose {
        Purpose::Unlock => event::SESSION_UNLOCK,
        Purpose::Proof => event::SESSION_PROOF,
    }
}

pub fn reauthenticated(
    holder: &SessionHolder,
    purpose: Purpose,
    with_password: bool,
    new_hash: &[u8; 32],
) -> Draft {
    let draft = holder
        .via
        .stamp(Draft::new(again(purpose), Outcome::Ok, holder.actor()))
        .object(own_object(holder))
        .data("sess", short(new_hash));
    match purpose {
        Purpose::Unlock => draft.data("factor", if with_password { "password" } else { "code" }),
        Purpose::Proof => draft,
    }
}

pub fn reauthentication_refused(holder: &SessionHolder, purpose: Purpose, reason: &'static str) -> Draft {
    holder
        .via
        .stamp(Draft::new(again(purpose), Outcome::Deny, holder.actor()))
        .object(own_object(holder))
        .reason(reason)
}

/// The session in which the account was locked by failures.
pub fn session_locked_out(holder: &SessionHolder) -> Draft {
    holder
        .via
        .stamp(Draft::new(event::SESSION_REVOKED, Outcome::Ok, Actor::system()))
        .object(own_object(holder))
        .reason("locked_out")
}

/// A sign-in while there is a session from another address.
pub fn signed_in_elsewhere(user: &User, coming: &Session, others: usize, via: &Via) -> Draft {
    via.stamp(Draft::new(event::LOGIN_CONCURRENT, Outcome::Ok, actor(user, Some(&coming.token_hash))))
        .object(session_object(coming))
        .data("sessions", others)
}

/// A session that had to go because the person has as many as they may.
pub fn session_displaced(user: &User, coming: &Session, ended: &Session, via: &Via) -> Draft {
    via.stamp(Draft::new(event::SESSION_REVOKED, Outcome::Ok, actor(user, Some(&coming.token_hash))))
        .object(session_object(ended))
        .reason("too_many")
}

pub fn recovery_codes_issued(caller: &Caller<Anyone>, count: usize) -> Draft {
    caller
        .via
        .stamp(Draft::new(event::RECOVERY_CODES_ISSUE, Outcome::Ok, caller.actor()))
        .object(Object::new("user", caller.id()))
        .data("count", count)
}
