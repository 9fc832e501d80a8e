//! Bundles that are too much, cut off or damaged: never a panic, never a good verdict.

use std::fs::{self, File};

use redoubt_audit::bundle::{manifest, name, records_name};
use redoubt_audit::verify::{Known, Verdict, verify};
use tar::Header;

use crate::appliance::{Appliance, Order};
use crate::files::{Files, archive, file, honest, manifest_of, put_folder, seal, sign};
use crate::hostile::member;
use crate::random::Random;
use crate::trial::Place;
use crate::world::World;

/// A bundle of a few records, and the auditor who waits for it.
struct Small {
    appliance: Appliance,
    files: Files,
    known: Known,
    place: Place,
}

fn small() -> Small {
    let mut appliance = Appliance::new(Random(7));
    appliance.happen();
    let seen = appliance.export(&Order::default()).index;
    let known = Known {
        roots: vec![appliance.keys.trusted()],
        state: Some(appliance.state(seen.size, seen.export)),
        nonce: None,
    };
    let exported = appliance.export(&Order::default());
    let files = honest(&appliance, &exported);
    let place = Place::trusting(&known.roots);
    Small { appliance, files, known, place }
}

impl Small {
    fn verdict(&self, bytes: &[u8]) -> Verdict {
        let path = self.place.next();
        fs::write(&path, bytes).unwrap();
        let verdict = verify(&path, &self.known).unwrap().report.verdict;
        fs::remove_file(path).unwrap();
        verdict
    }

    /// Both verifiers refuse it.
    fn refused(&self, bytes: &[u8]) {
        let path = self.place.next();
        fs::write(&path, bytes).unwrap();
        self.place.judge(&path, &self.known, Verdict::Invalid, true);
    }
}

#[test]
fn an_archive_that_is_cut_off_is_invalid() {
    let small = small();
    let whole = archive(&small.files);
    assert_eq!(small.verdict(&whole), Verdict::Verified);
    // Without the two blocks at its end it has all files still.
    for end in (0..whole.len() - 1024).step_by(512) {
        assert_eq!(small.verdict(&whole[..end]), Verdict::Invalid, "{end}");
    }
}

#[test]
fn members_that_are_no_plain_files_make_an_archive_invalid() {
    let small = small();
    let whole = archive(&small.files);
    // Links, devices, folders, pipes, contiguous files (POSIX ustar); long names, sparse files, volumes (GNU); pax.
    for kind in *b"1234567LKSVMNxgAZ" {
        small.refused(&[member("siem/more", kind, b"17 path=VERIFY.t\n"), whole.clone()].concat());
    }
    for odd in [
        "/VERIFY.txt",
        "../VERIFY.txt",
        "a/../VERIFY.txt",
        "./VERIFY.txt",
        "siem//x",
        "siem/",
        "a\nb",
        "\u{e4}",
    ] {
        small.refused(&[member(odd, b'0', b"x"), whole.clone()].concat());
    }
    for name in [name::GUIDE, name::MANIFEST, "verify.TXT"] {
        small.refused(&[member(name, b'0', &small.files[name::GUIDE]), whole.clone()].concat());
    }
    // As GNU tar writes by default, and as before POSIX.
    for magic in [b"ustar  \0", &[0; 8]] {
        small.refused(&with_magic(&whole, magic));
    }
    small.refused(b"");
    small.refused(&[0; 10_240]);
    small.refused(&vec![b'a'; 10_240]);
}

/// The archive with another magic and version in its first header (POSIX ustar: `ustar`, zero, `00`).
fn with_magic(archive: &[u8], magic: &[u8; 8]) -> Vec<u8> {
    let mut changed = archive.to_vec();
    let mut header = Header::new_old();
    header.as_mut_bytes().copy_from_slice(&changed[..512]);
    header.as_mut_bytes()[257..265].copy_from_slice(magic);
    header.set_cksum();
    changed[..512].copy_from_slice(header.as_bytes());
    changed
}

/// How far apart the bytes are that are damaged.
fn step() -> usize {
    if crate::long() { 1 } else { 5 }
}

#[test]
fn whatever_byte_is_damaged_no_bundle_is_verified() {
    let small = small();
    let whole = archive(&small.files);
    let mut random = Random(1);
    let mut damaged = whole.clone();
    for content in small.files.values() {
        let begin = whole.windows(content.len()).position(|part| part == content.as_slice()).unwrap();
        for at in (begin..begin + content.len()).step_by(step()) {
            damaged[at] ^= two_bits(&mut random);
            assert_ne!(small.verdict(&damaged), Verdict::Verified, "byte {at}");
            damaged[at] = whole[at];
        }
    }
}

/// `MANIFEST` is signed again, so that every reader behind it sees the damage. What people read is not compared.
#[test]
fn whatever_byte_is_damaged_before_the_signature_no_bundle_is_verified() {
    let small = small();
    let mut random = Random(2);
    let read = |name: &&String| {
        !name.starts_with(name::MANIFEST) && ![name::GUIDE, name::SIGNERS].contains(&name.as_str())
    };
    for name in small.files.keys().filter(read) {
        for at in (0..small.files[name].len()).step_by(step()) {
            let mut damaged = small.files.clone();
            file(&mut damaged, name)[at] ^= two_bits(&mut random);
            seal(&mut damaged, &small.appliance.keys, 0);
            assert_ne!(small.verdict(&archive(&damaged)), Verdict::Verified, "{name}, byte {at}");
        }
    }
}

/// Damage of any sort in any file, `MANIFEST` signed again if it is one that it lists: both verifiers say the same.
#[test]
fn both_verifiers_say_the_same_of_whatever_is_damaged() {
    let small = small();
    let names: Vec<&String> = small.files.keys().collect();
    for seed in 0..if crate::long() { 300 } else { 20 } {
        let mut random = Random(seed);
        let name = random.pick(&names);
        let mut damaged = small.files.clone();
        damage(&mut random, file(&mut damaged, name));
        if !name.starts_with(name::MANIFEST) {
            seal(&mut damaged, &small.appliance.keys, 0);
        }
        let is_read = ![name::GUIDE, name::SIGNERS].contains(&name.as_str());
        let expected = if is_read { Verdict::Invalid } else { Verdict::Verified };
        let bundle = small.place.next();
        put_folder(&damaged, &bundle);
        println!("seed {seed}: {name}");
        small.place.judge(&bundle, &small.known, expected, true);
    }
}

/// Bits turned, a byte gone, a byte twice, or what stands behind moved to the front.
fn damage(random: &mut Random, content: &mut Vec<u8>) {
    let at = random.index(content.len());
    let before = content.clone();
    match random.within(0..4) {
        0 => content[at] ^= two_bits(random),
        1 => drop(content.remove(at)),
        2 => content.insert(at, content[at]),
        _ => content.rotate_left(at),
    }
    if *content == before {
        content[at] ^= 1;
    }
}

fn two_bits(random: &mut Random) -> u8 {
    let first = random.within(0..8);
    1 << first | 1 << ((first + random.within(1..8)) % 8)
}

/// A file without a newline that is larger than a verifier's memory should be; it takes no place on the disk.
#[test]
fn a_line_of_a_gibibyte_is_refused_without_being_held() {
    /// SHA-256 of 2^30 zero bytes.
    const ZEROS: &str = "49bc20df15e412a64472421e13fe86ff1c5165e18b2afccf160d4dc19fe68a14";
    let mut small = small();
    let records = records_name(0);
    let old = manifest::line(&records, &crate::files::sha256(&small.files[&records]));
    let text = String::from_utf8(manifest_of(&small.files)).unwrap();
    let text = text.replace(&old, &format!("{ZEROS}  {records}\n"));
    sign(&mut small.files, text.into_bytes(), &small.appliance.keys, 0);
    let bundle = small.place.next();
    put_folder(&small.files, &bundle);
    File::create(bundle.join(&records)).unwrap().set_len(1 << 30).unwrap();
    let (findings, _) = small.place.judge(&bundle, &small.known, Verdict::Invalid, true);
    assert!(findings[0].why.contains("longer than"), "{findings:?}");
}

#[test]
fn a_bundle_of_another_log_of_the_same_root_is_invalid_for_who_knows_this_one() {
    let (world, other) = (World::new(1, true), World::new(2, true));
    let place = Place::new(&other);
    let state = redoubt_audit::verify::State { origin: world.anchor.origin.clone(), ..other.anchor.clone() };
    let known = place.known(state, None, &other);
    place.judge(&place.put(&other.honest, &other), &known, Verdict::Invalid, true);
}
