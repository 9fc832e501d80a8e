//! Records of what opens the store.

use redoubt_audit::catalogue as event;
use redoubt_audit::{Actor, Draft, Event, Object, Outcome};
use redoubt_store::keys::{Kind, Slot};

use crate::identity::By;

fn on_slot(draft: Draft, slot: &Slot) -> Draft {
    draft.object(Object::new("slot", slot.id().to_owned())).data("kind", slot.kind().tag())
}

fn changed(by: &By, event: Event, slot: &Slot, outcome: Outcome) -> Draft {
    on_slot(by.draft(event, outcome), slot)
}

pub fn slot_added(by: &By, slot: &Slot, outcome: Outcome) -> Draft {
    changed(by, event::SLOT_ADD, slot, outcome)
}

pub fn slot_removed(by: &By, slot: &Slot, outcome: Outcome) -> Draft {
    changed(by, event::SLOT_REMOVE, slot, outcome)
}

pub fn slot_replaced(by: &By, slot: &Slot, outcome: Outcome) -> Draft {
    changed(by, event::SLOT_REPLACE, slot, outcome)
}

/// `slot`: which it opened; `None`: none.
pub fn slot_tested(by: &By, kind: Kind, slot: Option<&Slot>) -> Draft {
    match slot {
        Some(slot) => changed(by, event::SLOT_TEST, slot, Outcome::Ok),
        None => by.draft(event::SLOT_TEST, Outcome::Deny).data("kind", kind.tag()),
    }
}

/// `failures`: how often something else was tried before.
pub fn store_unlocked(slot: &Slot, failures: u64) -> Draft {
    on_slot(Draft::new(event::STORE_UNLOCK, Outcome::Ok, Actor::console()), slot).data("failures", failures)
}

/// `slots`: how many there are now; `archives`: how many files were sealed anew.
pub fn data_key_rotated(slots: usize, archives: usize) -> Draft {
    Draft::new(event::DATA_KEY_ROTATE, Outcome::Ok, Actor::console())
        .data("slots", slots)
        .data("archives", archives)
}
