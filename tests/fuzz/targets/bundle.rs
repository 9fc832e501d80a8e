//! Whatever somebody hands to an auditor as a bundle, or as a part of one: never a panic, never a good verdict for what is
//! not the honest bundle, and what is read is written as it was.
//!
//! The first byte of the input says what the rest is: a file of the bundle in place of the honest one, or a whole archive.
#![no_main]

use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};
use redoubt_audit::bundle::{manifest, name};
use redoubt_audit::ssh::{Certificate, PrivateKey, PublicKey, Signature, TrustedRoot};
use redoubt_audit::verify::{State, Verdict, verify};
use redoubt_audit::{Checkpoint, Note, NoteKey, Record, Tree, verify_consistency, verify_inclusion, views};
use redoubt_fuzz::bundle::{Honest, archive};
use redoubt_fuzz::memory_file;
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::sync::LazyLock;

static HONEST: LazyLock<Honest> = LazyLock::new(|| {
    let honest = Honest::new();
    assert_eq!(verdict(&honest, &archive(&honest.files)), Verdict::Verified);
    honest
});

/// How often a part of the honest bundle is begun with.
const ANEW: u32 = 32;

fuzz_target!(|data: &[u8]| {
    let Some((choice, content)) = data.split_first() else { return };
    parts(content);
    let honest = &*HONEST;
    match honest.files.iter().nth(usize::from(*choice)) {
        // Only its keys could make another one that verifies.
        None => drop(verdict(honest, content)),
        Some((name, genuine)) => {
            let found = verdict(honest, &honest.with(name, content));
            let is_for_people = [name::GUIDE, name::SIGNERS].contains(&name.as_str());
            let same = content == genuine || is_for_people || is_cosigned(name, content, genuine);
            assert!(found != Verdict::Verified || same, "{name}");
        }
    }
});

fn verdict(honest: &Honest, archive: &[u8]) -> Verdict {
    let file = memory_file(archive, 0, 0);
    let path = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
    verify(&path, &honest.known).expect("a file in memory is readable").report.verdict
}

/// Signatures by keys that nobody knows say nothing, wherever notes are.
fn is_cosigned(name: &str, content: &[u8], genuine: &[u8]) -> bool {
    let is_note = name.starts_with("checkpoint") || name.starts_with("proof/");
    let known = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes).replace("\\n", "\n");
        text.lines().filter(|line| genuine_line(line)).map(str::to_owned).collect::<Vec<_>>()
    };
    is_note && known(content) == known(genuine)
}

fn genuine_line(line: &str) -> bool {
    !line.starts_with('\u{2014}') || line.starts_with("\u{2014} redoubt/fuzz ")
}

/// Every reader of a part alone.
fn parts(bytes: &[u8]) {
    if let Ok(note) = Note::parse(bytes) {
        assert_eq!(note.to_text().as_bytes(), bytes);
        if let Ok(checkpoint) = note.checkpoint() {
            assert_eq!(checkpoint.text(), note.text);
        }
    }
    if let Ok(record) = Record::parse(bytes) {
        assert_eq!(record.bytes(), bytes);
        for view in [views::ocsf(&record), views::cef(&record), views::rfc5424(&record)] {
            assert!(!view.contains('\n'), "{view}");
        }
    }
    if let Ok(certificate) = Certificate::from_blob(bytes) {
        assert_eq!(certificate.blob().unwrap(), bytes);
    }
    if let Ok(key) = PublicKey::from_blob(bytes) {
        assert_eq!(key.blob(), bytes);
    }
    let _no_list = manifest::parse(bytes);
    proofs(bytes);
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(signature) = Signature::parse(text) {
        assert_eq!(signature.to_text().unwrap(), text);
    }
    if let Ok(checkpoint) = Checkpoint::parse(text) {
        assert_eq!(checkpoint.text(), text);
    }
    let _no_keys = (NoteKey::parse(text), PrivateKey::parse(text), PublicKey::parse_line(text));
    let _no_lines = (Certificate::parse_line(text), TrustedRoot::parse_all(text), State::parse(text));
}

/// Hashes of anybody's prove nothing: their tree is not that of one leaf.
fn proofs(bytes: &[u8]) {
    let Some((numbers, hashes)) = bytes.split_at_checked(2) else { return };
    let hashes: Vec<[u8; 32]> =
        hashes.chunks_exact(32).map(|hash| hash.try_into().expect("32 bytes")).collect();
    let (old, new) = (u64::from(numbers[0]), u64::from(numbers[1]));
    let mut tree = Tree::new();
    tree.push([7; 32]);
    let root = tree.root();
    let included = verify_inclusion(&[8; 32], old, new, &hashes, &root).is_ok();
    let extends = verify_consistency(old, &[8; 32], new, &root, &hashes).is_ok();
    assert!(!included && !(extends && old > 0), "{old} of {new}");
}

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    if seed % ANEW > 0 {
        return fuzzer_mutate(data, size, max_size);
    }
    let (honest, choice) = (&*HONEST, seed / ANEW % (HONEST.files.len() as u32 + 1));
    let begun = match honest.files.values().nth(choice as usize) {
        Some(content) => content.clone(),
        None => archive(&honest.files),
    };
    let next = [&[choice as u8], begun.as_slice()].concat();
    if next.len() > max_size {
        return fuzzer_mutate(data, size, max_size);
    }
    data[..next.len()].copy_from_slice(&next);
    next.len()
});
