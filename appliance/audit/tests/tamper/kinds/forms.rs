//! Kinds 32 to 36: spellings, order, files and sizes.

use redoubt_audit::bundle::{checkpoints_name, manifest, name, records_name};
use redoubt_audit::catalogue;
use serde_json::json;

use crate::files::{archive, file, manifest_of, seal, sha256, sign};
use crate::hostile::{compressed, huge, member};
use crate::random::Random;
use crate::trial::{Attack, Change};
use crate::world::World;

/// The same object, or nearly, as only careless readers read it.
fn misspelt(random: &mut Random, line: &[u8]) -> Vec<u8> {
    let text = str::from_utf8(line).unwrap();
    let inner = &text[1..text.len() - 1];
    let (first, rest) = inner.split_once(',').unwrap_or((inner, ""));
    let comma = if rest.is_empty() { "" } else { "," };
    let spelt = match random.within(0..12) {
        0 => format!("{{{first},{inner}}}"),
        1 => format!("{{{inner},{first}}}"),
        2 => format!("{text} "),
        3 => format!("{text}{{}}"),
        4 => format!("{{ {inner}}}"),
        5 => format!("{{{inner},\"x\":null}}"),
        6 => format!("{{{inner},\"zz\":1}}"),
        7 => format!("\u{feff}{text}"),
        8 => format!("{text}\r"),
        9 => text.replacen("\":", "\" :", 1),
        10 if text.contains("\"port\":") => text.replacen("\"port\":", "\"port\":65536", 1),
        _ => format!("{{{rest}{comma}\"\\u{:04x}{}}}", first.as_bytes()[1], &first[2..]),
    };
    spelt.into_bytes()
}

/// 32: in a record whose tree and checkpoints are made for it, in `bundle.json`, in the chain, in a checkpoint's line.
pub(super) fn misspelt_json(world: &mut World) -> Attack {
    let mut files = world.honest.clone();
    let named = match world.turn(5) {
        0 | 1 => {
            let mut forgery = world.forgery();
            let plain: Vec<u64> = forgery
                .held()
                .filter(|seq| !forgery.value(*seq)["act"].as_str().unwrap().starts_with("checkpoint"))
                .collect();
            let seq = world.random.pick(&plain);
            let line = misspelt(&mut world.random, forgery.line(seq));
            *forgery.line(seq) = line;
            forgery.sign(Some);
            return Attack::on(forgery.files());
        }
        2 => name::INDEX.to_owned(),
        3 => name::CHAIN.to_owned(),
        _ => checkpoints_name(world.present()),
    };
    let content = file(&mut files, &named);
    let mut lines: Vec<Vec<u8>> = content.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    let at = world.random.index(lines.len() - 1);
    lines[at] = misspelt(&mut world.random, &lines[at]);
    *content = lines.join(&b'\n');
    Attack::on(files)
}

/// 33: a record of an earlier time than the one before it; a step of the clock that is called something else; a number
/// that stands twice. By somebody who has all keys.
pub(super) fn backwards(world: &mut World) -> Attack {
    let mut forgery = world.forgery();
    let rest: Vec<u64> = forgery.held().filter(|seq| *seq > forgery.index.from).collect();
    let records = &world.appliance.records;
    let time = |seq: u64| records[usize::try_from(seq).unwrap()].fields().time.clone();
    let steps: Vec<u64> = world
        .appliance
        .numbers(catalogue::SYSTEM_CLOCK_STEP.act())
        .filter(|seq| rest.contains(seq) && time(*seq) < time(*seq - 1) && *seq < forgery.index.to)
        .collect();
    if world.turn(3) == 0 && !steps.is_empty() {
        let seq = world.random.pick(&steps);
        forgery.edit(seq, |record| record["act"] = json!("system.config"));
    } else if world.turn(3) == 1 {
        let seq = world.random.pick(&rest);
        forgery.edit(seq, |record| record["seq"] = json!(seq - 1));
    } else {
        let ordinary = |seq: &u64| {
            *seq < forgery.index.to && forgery.value(*seq)["act"] != catalogue::SYSTEM_CLOCK_STEP.act()
        };
        let rest: Vec<u64> = rest.into_iter().filter(ordinary).collect();
        let seq = world.random.pick(&rest);
        forgery.edit(seq, |record| record["time"] = json!("2026-11-20T00:00:00.000000Z"));
    }
    forgery.sign(Some);
    Attack::on(forgery.files())
}

/// 34: files that `MANIFEST` does not list, or lists and should not; names that lead elsewhere; links.
pub(super) fn odd_files(world: &mut World) -> Attack {
    let change = match world.turn(12) {
        turn @ 0..8 => odd_listing(world, turn),
        turn => odd_archive(world, turn),
    };
    Attack::invalid(change)
}

fn odd_listing(world: &mut World, turn: u64) -> Change {
    let mut files = world.honest.clone();
    let (keys, present) = (&world.appliance.keys, world.exported.epoch);
    match turn {
        0 => {
            let mut others = files.clone();
            others.remove(name::GUIDE);
            sign(&mut files, manifest_of(&others), keys, present);
        }
        1 => drop(files.insert("notes.txt".to_owned(), b"read me\n".to_vec())),
        2 => {
            files.insert("notes.txt".to_owned(), b"read me\n".to_vec());
            seal(&mut files, keys, present);
        }
        3 => return Change::Linked(files, name::OCSF),
        4 => return Change::Linked(files, name::GUIDE),
        5 => {
            files.insert("Checkpoint".to_owned(), files[name::CHECKPOINT].clone());
            seal(&mut files, keys, present);
        }
        6 => {
            let names: Vec<String> = files.keys().cloned().collect();
            files.remove(&world.random.pick(&names));
        }
        _ => {
            let guide = manifest::line(name::GUIDE, &sha256(&files[name::GUIDE]));
            let twice = [guide.as_bytes(), &manifest_of(&files)].concat();
            sign(&mut files, twice, keys, present);
        }
    }
    Change::Exact(files)
}

fn odd_archive(world: &mut World, turn: u64) -> Change {
    let mut files = world.honest.clone();
    let odd = match turn {
        8 => {
            let content = files.remove(name::GUIDE).unwrap();
            let outside = format!("../{}", name::GUIDE);
            let listed =
                [manifest::line(&outside, &sha256(&content)).as_bytes(), &manifest_of(&files)].concat();
            sign(&mut files, listed, &world.appliance.keys, world.exported.epoch);
            member(&outside, b'0', &content)
        }
        9 => member("/etc/passwd", b'0', b"root\n"),
        10 => member(name::GUIDE, b'0', b"other\n"),
        _ => {
            files.remove(name::GUIDE);
            member(name::GUIDE, world.random.pick(b"1245"), b"")
        }
    };
    Change::Archive([odd, archive(&files)].concat())
}

/// 35: one of the other forms says something else than the records.
pub(super) fn edited_view(world: &mut World) -> Attack {
    let mut files = world.honest.clone();
    let view = world.random.pick(&[name::OCSF, name::CEF, name::RFC5424]);
    let content = file(&mut files, view);
    let mut lines: Vec<Vec<u8>> = content.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    let at = world.random.index(lines.len() - 1);
    match world.turn(5) {
        0 => {
            let byte = world.random.index(lines[at].len());
            lines[at][byte] ^= 1 << world.random.within(0..8);
        }
        1 => drop(lines.remove(at)),
        2 => lines.insert(at, lines[at].clone()),
        3 => lines[at].push(b' '),
        _ => {
            let text = String::from_utf8(lines[at].clone()).unwrap();
            let other = text.replacen("redoubt", "Redoubt", 1).replacen("Redoubt|", "redoubt|", 1);
            lines[at] = if other == text { text + " " } else { other }.into_bytes();
        }
    }
    *content = lines.join(&b'\n');
    Attack::on(files)
}

/// 36: what would fill memory or disk if it were unpacked, or read as a line.
pub(super) fn bomb(world: &mut World) -> Attack {
    let mut files = world.honest.clone();
    let length = usize::try_from(world.random.within(20_000..200_000)).unwrap();
    match world.turn(6) {
        0 => Attack::invalid(Change::Archive(compressed(&archive(&files)))),
        1 => Attack::invalid(Change::Archive([huge("siem/ocsf.jsonl", 1 << 40), archive(&files)].concat())),
        2 => Attack::invalid(Change::Archive([member("sparse", b'S', &[0; 512]), archive(&files)].concat())),
        3 => {
            let records = file(&mut files, &records_name(0));
            records.splice(0..0, vec![b'a'; length]);
            Attack::on(files)
        }
        4 => {
            *file(&mut files, name::CEF) = vec![b'a'; length * 10];
            Attack::on(files)
        }
        _ => {
            let zeros = vec![0; 1 << 21];
            *file(&mut files, &records_name(0)) = zeros;
            Attack::on(files)
        }
    }
}
