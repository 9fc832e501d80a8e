//! The kinds of attack, each a mutator that a seed varies.

mod ends;
mod forms;
mod keys;
mod notes;
mod records;

use crate::trial::Attack;
use crate::world::World;

pub(crate) struct Kind {
    pub(crate) number: u8,
    pub(crate) name: &'static str,
    /// Whether the bundle that is attacked is of the whole log; any part of it otherwise.
    pub(crate) whole: bool,
    pub(crate) attack: fn(&mut World) -> Attack,
}

const fn whole(number: u8, name: &'static str, attack: fn(&mut World) -> Attack) -> Kind {
    Kind { number, name, whole: true, attack }
}

const fn any(number: u8, name: &'static str, attack: fn(&mut World) -> Attack) -> Kind {
    Kind { number, name, whole: false, attack }
}

pub(crate) const ALL: [Kind; 36] = [
    any(1, "bit flip in a record", records::bit_flip),
    any(2, "edit and its leaf", records::edit_with_leaf),
    any(3, "edit and the whole tree, without key", records::rebuild_without_key),
    whole(4, "one record deleted", records::delete_one),
    whole(5, "a range deleted", records::delete_range),
    whole(6, "a forged record inserted", records::insert_forged),
    whole(7, "a record twice", records::duplicate),
    whole(8, "neighbours swapped", records::swap_adjacent),
    whole(9, "a block moved", records::move_block),
    whole(10, "records cut off, newer checkpoint kept", ends::truncate_records),
    whole(11, "cut back to an old checkpoint", ends::truncate_to_checkpoint),
    whole(12, "the beginning cut off", ends::truncate_head),
    whole(13, "spliced from another appliance", records::from_another_appliance),
    whole(14, "spliced from another range", records::from_another_range),
    any(15, "an old bundle again", ends::replay),
    any(16, "wrong or old nonce", ends::wrong_nonce),
    whole(17, "keys substituted, all signed again", ends::substitute_keys),
    any(18, "present key: the epoch rewritten", ends::rewrite_the_epoch),
    whole(19, "present key: earlier epochs rewritten", keys::rewrite_earlier_epochs),
    whole(20, "old key: later epochs, or a branch", keys::stolen_old_key),
    whole(21, "a gap between epochs", keys::epoch_gap),
    whole(22, "two ends of one epoch", keys::two_ends),
    whole(23, "old entries under a newer key", keys::newer_key),
    whole(24, "no record of an epoch's end", keys::missing_rotation),
    any(25, "fork of the same size", ends::same_size),
    any(26, "checkpoint of more than there is", notes::too_large),
    any(27, "bad consistency proofs", notes::bad_proof),
    any(28, "signed by strangers only", notes::unknown_keys),
    any(29, "odd notes", notes::odd_note),
    any(30, "signature of another namespace", notes::other_namespace),
    any(31, "another algorithm", notes::other_algorithm),
    any(32, "JSON misspelt", forms::misspelt_json),
    any(33, "numbers or time going back", forms::backwards),
    any(34, "files, names and links", forms::odd_files),
    any(35, "another form edited", forms::edited_view),
    any(36, "bombs", forms::bomb),
];
