//! A backup that is not whole is refused before anything is touched.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;

use super::{back_up, command, snapshot};
use crate::audit::served::Served;

/// Name, where its content begins, and how long that is.
type Member = (String, usize, usize);

fn members(archive: &Path) -> Vec<Member> {
    let mut archive = tar::Archive::new(File::open(archive).unwrap());
    let entries = archive.entries().unwrap().map(|entry| {
        let entry = entry.unwrap();
        let name = entry.path().unwrap().to_str().unwrap().to_owned();
        (name, usize::try_from(entry.raw_file_position()).unwrap(), usize::try_from(entry.size()).unwrap())
    });
    entries.collect()
}

fn content(archive: &Path, name: &str) -> String {
    let mut archive = tar::Archive::new(File::open(archive).unwrap());
    let mut entries = archive.entries().unwrap().map(Result::unwrap);
    let mut entry = entries.find(|entry| entry.path().unwrap() == Path::new(name)).unwrap();
    let mut text = String::new();
    entry.read_to_string(&mut text).unwrap();
    text
}

/// The archive without this member.
fn without(whole: &[u8], members: &[Member], name: &str) -> Vec<u8> {
    let (_, start, size) = members.iter().find(|member| member.0 == name).unwrap();
    let end = start + size.next_multiple_of(512);
    [&whole[..start - 512], &whole[end..]].concat()
}

/// Each damage with what is said about it.
fn damages(backup: &Path) -> Vec<(String, Vec<u8>, &'static str)> {
    let (whole, members) = (fs::read(backup).unwrap(), members(backup));
    let mut damages = Vec::new();
    for (name, start, size) in &members {
        let mut flipped = whole.clone();
        flipped[start + size / 2] ^= 1;
        damages.push((format!("a bit of {name}"), flipped, "no whole backup"));
        damages.push((format!("no {name}"), without(&whole, &members, name), "missing"));
        damages.push((format!("cut off in {name}"), whole[..start + size / 2].to_vec(), "no whole backup"));
    }
    let summary = content(backup, "backup.json");
    let mut newer = whole.clone();
    let at = members[0].1 + summary.find("\"v\": 1").unwrap() + 5;
    newer[at] = b'2';
    damages.push(("a newer version".to_owned(), newer, "newer Redoubt"));
    damages.push(("nothing".to_owned(), Vec::new(), "no whole backup"));
    damages.push(("a picture".to_owned(), vec![0x89; 4096], "no whole backup"));
    damages
}

#[test]
fn whatever_is_damaged_the_backup_is_refused_and_nothing_is_touched() {
    let served = Served::new("");
    let stick = tempfile::tempdir().unwrap();
    let backup = back_up(&served.config(), stick.path());
    let before = snapshot(served.folder());
    let damages = damages(&backup);
    assert!(damages.len() > 20, "only {} damages", damages.len());
    let damaged = stick.path().join("damaged.tar");
    for (what, bytes, why) in damages {
        fs::write(&damaged, bytes).unwrap();
        let output = command("restore", &served.config()).arg(&damaged).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{what}: {said}");
        assert!(said.contains(why) && said.contains("damaged.tar"), "{what}: {said}");
        assert_eq!(snapshot(served.folder()), before, "{what}");
    }
}

/// What has right sums and was put together by somebody without the key does not open.
#[test]
fn a_backup_of_another_appliance_does_not_open_by_this_one_s_key() {
    let (served, other) = (Served::new(""), Served::new(""));
    let stick = tempfile::tempdir().unwrap();
    let backup = back_up(&other.config(), stick.path());
    let before = snapshot(served.folder());
    let output = command("restore", &served.config()).arg(&backup).output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(snapshot(served.folder()), before);
}
