//! Kinds 19 to 24: who signed what, and when epochs end.

use std::rc::Rc;

use data_encoding::BASE64;
use redoubt_audit::bundle::name;
use redoubt_audit::{catalogue, leaf_hash};
use serde_json::json;

use super::records::lie;
use crate::appliance::{Keys, Point, grown, signed};
use crate::files::{file, honest, list, sign};
use crate::forge::{Forgery, canonical_line};
use crate::trial::{Attack, Change};
use crate::world::World;

/// Keys for the same log by a root of the attacker's.
pub(super) fn foreign(world: &mut World) -> Keys {
    Keys::new(&mut world.random, &world.appliance.origin.origin, 8)
}

/// Puts these keys in the place of the log's, also where its records name them.
pub(super) fn replace(forgery: &mut Forgery, keys: Keys) {
    for (epoch, certificate) in &mut forgery.chain {
        *certificate = keys.certificate(*epoch).blob().unwrap();
    }
    for seq in 0..forgery.lines.len() as u64 {
        let record = forgery.value(seq);
        if record["act"] == catalogue::KEY_ROTATE.act() {
            let key = keys.certificate(record["d"]["next"].as_u64().unwrap()).terms().key;
            forgery.edit(seq, |record| record["d"]["next_key"] = json!(BASE64.encode(&key.0)));
        }
    }
    forgery.keys = Rc::new(keys);
}

/// 19: the present epoch's key for the checkpoints of earlier ones; filed as its own; for its own only; and with the
/// ends of the epochs gone.
pub(super) fn rewrite_earlier_epochs(world: &mut World) -> Attack {
    let mut forgery = world.forgery();
    let seq = world.random.within(1..world.last_rotation() - 1);
    lie(&mut forgery, &mut world.random, seq);
    let present = forgery.epoch;
    match world.turn(4) {
        0 => forgery.sign(|_| Some(present)),
        1 => {
            forgery.points.values_mut().for_each(|point| point.epoch = present);
            forgery.sign(Some);
        }
        2 => forgery.sign(|epoch| (epoch == present).then_some(epoch)),
        _ => {
            forgery.points.values_mut().for_each(|point| point.epoch = present);
            forgery.chain.retain(|epoch, _| *epoch == present);
            world.appliance.rotations().for_each(|rotation| rename(&mut forgery, rotation));
            forgery.sign(Some);
        }
    }
    Attack::on(forgery.files())
}

/// Makes another event of a record.
fn rename(forgery: &mut Forgery, seq: u64) {
    forgery.edit(seq, |record| {
        record["act"] = json!("user.update");
        record["cat"] = json!("account");
    });
}

/// 20: the key of an epoch that ended, for the present one's checkpoints or for `MANIFEST`; or a branch since then.
pub(super) fn stolen_old_key(world: &mut World) -> Attack {
    let present = world.present();
    let old = world.random.within(0..present);
    match world.turn(4) {
        0 => {
            let mut forgery = world.forgery();
            forgery.sign(|epoch| Some(if epoch == present { old } else { epoch }));
            Attack::on(forgery.files())
        }
        1 => {
            let mut files = world.honest.clone();
            list(&mut files);
            let manifest = files[name::MANIFEST].clone();
            sign(&mut files, manifest, &world.appliance.keys, old);
            Attack::invalid(Change::Exact(files))
        }
        _ => super::ends::rewrite_since_an_epoch(world),
    }
}

/// 21: an epoch that ends in favour of one that is not the next; a chain without one of its links; the end of an epoch
/// with one word of it wrong.
pub(super) fn epoch_gap(world: &mut World) -> Attack {
    let turn = world.turn(5);
    if turn == 0 {
        let order = world.order();
        let mut branch = world.branch(world.anchor.size);
        branch.live(world.random.within(1..10));
        branch.rotate_to(branch.epoch + 2);
        branch.live(world.random.within(1..10));
        let exported = branch.export(&order);
        return Attack::invalid(Change::Exact(honest(&branch, &exported)));
    }
    let rotation = some_end(world) - 1;
    let mut forgery = world.forgery();
    if turn == 1 {
        let missing = world.random.within(0..forgery.epoch);
        forgery.chain.remove(&missing);
    } else {
        let field = ["epoch", "next", "next_key"][usize::try_from(turn).unwrap() - 2];
        let key = world.appliance.keys.certificate(7).terms().key;
        forgery.edit(rotation, |record| {
            let said = record["d"][field].as_u64();
            record["d"][field] = said.map_or_else(|| json!(BASE64.encode(&key.0)), |epoch| json!(epoch + 1));
        });
    }
    forgery.sign(Some);
    Attack::on(forgery.files())
}

/// The size of a checkpoint that ends an epoch.
fn some_end(world: &mut World) -> u64 {
    let rotations: Vec<u64> = world.appliance.rotations().collect();
    world.random.pick(&rotations) + 1
}

/// 22: a later checkpoint by the key of an epoch that ended; the end of an epoch twice; two checkpoints of one size.
pub(super) fn two_ends(world: &mut World) -> Attack {
    let end = some_end(world);
    let mut forgery = world.forgery();
    let epoch = forgery.points[&end].epoch;
    match world.turn(3) {
        0 => {
            let later = *forgery.points.range(end + 1..).next().unwrap().0;
            forgery.points.get_mut(&later).unwrap().epoch = epoch;
            forgery.sign(Some);
        }
        1 => {
            let copy = forgery.line(end - 1).clone();
            forgery.insert(end + 1, copy);
            forgery.points.insert(end + 2, Point { epoch, note: String::new() });
            forgery.renumber();
            forgery.sign(Some);
        }
        _ => {
            let leaves: Vec<_> = (0..end).map(|seq| leaf_hash(&seq.to_be_bytes())).collect();
            let origin = &forgery.index.origin;
            let second = signed(&forgery.keys, origin, &grown(&leaves), epoch);
            let mut files = forgery.files();
            let line = canonical_line(&json!({ "note": second.note }));
            file(&mut files, &redoubt_audit::bundle::checkpoints_name(epoch)).extend(line);
            return Attack::on(files);
        }
    }
    Attack::on(forgery.files())
}

/// 23: checkpoints within an epoch, its last one, or all of them by the key of a later one.
pub(super) fn newer_key(world: &mut World) -> Attack {
    let end = some_end(world);
    let mut forgery = world.forgery();
    let epoch = forgery.points[&end].epoch;
    let turn = world.turn(3);
    let of_epoch: Vec<u64> =
        forgery.points.iter().filter(|(_, point)| point.epoch == epoch).map(|(size, _)| *size).collect();
    for size in of_epoch.iter().copied() {
        let is_meant = match turn {
            0 => size == of_epoch[0],
            1 => size == end,
            _ => true,
        };
        if is_meant {
            forgery.points.get_mut(&size).unwrap().epoch += 1;
        }
    }
    forgery.sign(Some);
    Attack::on(forgery.files())
}

/// 24: nothing says that an epoch ended, or nobody signed its end.
pub(super) fn missing_rotation(world: &mut World) -> Attack {
    let rotation = some_end(world) - 1;
    let mut forgery = world.forgery();
    match world.turn(3) {
        0 => rename(&mut forgery, rotation),
        1 => {
            forgery.remove(rotation..rotation + 1);
            forgery.renumber();
        }
        _ => {
            forgery.points.remove(&(rotation + 1));
            rename(&mut forgery, rotation + 1);
        }
    }
    forgery.sign(Some);
    Attack::on(forgery.files())
}
