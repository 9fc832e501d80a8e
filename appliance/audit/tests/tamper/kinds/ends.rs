//! Kinds 10, 11, 12, 15, 16, 18, 25: logs that end or begin elsewhere, old bundles, and other logs by whoever has the
//! key of the day. What only an anchor shows is here.

use redoubt_audit::bundle::{Index, name};
use redoubt_audit::verify::Verdict;

use crate::appliance::{Appliance, Order};
use crate::files::{honest, seal};
use crate::forge::canonical_line;
use crate::trial::{Attack, Change};
use crate::world::World;

fn index_file(index: &Index) -> Vec<u8> {
    canonical_line(&serde_json::to_value(index).unwrap())
}

/// 10: the last lines; with what the bundle says of itself; with the tree, too.
pub(super) fn truncate_records(world: &mut World) -> Attack {
    let mut forgery = world.forgery();
    let mut held: Vec<u64> = forgery.held().collect();
    let size = forgery.index.size;
    let count = world.random.within(1..size.min(20));
    let mut files = world.honest.clone();
    match world.turn(3) {
        0 => held.truncate(held.len() - usize::try_from(count).unwrap()),
        1 => {
            held.retain(|seq| seq + count < size - 1 || *seq == size - 1);
            forgery.index.to = size - 1 - count;
            files.insert(name::INDEX.to_owned(), index_file(&forgery.index));
        }
        _ => {
            forgery.remove(size - count..size);
            return Attack::on(forgery.files());
        }
    }
    files.extend(forgery.files_of(&held));
    Attack::on(files)
}

/// 12: the first lines; with what the bundle says of itself; with numbers and tree, too.
pub(super) fn truncate_head(world: &mut World) -> Attack {
    let mut forgery = world.forgery();
    let mut held: Vec<u64> = forgery.held().collect();
    let count = world.random.within(1..forgery.index.size / 2);
    let mut files = world.honest.clone();
    match world.turn(3) {
        0 => drop(held.drain(..usize::try_from(count).unwrap())),
        1 => {
            held.retain(|seq| *seq >= count);
            forgery.index.from = count;
            files.insert(name::INDEX.to_owned(), index_file(&forgery.index));
        }
        _ => {
            forgery.remove(0..count);
            forgery.renumber();
            return Attack::on(forgery.files());
        }
    }
    files.extend(forgery.files_of(&held));
    Attack::on(files)
}

/// The next export of a branch, as the auditor asked for it.
fn exported(branch: &mut Appliance, order: &Order) -> Attack {
    let exported = branch.export(order);
    Attack::fork(honest(branch, &exported))
}

/// 11: the log ends at an old checkpoint, but for the record of the export.
pub(super) fn truncate_to_checkpoint(world: &mut World) -> Attack {
    let begin = world.last_rotation() + 1;
    let old = world.appliance.points.range(begin..world.anchor.size - 1);
    let old: Vec<u64> = old.map(|(size, _)| *size).collect();
    let size = world.random.pick(&old);
    let (mut branch, order) = (world.branch(size), world.order());
    exported(&mut branch, &order)
}

/// 18: another course of the present epoch, from before the anchor.
pub(super) fn rewrite_the_epoch(world: &mut World) -> Attack {
    let begin = world.random.within(world.last_rotation() + 1..world.anchor.size);
    let (mut branch, order) = (world.branch(begin), world.order());
    while branch.size() < world.anchor.size {
        branch.live(1);
    }
    branch.live(world.random.within(0..20));
    exported(&mut branch, &order)
}

/// 25: as many records as the anchor has, and others.
pub(super) fn same_size(world: &mut World) -> Attack {
    let begin = world.random.within(world.last_rotation() + 1..world.anchor.size);
    let (mut branch, order) = (world.branch(begin), world.order());
    while branch.size() + 1 < world.anchor.size {
        branch.happen();
    }
    exported(&mut branch, &order)
}

/// 20 in its second form: another course since an epoch whose key was copied before it was destroyed, with that key for
/// good or with those that were certified after it.
pub(super) fn rewrite_since_an_epoch(world: &mut World) -> Attack {
    let first = world.appliance.exported[0];
    let begin = world.random.within(first..world.last_rotation());
    let (mut branch, order) = (world.branch(begin), world.order());
    branch.live(world.random.within(1..20));
    while world.random.once_in(2) && branch.epoch < 6 {
        branch.rotate();
        branch.live(world.random.within(1..20));
    }
    while branch.size() < world.anchor.size {
        branch.live(1);
    }
    exported(&mut branch, &order)
}

/// 15: an older bundle, to an auditor who has seen a newer one or waits for the answer to a nonce.
pub(super) fn replay(world: &mut World) -> Attack {
    let files = honest(&world.appliance, &world.seen);
    let newer = world.appliance.state(world.exported.index.size, world.exported.index.export);
    let nonce = world.seed.is_multiple_of(2).then(|| world.random.hex(16));
    let bare = if nonce.is_some() { Verdict::Stale } else { Verdict::Unanchored };
    let mut attack = Attack::exact(files, [Verdict::Stale, bare]);
    attack.anchor = Some(newer);
    attack.nonce = Some(nonce);
    attack
}

/// 16: the answer to no nonce, to another, to one that is like it, or to the one before.
pub(super) fn wrong_nonce(world: &mut World) -> Attack {
    let asked = world.random.hex(16);
    let answered = match world.turn(4) {
        0 => None,
        1 => Some(world.random.hex(16)),
        2 => Some(asked.to_uppercase() + "0"),
        _ => Some(asked[..30].to_owned()),
    };
    let mut branch = world.branch(world.exported.index.size);
    let exported = branch.export(&Order { nonce: answered, ..Order::default() });
    let mut attack = Attack::exact(honest(&branch, &exported), [Verdict::Stale; 2]);
    attack.nonce = Some(Some(asked));
    attack
}

/// 17: `MANIFEST` by a key that another root certified; or everything, with that root in the bundle.
pub(super) fn substitute_keys(world: &mut World) -> Attack {
    let keys = super::keys::foreign(world);
    if world.turn(2) == 0 {
        let mut files = world.honest.clone();
        seal(&mut files, &keys, world.present());
        return Attack::invalid(Change::Exact(files));
    }
    let mut forgery = world.forgery();
    super::keys::replace(&mut forgery, keys);
    forgery.sign(Some);
    let mut files = forgery.files();
    let line = forgery.keys.trusted().line().unwrap() + "\n";
    files.insert(name::SIGNERS.to_owned(), line.into_bytes());
    seal(&mut files, &forgery.keys, forgery.epoch);
    Attack::invalid(Change::Exact(files))
}
