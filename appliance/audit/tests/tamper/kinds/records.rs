//! Kinds 1 to 9, 13 and 14: records changed, taken out, put in, moved.

use redoubt_audit::bundle::{name, records_name};
use redoubt_audit::tile::{levels, tiles_of};
use redoubt_audit::{Note, canonical_json, leaf_hash};
use serde_json::json;

use super::notes::replace_note;
use crate::appliance::{Keys, grown, signed};
use crate::files::{Files, file};
use crate::forge::Forgery;
use crate::random::Random;
use crate::trial::{Attack, Change};
use crate::world::World;

/// 1
pub(super) fn bit_flip(world: &mut World) -> Attack {
    let mut files = world.honest.clone();
    let records = file(&mut files, &records_name(0));
    let at = world.random.index(records.len());
    records[at] ^= 1 << world.random.within(0..8);
    Attack::on(files)
}

/// Says something else in a record, in the form of a record.
pub(super) fn lie(forgery: &mut Forgery, random: &mut Random, seq: u64) {
    let turn = random.within(0..5);
    forgery.edit(seq, |record| match turn {
        0 => record["actor"] = json!({ "name": "somebody else" }),
        1 => record["outcome"] = json!(if record["outcome"] == "ok" { "deny" } else { "ok" }),
        2 => record["mono"] = json!(record["mono"].as_u64().unwrap() + 1),
        3 => record["req"] = json!("5f8b1c2d-3e4f-4a5b-8c6d-7e8f9a0b1c2d"),
        _ => record["src"] = json!({ "ip": "192.0.2.1", "port": 1 }),
    });
}

fn any_held(world: &mut World, forgery: &Forgery) -> u64 {
    let held: Vec<u64> = forgery.held().collect();
    world.random.pick(&held)
}

/// 2
pub(super) fn edit_with_leaf(world: &mut World) -> Attack {
    let mut forgery = world.forgery();
    let seq = any_held(world, &forgery);
    lie(&mut forgery, &mut world.random, seq);
    let mut files = world.honest.clone();
    files.extend(forgery.record_files());
    let tile = tiles_of(forgery.index.size, 0).find(|tile| tile.number == seq / 256).unwrap();
    let at = usize::try_from(seq % 256).unwrap() * 32;
    file(&mut files, &tile.path())[at..at + 32].copy_from_slice(&leaf_hash(forgery.line(seq)));
    Attack::on(files)
}

/// 3: the signature stays, or is copied under the new root, or is by a key of the forger.
pub(super) fn rebuild_without_key(world: &mut World) -> Attack {
    let mut forgery = world.forgery();
    let seq = any_held(world, &forgery);
    lie(&mut forgery, &mut world.random, seq);
    let newest = world.exported.points[&forgery.index.size].note.clone();
    let mut files = forgery.files();
    let tree = grown(&forgery.leaves());
    let origin = &forgery.index.origin;
    let forged = match world.turn(3) {
        0 => return Attack::on(files),
        1 => {
            let mut note = Note::parse(newest.as_bytes()).unwrap();
            let ours = signed(&forgery.keys, origin, &tree, forgery.epoch).note;
            note.text = Note::parse(ours.as_bytes()).unwrap().text;
            note.to_text()
        }
        _ => {
            let keys = Keys::new(&mut world.random, origin, 1);
            signed(&keys, origin, &tree, 0).note
        }
    };
    replace_note(&mut files, &newest, &forged);
    Attack::on(files)
}

/// The same change by ever stronger hands: of the lines alone; with the numbers and the tree made again; with the
/// checkpoints of the present epoch signed again, too. The place is in an epoch before it.
fn rewritten(world: &mut World, change: impl FnOnce(&mut Forgery, &mut Random, u64)) -> Attack {
    let mut forgery = world.forgery();
    let seq = world.random.within(1..world.last_rotation() - 1);
    change(&mut forgery, &mut world.random, seq);
    let present = forgery.epoch;
    match world.turn(3) {
        0 => {
            let mut files = world.honest.clone();
            files.extend(forgery.record_files());
            return Attack::on(files);
        }
        1 => forgery.renumber(),
        _ => {
            forgery.renumber();
            forgery.sign(|epoch| (epoch == present).then_some(epoch));
        }
    }
    Attack::on(forgery.files())
}

/// 4
pub(super) fn delete_one(world: &mut World) -> Attack {
    rewritten(world, |forgery, _, seq| forgery.remove(seq..seq + 1))
}

/// 5
pub(super) fn delete_range(world: &mut World) -> Attack {
    let end = world.last_rotation();
    rewritten(world, |forgery, random, seq| {
        let end = random.within(seq + 1..end);
        forgery.remove(seq..end);
    })
}

/// 6
pub(super) fn insert_forged(world: &mut World) -> Attack {
    rewritten(world, |forgery, random, seq| {
        let mut record = forgery.value(seq);
        record["act"] = json!("user.create");
        record["actor"] = json!({ "name": random.pick(&["root", "admin", "nobody"]) });
        forgery.insert(seq, canonical_json(&record).unwrap());
    })
}

/// 7
pub(super) fn duplicate(world: &mut World) -> Attack {
    rewritten(world, |forgery, _, seq| {
        let copy = forgery.line(seq).clone();
        forgery.insert(seq, copy);
    })
}

/// 8
pub(super) fn swap_adjacent(world: &mut World) -> Attack {
    rewritten(world, |forgery, _, seq| {
        let seq = usize::try_from(seq).unwrap();
        forgery.lines.swap(seq, seq + 1);
    })
}

/// 9
pub(super) fn move_block(world: &mut World) -> Attack {
    let end = world.last_rotation();
    rewritten(world, |forgery, random, seq| {
        let [seq, end] = [seq, end].map(|place| usize::try_from(place).unwrap());
        let count = 1 + random.index(end - seq);
        forgery.lines[seq..=end].rotate_left(count);
    })
}

/// 13: lines, the newest checkpoint, keys, hashes, or all of it.
pub(super) fn from_another_appliance(world: &mut World) -> Attack {
    let other = World::new(world.random.next(), true);
    let mut files = world.honest.clone();
    match world.turn(5) {
        0 => return splice_lines(world, &other.forgery()),
        1 => file(&mut files, name::CHECKPOINT).clone_from(&other.honest[name::CHECKPOINT]),
        2 => file(&mut files, name::CHAIN).clone_from(&other.honest[name::CHAIN]),
        3 => splice_tile(world, &mut files, &other.forgery()),
        _ => return Attack::invalid(Change::Exact(other.honest)),
    }
    Attack::on(files)
}

fn splice_lines(world: &mut World, other: &Forgery) -> Attack {
    rewritten(world, |forgery, random, seq| {
        let line = random.pick(&other.lines);
        *forgery.line(seq) = line;
    })
}

fn splice_tile(world: &mut World, files: &mut Files, other: &Forgery) {
    let size = world.exported.index.size;
    let tiles: Vec<String> = levels(size)
        .flat_map(|level| tiles_of(size, level))
        .map(|tile| tile.path())
        .filter(|path| files.contains_key(path))
        .collect();
    let tile = file(files, &world.random.pick(&tiles));
    let hashes: Vec<u8> = other.leaves().concat();
    let length = tile.len().min(hashes.len());
    tile[..length].copy_from_slice(&hashes[..length]);
}

/// 14: a stretch of the log says what another stretch of it says, or its hashes do.
pub(super) fn from_another_range(world: &mut World) -> Attack {
    let end = usize::try_from(world.last_rotation()).unwrap();
    if world.seed % 4 == 3 {
        let mut files = world.honest.clone();
        let tile = tiles_of(world.exported.index.size, 0).next().unwrap().path();
        let hashes = file(&mut files, &tile);
        let (first, count) = (world.random.index(2), 2 + world.random.index(2));
        hashes[first * 32..].rotate_left(count * 32);
        return Attack::on(files);
    }
    rewritten(world, |forgery, random, seq| {
        let to = usize::try_from(seq).unwrap();
        let from = (to + 1 + random.index(end - 1)) % end;
        let count = 1 + random.index((end - to).min(end - from));
        let stretch = forgery.lines[from..from + count].to_vec();
        forgery.lines[to..to + count].clone_from_slice(&stretch);
    })
}
