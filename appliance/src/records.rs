//! The audit records of this package: each event is built in one place, here, from what happened.
//!
//! **Invariant:** no content. No prompt, answer, title, file name or query goes into a record; what must be
//! provable later goes in as a digest salted with the chat's own salt, which dies with the chat.

mod audit_log;
pub mod custody;
mod directory;
mod lockdown;
mod people;
pub mod rights;
mod sessions;
mod slots;

use redoubt_audit::catalogue as event;
use redoubt_audit::{Actor, Draft, Event, ModelRef, Object, Outcome, Source};
use redoubt_store::Version;
use redoubt_store::api_keys::ApiKey;
use redoubt_store::chats::Chat;
use redoubt_store::messages::{Finish, Message, Status};
use redoubt_store::sessions::Session;
use redoubt_store::users::User;
use ring::hmac;

pub use audit_log::*;
pub use directory::*;
pub use lockdown::*;
pub use people::*;
pub use sessions::*;
pub use slots::*;

use crate::access::Lapse;
use crate::identity::{Analyst, ApiCaller, By, Caller, First, SignedInSession};
use crate::models::Manifest;
use crate::models::import::Imported;
use crate::versions::Left;

/// What an unauthenticated name may take of a record.
const MAX_TYPED_NAME: usize = 128;

/// The request that an action came by: every record of it carries this.
#[derive(Clone, Debug)]
pub struct Via {
    pub request: String,
    pub source: Source,
    /// The user agent as sent, cut; for the person's own list of sessions, not for records.
    pub agent: String,
    /// The name that was typed, where nobody is signed in yet.
    pub typed_name: Option<String>,
}

impl Via {
    pub(crate) fn stamp(&self, draft: Draft) -> Draft {
        draft.request(self.request.clone()).source(self.source.clone())
    }

    /// Somebody without a session, under the name that they typed.
    fn nobody(&self) -> Actor {
        let cut = |name: &String| name.chars().filter(|c| !c.is_control()).take(MAX_TYPED_NAME).collect();
        Actor::nobody(self.typed_name.as_ref().map(cut))
    }
}

/// A person as records name them: the session by the first half of its token's hash, never the token.
pub fn actor(user: &User, token_hash: Option<&[u8; 32]>) -> Actor {
    Actor {
        uid: Some(user.id.clone()),
        name: Some(user.name.clone()),
        roles: vec![user.role.as_str().to_owned()],
        session: token_hash.map(short),
    }
}

fn short(token_hash: &[u8; 32]) -> String {
    data_encoding::HEXLOWER.encode(token_hash.split_at(16).0)
}

pub fn model(manifest: &Manifest) -> ModelRef {
    ModelRef { id: manifest.id.clone(), sha256: manifest.sha256.clone() }
}

fn user_object(user: &User) -> Object {
    Object::new("user", user.id.clone())
}

pub(crate) fn chat_object(chat: &Chat) -> Object {
    Object::new("chat", chat.id.clone()).owned_by(chat.owner.clone())
}

// Sign-in.

fn sign_in(event: Event, outcome: Outcome, user: Option<&User>, via: &Via) -> Draft {
    let actor = user.map_or_else(|| via.nobody(), |user| actor(user, None));
    via.stamp(Draft::new(event, outcome, actor))
}

fn first_step(first: &First, outcome: Outcome, user: Option<&User>, via: &Via) -> Draft {
    match first {
        First::Password => sign_in(event::LOGIN_PASSWORD, outcome, user, via),
        First::Certificate { shown, serial } => sign_in(event::LOGIN_CERTIFICATE, outcome, user, via)
            .data("certificate_sha256", shown.sha256())
            .data("serial", serial.as_str()),
    }
}

pub fn first_accepted(first: &First, user: &User, notice_sha256: Option<&str>, via: &Via) -> Draft {
    let draft = first_step(first, Outcome::Ok, Some(user), via);
    match notice_sha256 {
        // What the person accepted before they were let in (AC-8).
        Some(sha256) => draft.data("notice_sha256", sha256),
        None => draft,
    }
}

/// `user`: whose name it was, if anybody's.
pub fn first_refused(first: &First, user: Option<&User>, reason: &'static str, via: &Via) -> Draft {
    first_step(first, Outcome::Deny, user, via).reason(reason)
}

/// A certificate that does not count, so that nothing in it is believed.
pub fn certificate_refused(sha256: &str, reason: &'static str, via: &Via) -> Draft {
    sign_in(event::LOGIN_CERTIFICATE, Outcome::Deny, None, via)
        .reason(reason)
        .data("certificate_sha256", sha256)
}

pub fn account_locked(user: Option<&User>, via: &Via) -> Draft {
    sign_in(event::LOGIN_LOCKOUT, Outcome::Ok, user, via)
}

pub fn code_accepted(user: &User, session: &Session, recovery: bool, via: &Via) -> Draft {
    let event = if recovery { event::LOGIN_RECOVERY_CODE } else { event::LOGIN_TOTP };
    via.stamp(Draft::new(event, Outcome::Ok, actor(user, Some(&session.token_hash))))
        .object(Object::new("session", session.id.clone()).owned_by(user.id.clone()))
}

pub fn code_refused(user: &User, reason: &'static str, via: &Via) -> Draft {
    sign_in(event::LOGIN_TOTP, Outcome::Deny, Some(user), via).reason(reason)
}

pub fn enrolled(user: &User, session: &Session, via: &Via) -> Draft {
    let actor = actor(user, Some(&session.token_hash));
    via.stamp(Draft::new(event::TOTP_ENROL, Outcome::Ok, actor)).object(user_object(user))
}

/// A sign-out, or the end of another of one's own sessions.
pub fn session_ended(user: &User, present: &SignedInSession, ended: &Session, via: &Via) -> Draft {
    let event = if present.id == ended.id { event::LOGOUT } else { event::SESSION_REVOKED };
    via.stamp(Draft::new(event, Outcome::Ok, actor(user, Some(&present.token_hash))))
        .object(Object::new("session", ended.id.clone()).owned_by(user.id.clone()))
}

// Accounts.

pub fn enrolled_by_console(user: &User) -> Draft {
    Draft::new(event::TOTP_ENROL, Outcome::Ok, Actor::console()).object(user_object(user))
}

pub fn api_key_created(user: &User, key: &ApiKey) -> Draft {
    Draft::new(event::APIKEY_CREATE, Outcome::Ok, Actor::console())
        .object(Object::new("apikey", key.id.clone()).owned_by(user.id.clone()))
}

// Refusals.

/// More attempts to sign in than `limit` within a minute.
pub fn attempts_limited(limit: u32, via: &Via) -> Draft {
    sign_in(event::LOGIN_RATE_LIMIT, Outcome::Deny, None, via).reason("attempts").data("limit", limit)
}

/// More connections at once than `limit`.
pub fn connections_limited(ip: &str, limit: usize) -> Draft {
    Draft::new(event::LOGIN_RATE_LIMIT, Outcome::Deny, Actor::system())
        .reason("connections")
        .data("ip", ip)
        .data("limit", limit)
}

/// A request refused for want of a session, a key or a right. `route` is the pattern, never the address.
pub fn refused(who: Option<&Actor>, reason: &'static str, method: &str, route: &str, via: &Via) -> Draft {
    let actor = who.cloned().unwrap_or_else(|| via.nobody());
    via.stamp(Draft::new(event::AUTHORISATION_REFUSED, Outcome::Deny, actor))
        .reason(reason)
        .data("route", format!("{method} {route}"))
}

/// Refusals of one source beyond those recorded singly.
pub fn refusals_counted(ip: &str, count: u64) -> Draft {
    Draft::new(event::REFUSALS_SUMMARY, Outcome::Deny, Actor::system()).data("ip", ip).data("count", count)
}

// Chats.

fn on_chat(event: Event, caller: &Caller<Analyst>, chat: &Chat) -> Draft {
    caller.via.stamp(Draft::new(event, Outcome::Ok, caller.actor())).object(chat_object(chat))
}

pub fn chat_created(caller: &Caller<Analyst>, chat: &Chat) -> Draft {
    on_chat(event::CHAT_CREATE, caller, chat)
}

pub fn chat_opened(caller: &Caller<Analyst>, chat: &Chat) -> Draft {
    on_chat(event::CHAT_OPEN, caller, chat)
}

pub fn chat_updated(caller: &Caller<Analyst>, chat: &Chat, title: bool, head: bool) -> Draft {
    let fields = [(title, "title"), (head, "head")];
    let changed: Vec<String> =
        fields.iter().filter(|(is, _)| *is).map(|(_, name)| (*name).to_owned()).collect();
    on_chat(event::CHAT_UPDATE, caller, chat).data("fields", changed)
}

pub fn chat_deleted(caller: &Caller<Analyst>, chat: &Chat, messages: usize) -> Draft {
    on_chat(event::CHAT_DELETE, caller, chat).data("messages", messages)
}

pub fn chat_exported(caller: &Caller<Analyst>, chat: &Chat, format: &'static str) -> Draft {
    on_chat(event::CHAT_EXPORT, caller, chat).data("format", format)
}

pub fn chats_searched(caller: &Caller<Analyst>, hits: usize) -> Draft {
    caller.via.stamp(Draft::new(event::CHAT_SEARCH, Outcome::Ok, caller.actor())).data("hits", hits)
}

pub fn message_created(caller: &Caller<Analyst>, chat: &Chat, message: &Message) -> Draft {
    let object = Object::new("message", message.id.clone()).owned_by(chat.owner.clone());
    on_chat(event::MESSAGE_CREATE, caller, chat)
        .object(object)
        .data("chat", chat.id.clone())
        .data("content_hmac", content_digest(chat, &message.content))
}

pub fn inference_started(caller: &Caller<Analyst>, chat: &Chat, answer: &Message, model: &ModelRef) -> Draft {
    on_answer(event::INFERENCE_START, caller, chat, &answer.id, model)
}

/// `lapse`: what its person lost while it was written, where that ended it.
pub fn inference_ended(
    caller: &Caller<Analyst>,
    chat: &Chat,
    answer_id: &str,
    model: &ModelRef,
    finish: &Finish,
    lapse: Option<Lapse>,
) -> Draft {
    let draft = on_answer(event::INFERENCE_END, caller, chat, answer_id, model)
        .data("status", finish.status.as_str())
        .data("prompt_tokens", finish.prompt_tokens.unwrap_or_default())
        .data("completion_tokens", finish.completion_tokens.unwrap_or_default())
        .data("elapsed_ms", finish.elapsed_ms.unwrap_or_default())
        .data("content_hmac", content_digest(chat, &finish.content));
    match lapse {
        Some(lapse) => draft.reason(lapse.as_str()),
        None if finish.status == Status::Failed => draft.reason("engine_failed"),
        None => draft,
    }
}

fn on_answer(
    event: Event,
    caller: &Caller<Analyst>,
    chat: &Chat,
    answer_id: &str,
    model: &ModelRef,
) -> Draft {
    on_chat(event, caller, chat)
        .object(Object::new("message", answer_id).owned_by(chat.owner.clone()))
        .data("chat", chat.id.clone())
        .model(model.clone())
}

/// HMAC-SHA-256 of a message under its chat's salt: proves the content to whoever has both, and nothing to
/// anybody once the chat, and the salt with it, is deleted.
fn content_digest(chat: &Chat, content: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &chat.salt);
    data_encoding::HEXLOWER.encode(hmac::sign(&key, content.as_bytes()).as_ref())
}

/// An answer that the last process left unfinished, closed at the next start.
pub fn answer_recovered(message: &Message, owner: &str) -> Draft {
    Draft::new(event::RECOVERY, Outcome::Error, Actor::system())
        .reason("interrupted")
        .object(Object::new("message", message.id.clone()).owned_by(owner))
        .data("chat", message.chat_id.clone())
}

// Programs.

pub fn completion_started(caller: &ApiCaller, id: &str, model: &ModelRef) -> Draft {
    on_request(event::INFERENCE_START, Outcome::Ok, caller, ("completion", id), model)
}

/// How a program's completion ended.
pub struct CompletionEnd<'a> {
    pub reason: &'static str,
    pub prompt_tokens: u32,
    pub completion_tokens: u32,
    pub completion_id: &'a str,
}

pub fn completion_ended(caller: &ApiCaller, model: &ModelRef, end: &CompletionEnd<'_>) -> Draft {
    let outcome = if end.reason == "error" { Outcome::Error } else { Outcome::Ok };
    on_request(event::INFERENCE_END, outcome, caller, ("completion", end.completion_id), model)
        .reason(end.reason)
        .data("prompt_tokens", end.prompt_tokens)
        .data("completion_tokens", end.completion_tokens)
}

pub fn embedding_started(caller: &ApiCaller, id: &str, model: &ModelRef, inputs: usize) -> Draft {
    on_request(event::INFERENCE_START, Outcome::Ok, caller, ("embedding", id), model).data("inputs", inputs)
}

/// How a program's request for embeddings ended.
pub struct EmbeddingEnd<'a> {
    pub reason: &'static str,
    pub prompt_tokens: u32,
    pub embedding_id: &'a str,
}

pub fn embedding_ended(caller: &ApiCaller, model: &ModelRef, end: &EmbeddingEnd<'_>) -> Draft {
    let outcome = if end.reason == "error" { Outcome::Error } else { Outcome::Ok };
    on_request(event::INFERENCE_END, outcome, caller, ("embedding", end.embedding_id), model)
        .reason(end.reason)
        .data("prompt_tokens", end.prompt_tokens)
}

/// A request of a program that a quota may stand in the way of.
pub fn key_request_refused(caller: &ApiCaller, model: &ModelRef) -> Draft {
    let object = Object::new("apikey", caller.key_id.clone()).owned_by(caller.user.id.clone());
    rights::request_refused(caller.actor(), &caller.via, object, model.clone())
}

/// `object`: what kind of request, and its id.
fn on_request(
    event: Event,
    outcome: Outcome,
    caller: &ApiCaller,
    object: (&'static str, &str),
    model: &ModelRef,
) -> Draft {
    caller
        .via
        .stamp(Draft::new(event, outcome, caller.actor()))
        .object(Object::new(object.0, object.1).owned_by(caller.user.id.clone()))
        .data("apikey", caller.key_id.clone())
        .model(model.clone())
}

// The appliance.

/// `from`: who wrote last, where that was noted.
pub fn version_changed(from: Option<Version>, to: Version) -> Draft {
    let event = match from {
        Some(from) if from > to => event::SYSTEM_DOWNGRADE,
        _ => event::SYSTEM_UPGRADE,
    };
    let draft = Draft::new(event, Outcome::Ok, Actor::system());
    let draft = from.into_iter().fold(draft, |draft, from| draft.data("from", from.to_string()));
    draft.data("to", to.to_string())
}

/// `present`: the last checkpoint of the data that are gone on with.
pub fn rolled_back(left: &Left, present: Option<&str>) -> Draft {
    let draft = Draft::new(event::SYSTEM_ROLLBACK, Outcome::Ok, Actor::console());
    let data =
        [("from", left.version.as_deref()), ("lost", left.checkpoint.as_deref()), ("present", present)];
    data.into_iter().fold(draft, |draft, (name, text)| match text {
        Some(text) => draft.data(name, text),
        None => draft,
    })
}

pub fn booted(lockdown: &str, model: &ModelRef, embedding: Option<&ModelRef>) -> Draft {
    let draft = Draft::new(event::SYSTEM_BOOT, Outcome::Ok, Actor::system())
        .data("lockdown", lockdown)
        .model(model.clone());
    match embedding {
        Some(model) => {
            draft.data("embedding", model.id.clone()).data("embedding_sha256", model.sha256.clone())
        }
        None => draft,
    }
}

/// `configuration`: [`crate::config::Config::sha256`].
pub fn configured(configuration: &str) -> Draft {
    Draft::new(event::SYSTEM_CONFIG, Outcome::Ok, Actor::system()).data("sha256", configuration)
}

/// `whole`: whether there was time to look at all of it.
pub fn store_checked(problems: usize, whole: bool) -> Draft {
    let outcome = if problems == 0 { Outcome::Ok } else { Outcome::Error };
    Draft::new(event::STORE_INTEGRITY, outcome, Actor::system())
        .data("problems", problems)
        .data("whole", whole)
}

pub fn stopped() -> Draft {
    Draft::new(event::SYSTEM_STOP, Outcome::Ok, Actor::system())
}

pub fn initialised() -> Draft {
    Draft::new(event::SYSTEM_INIT, Outcome::Ok, Actor::console())
}

pub fn backed_up(by: &By) -> Draft {
    by.draft(event::BACKUP_CREATE, Outcome::Ok)
}

pub fn model_imported(by: &By, imported: &Imported) -> Draft {
    by.draft(event::MODEL_IMPORT, Outcome::Ok)
        .object(Object::new("model", imported.id.clone()))
        .data("sha256", imported.sha256.clone())
        .data("size", imported.size)
        .data("licence", imported.licence.clone())
        .data("voucher", imported.voucher.clone())
}

/// `made`: when the backup was made, RFC 3339; `records`: how many it had.
pub fn restored(made: &str, records: u64, sessions: usize) -> Draft {
    Draft::new(event::BACKUP_RESTORE, Outcome::Ok, Actor::console())
        .data("made", made)
        .data("records", records)
        .data("sessions", sessions)
}

/// So many per cent of the store's space are taken.
pub fn space_reached(percent: u8) -> Draft {
    Draft::new(event::STORAGE_THRESHOLD, Outcome::Ok, Actor::system()).data("percent", u32::from(percent))
}

pub fn engine_restarted(model: &ModelRef) -> Draft {
    Draft::new(event::SYSTEM_ENGINE_RESTART, Outcome::Ok, Actor::system()).model(model.clone())
}
