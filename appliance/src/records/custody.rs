//! Records of what is kept and what goes: legal holds, retention, archives and purges.

use redoubt_audit::catalogue as event;
use redoubt_audit::{Actor, Draft, Event, Object, Outcome};
use redoubt_store::archives::Archive;
use redoubt_store::chats::Chat;
use redoubt_store::holds::Hold;
use redoubt_store::purges::Purge;

use super::chat_object;
use crate::identity::{Admin, Auditor, By, Caller, RoleSet};
use crate::retention::Run;

/// By which a chat was read.
pub const READING: [Event; 2] = [event::CHAT_OPEN, event::CHAT_EXPORT];

fn by<R: RoleSet>(event: Event, caller: &Caller<R>) -> Draft {
    caller.via.stamp(Draft::new(event, Outcome::Ok, caller.actor()))
}

// Holds. Why is in the store alone.

fn on_hold(event: Event, auditor: &Caller<Auditor>, hold: &Hold) -> Draft {
    by(event, auditor)
        .object(Object::new("hold", hold.id.clone()))
        .data("kind", hold.kind.as_str())
        .data("target", hold.target.clone())
}

pub fn hold_placed(auditor: &Caller<Auditor>, hold: &Hold) -> Draft {
    on_hold(event::HOLD_PLACE, auditor, hold)
}

pub fn hold_lifted(auditor: &Caller<Auditor>, hold: &Hold) -> Draft {
    on_hold(event::HOLD_LIFT, auditor, hold)
}

// Retention.

pub fn retention_ran(by: &By, run: &Run) -> Draft {
    by.draft(event::RETENTION_RUN, Outcome::Ok)
        .object(Object::new("workspace", run.workspace.id.clone()))
        .data("deleted", run.deleted)
        .data("archived", run.archived)
        .data("held", run.held)
        .data("failed", run.failed)
}

pub fn chat_deleted(by: &By, chat: &Chat, messages: usize) -> Draft {
    by.draft(event::CHAT_DELETE, Outcome::Ok)
        .reason("retention")
        .object(chat_object(chat))
        .data("messages", messages)
}

fn on_archive(event: Event, by: &By, archive: &Archive) -> Draft {
    by.draft(event, Outcome::Ok)
        .object(Object::new("chat", archive.chat_id.clone()).owned_by(archive.owner.clone()))
        .data("file", archive.file.clone())
        .data("sha256", archive.sha256.clone())
        .data("messages", archive.messages)
}

pub fn chat_archived(by: &By, archive: &Archive) -> Draft {
    on_archive(event::CHAT_ARCHIVE, by, archive).reason("retention")
}

pub fn chat_restored(by: &By, archive: &Archive) -> Draft {
    on_archive(event::CHAT_RESTORE, by, archive)
}

// Purges.

fn on_purge(draft: Draft, purge: &Purge) -> Draft {
    draft
        .object(Object::new("chat", purge.chat_id.clone()).owned_by(purge.owner.clone()))
        .data("purge", purge.id.clone())
}

pub fn purge_asked(admin: &Caller<Admin>, purge: &Purge) -> Draft {
    on_purge(by(event::PURGE_ASK, admin), purge)
}

pub fn purge_approved(auditor: &Caller<Auditor>, purge: &Purge) -> Draft {
    on_purge(by(event::PURGE_APPROVE, auditor), purge)
}

pub fn purge_refused(auditor: &Caller<Auditor>, purge: &Purge) -> Draft {
    on_purge(by(event::PURGE_REFUSE, auditor), purge)
}

/// Its rows, or its archive, went with the agreement.
pub fn chat_purged(auditor: &Caller<Auditor>, purge: &Purge) -> Draft {
    on_purge(by(event::CHAT_DELETE, auditor), purge).reason("purge").data("messages", purge.messages)
}

pub fn purge_done(purge: &Purge) -> Draft {
    on_purge(Draft::new(event::PURGE_DONE, Outcome::Ok, Actor::system()), purge)
}

pub fn purge_stated(auditor: &Caller<Auditor>, purge: &Purge) -> Draft {
    on_purge(by(event::PURGE_STATEMENT, auditor), purge)
}
