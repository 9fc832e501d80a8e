//! What is done with the log itself.

use redoubt_audit::catalogue as event;
use redoubt_audit::{Actor, Draft, Outcome};

use crate::audit::root::Certified;
use crate::identity::{Auditor, By, Caller};

/// `what`: of the words that the catalogue has for it.
pub fn log_read(caller: &Caller<Auditor>, what: &'static str, shown: usize) -> Draft {
    let draft = Draft::new(event::AUDIT_READ, Outcome::Ok, caller.actor());
    caller.via.stamp(draft).data("what", what).data("shown", shown)
}

pub fn record_read(caller: &Caller<Auditor>, seq: u64) -> Draft {
    log_read(caller, "record", 1).data("seq", seq)
}

/// `to`: after the last record, where the records do not go to the end.
pub fn exported(by: &By, number: u64, from: u64, to: Option<u64>, nonce: Option<&str>) -> Draft {
    let draft = by.draft(event::AUDIT_EXPORT, Outcome::Ok).data("export", number).data("from", from);
    let draft = to.into_iter().fold(draft, |draft, to| draft.data("to", to));
    nonce.into_iter().fold(draft, |draft, nonce| draft.data("nonce", nonce))
}

pub fn epochs_certified(certified: &Certified) -> Draft {
    Draft::new(event::KEY_CERTIFY, Outcome::Ok, Actor::console())
        .data("first", certified.first)
        .data("last", certified.last)
        .data("until_us", certified.until_us)
        .data("root", certified.root.as_str())
}

/// `lost`, `present`: the checkpoint that the anchor knew, and the last one of the log as it is now.
pub fn log_restored(lost: Option<&str>, present: Option<&str>) -> Draft {
    let notes = [("lost", lost), ("present", present)];
    let draft = Draft::new(event::LOG_RESTORED, Outcome::Ok, Actor::console());
    notes.into_iter().fold(draft, |draft, (name, note)| match note {
        Some(note) => draft.data(name, note),
        None => draft,
    })
}
