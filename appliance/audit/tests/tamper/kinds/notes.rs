//! Kinds 26 to 31: checkpoints, proofs and signatures in forms that are not theirs.

use data_encoding::BASE64;
use redoubt_audit::bundle::{consistency_name, name};
use redoubt_audit::ssh::{NAMESPACE, Signature};
use redoubt_audit::{Checkpoint, Hash, Note, NoteKey, NoteKeyKind, NoteSignature, leaf_hash};
use ring::digest::{SHA256, SHA512, digest};
use serde_json::json;

use crate::appliance::{grown, signed};
use crate::files::{Files, file};
use crate::forge::{canonical_line, proof};
use crate::trial::{Attack, Change};
use crate::world::World;

/// Puts one note in the place of another, wherever a bundle has it.
pub(super) fn replace_note(files: &mut Files, old: &str, new: &str) {
    let [old_line, new_line] = [old, new].map(|note| {
        let line = canonical_line(&json!({ "note": note }));
        String::from_utf8(line).unwrap()
    });
    let (old_line, new_line) = (old_line.trim_end(), new_line.trim_end());
    for (name, content) in files.iter_mut() {
        if name == name::CHECKPOINT || name.starts_with("proof/") {
            *content = String::from_utf8_lossy(content).replace(old, new).into_bytes();
        } else if name == name::INDEX || name.starts_with("checkpoints/") {
            *content = String::from_utf8_lossy(content).replace(old_line, new_line).into_bytes();
        }
    }
}

fn newest(world: &World) -> String {
    world.exported.points[&world.exported.index.size].note.clone()
}

/// The honest bundle with another newest checkpoint.
fn with_newest(world: &World, note: &str) -> Attack {
    let mut files = world.honest.clone();
    replace_note(&mut files, &newest(world), note);
    Attack::on(files)
}

/// A note of any text by the key of the present epoch, as this kind of key.
fn by_the_key(world: &World, text: &str, kind: NoteKeyKind) -> Note {
    let pair = world.appliance.keys.pair(world.present());
    let public = world.appliance.keys.certificate(world.present()).terms().key.0;
    let key = NoteKey { name: world.exported.index.origin.clone(), public, kind };
    let payload = pair.sign(text.as_bytes()).as_ref().to_vec();
    let signature = NoteSignature { name: key.name.clone(), id: key.id(), payload };
    Note { text: text.to_owned(), signatures: vec![signature] }
}

fn newest_text(world: &World) -> String {
    Note::parse(newest(world).as_bytes()).unwrap().text
}

/// 26: a checkpoint of more records than there are, by the right key; one that nothing shows; a record that speaks of
/// another one.
pub(super) fn too_large(world: &mut World) -> Attack {
    match world.turn(6) {
        4 => return not_shown(world),
        5 => return misdescribed(world),
        _ => {}
    }
    let more = world.exported.index.size + world.random.within(1..1000);
    let text = newest_text(world);
    let old = Checkpoint::parse(&text).unwrap();
    let root = if world.turn(2) == 0 { old.root } else { world.random.bytes() };
    let larger = Checkpoint { size: more, root, ..old };
    let note = by_the_key(world, &larger.text(), NoteKeyKind::Log).to_text();
    let mut attack = with_newest(world, &note);
    if world.turn(4) >= 2
        && let Change::Files(files) = &mut attack.change
    {
        let mut index = world.exported.index.clone();
        index.size = more;
        files.insert(name::INDEX.to_owned(), canonical_line(&serde_json::to_value(&index).unwrap()));
    }
    attack
}

/// A checkpoint of records that are not in the bundle, with any root. If there are none, its size is one that exists.
fn not_shown(world: &mut World) -> Attack {
    let mut forgery = world.forgery();
    let size = 1 + world.random.within(0..forgery.index.from.max(1));
    let epoch = *forgery.chain.keys().next().unwrap();
    let leaves: Vec<Hash> = (0..size).map(|_| world.random.bytes()).collect();
    let point = signed(&forgery.keys, &forgery.index.origin, &grown(&leaves), epoch);
    forgery.points.insert(size, point);
    forgery.proofs.retain(|old| *old != size);
    Attack::on(forgery.files())
}

/// The record of a checkpoint says another size, epoch or root than the checkpoint.
fn misdescribed(world: &mut World) -> Attack {
    let mut forgery = world.forgery();
    let is_shown = |seq: &u64| forgery.index.from < *seq && forgery.points.contains_key(seq);
    let described: Vec<u64> = forgery.held().filter(is_shown).collect();
    let Some(seq) = (!described.is_empty()).then(|| world.random.pick(&described)) else {
        return not_shown(world);
    };
    forgery.sign(Some);
    let field = world.random.pick(&["size", "epoch", "root"]);
    forgery.edit(seq, |record| {
        let said = record["d"][field].as_u64();
        record["d"][field] = said.map_or_else(|| json!(BASE64.encode(&[7; 32])), |said| json!(said + 1));
    });
    forgery.kept = Some(seq);
    forgery.sign(Some);
    Attack::on(forgery.files())
}

/// 27: too few hashes, too many, wrong ones, none; from nothing, from itself, from more; no proof.
pub(super) fn bad_proof(world: &mut World) -> Attack {
    let size = world.exported.index.size;
    let old = world.exported.proofs[0];
    let note = newest(world);
    let name = consistency_name(old, size);
    let mut files = world.honest.clone();
    let text = String::from_utf8(files[&name].clone()).unwrap();
    let lines = text.split("\n\n").next().unwrap().lines().skip(1);
    let mut hashes: Vec<Hash> =
        lines.map(|line| BASE64.decode(line.as_bytes()).unwrap().try_into().unwrap()).collect();
    let at = world.random.index(hashes.len());
    let added = leaf_hash(b"");
    let other = |from: u64, hashes: &[Hash]| (consistency_name(from, size), proof(from, hashes, &note));
    let (name, content) = match world.turn(9) {
        0 => {
            hashes.remove(at);
            other(old, &hashes)
        }
        1 => {
            hashes.insert(at, added);
            other(old, &hashes)
        }
        2 => {
            hashes[at][world.random.index(32)] ^= 1;
            other(old, &hashes)
        }
        3 => other(old, &[]),
        4 => other(0, &[]),
        5 => other(size, &[]),
        6 => other(size + 1, &hashes),
        7 => {
            files.remove(&name);
            return Attack::on(files);
        }
        _ => {
            hashes.push(added);
            other(old, &hashes)
        }
    };
    files.insert(name, content);
    Attack::on(files)
}

/// 28: the newest checkpoint, or any other, signed by strangers only.
pub(super) fn unknown_keys(world: &mut World) -> Attack {
    let keys = super::keys::foreign(world);
    let points: Vec<u64> = world.exported.points.keys().copied().collect();
    let size = if world.turn(2) == 0 { world.exported.index.size } else { world.random.pick(&points) };
    let tree = grown(&world.appliance.leaves[..usize::try_from(size).unwrap()]);
    let point = &world.exported.points[&size];
    let stranger = signed(&keys, &world.exported.index.origin, &tree, point.epoch);
    let mut note = Note::parse(stranger.note.as_bytes()).unwrap();
    if world.random.once_in(2) {
        note.cosign("witness.example", keys.pair(0), 1_795_422_350).unwrap();
    }
    if world.random.once_in(2) {
        note.signatures[0].name = "redoubt/somebody".to_owned();
    }
    let mut files = world.honest.clone();
    replace_note(&mut files, &point.note, &note.to_text());
    Attack::on(files)
}

/// 29: notes that readers of another mind read differently, by the right key.
pub(super) fn odd_note(world: &mut World) -> Attack {
    let (text, note) = (newest_text(world), newest(world));
    let signed = |text: &str| by_the_key(world, text, NoteKeyKind::Log).to_text();
    let lines: Vec<&str> = text.lines().collect();
    let (origin, size, root) = (lines[0], lines[1], lines[2]);
    let odd = match world.turn(14) {
        0 => note.replace('\n', "\r\n"),
        1 => signed(&text.replace('\n', "\r\n")),
        2 => note.replacen("\n\n", "\n\n\n", 1),
        3 => note.clone() + "\n",
        4 => note.trim_end().to_owned(),
        5 => signed(&format!("{origin}\n{size}\n{root}\nextension\n")),
        6 => signed(&format!("{origin}\n0{size}\n{root}\n")),
        7 => signed(&format!("{origin}\n+{size}\n{root}\n")),
        8 => signed(&format!("{origin}\n{size}\n{}\n", root.trim_end_matches('='))),
        9 => signed(&format!("{origin}\u{7}\n{size}\n{root}\n")),
        10 => signed(&format!("{origin}\n{size}\n{root}\n\n")),
        11 => note.replace("\u{2014} ", "- "),
        12 => signed(&format!("{origin}\n{size} \n{root}\n")),
        _ => format!("\n{note}"),
    };
    with_newest(world, &odd)
}

/// 30: the right key and the right file, signed for something else.
pub(super) fn other_namespace(world: &mut World) -> Attack {
    let namespaces = ["file", "git", "audit-bundle", "audit-bundle@redoubt2", "AUDIT-BUNDLE@REDOUBT"];
    let namespace = world.random.pick(&namespaces);
    let mut files = world.honest.clone();
    let keys = &world.appliance.keys;
    let certificate = keys.certificate(world.present()).clone();
    let manifest = &files[name::MANIFEST];
    let pair = keys.pair(world.present());
    let signature = Signature::sign_certified(manifest, namespace, pair, certificate).unwrap();
    files.insert(name::SIGNATURE.to_owned(), signature.to_text().unwrap().into_bytes());
    Attack::invalid(Change::Exact(files))
}

/// 31: another hash, another algorithm, no certificate, another kind of key.
pub(super) fn other_algorithm(world: &mut World) -> Attack {
    let mut files = world.honest.clone();
    let manifest = files[name::MANIFEST].clone();
    let certificate = world.appliance.keys.certificate(world.present()).blob().unwrap();
    let public = world.appliance.keys.certificate(world.present()).terms().key.blob();
    let text = match world.turn(6) {
        0 => sshsig(world, &manifest, &certificate, "sha256", "ssh-ed25519"),
        1 => sshsig(world, &manifest, &certificate, "sha512", "ssh-rsa"),
        2 => sshsig(world, &manifest, &public, "sha512", "ssh-ed25519"),
        3 => {
            let end = certificate.windows(8).position(|part| part == b"-cert-v0").unwrap();
            let mut other = certificate.clone();
            other[end - 7..end].copy_from_slice(b"ed25510");
            sshsig(world, &manifest, &other, "sha512", "ssh-ed25519")
        }
        4 => return with_newest(world, &as_cosigner(world)),
        _ => {
            let line = |name: &str, content: &[u8]| {
                let sum = digest(&SHA512, content);
                format!("{}  {name}\n", data_encoding::HEXLOWER.encode(sum.as_ref()))
            };
            let listed = files.iter().filter(|(name, _)| !name.starts_with(name::MANIFEST));
            let manifest: String = listed.map(|(name, content)| line(name, content)).collect();
            crate::files::sign(&mut files, manifest.into_bytes(), &world.appliance.keys, world.present());
            return Attack::invalid(Change::Exact(files));
        }
    };
    *file(&mut files, name::SIGNATURE) = text.into_bytes();
    Attack::invalid(Change::Exact(files))
}

/// The newest checkpoint, signed as a witness signs.
fn as_cosigner(world: &World) -> String {
    let text = newest_text(world);
    let pair = world.appliance.keys.pair(world.present());
    let mut note = by_the_key(world, &text, NoteKeyKind::Log);
    note.cosign(&world.exported.index.origin, pair, 1_795_422_350).unwrap();
    note.signatures.remove(0);
    note.to_text()
}

/// A signature of a file (PROTOCOL.sshsig) with any key field, hash and algorithm, otherwise right.
fn sshsig(world: &World, file: &[u8], key: &[u8], hash: &str, algorithm: &str) -> String {
    let string = |bytes: &[u8]| [&u32::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat();
    let sum = if hash == "sha256" { digest(&SHA256, file) } else { digest(&SHA512, file) };
    let common = [string(NAMESPACE.as_bytes()), string(b""), string(hash.as_bytes())].concat();
    let message = [b"SSHSIG".as_slice(), &common, &string(sum.as_ref())].concat();
    let signature = world.appliance.keys.pair(world.present()).sign(&message);
    let signature = string(&[string(algorithm.as_bytes()), string(signature.as_ref())].concat());
    let blob = [b"SSHSIG\0\0\0\x01".as_slice(), &string(key), &common, &signature].concat();
    let encoded = BASE64.encode(&blob);
    let lines: String =
        encoded.as_bytes().chunks(70).map(|line| str::from_utf8(line).unwrap().to_owned() + "\n").collect();
    format!("-----BEGIN SSH SIGNATURE-----\n{lines}-----END SSH SIGNATURE-----\n")
}
