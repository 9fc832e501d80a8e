//! Sticks that somebody tampered with: each is refused by `verify.sh` and by `install.sh`, with nothing written.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use rustix::process::geteuid;

use super::release::{Stick, fingerprint, honest, new_key, script, sign, text, verify};

const PART: &str = "models/SmolLM2-135M-Instruct.Q4_1.gguf";
const SUM: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// What somebody did to a stick, and words of the refusal.
struct Kind {
    name: &'static str,
    words: &'static str,
    tamper: fn(&Stick),
}

const fn kind(name: &'static str, words: &'static str, tamper: fn(&Stick)) -> Kind {
    Kind { name, words, tamper }
}

/// Done by somebody without the keys.
const WITHOUT_KEYS: [Kind; 22] = [
    kind("a flipped bit of the executable", "not what was signed: redoubt", |stick| flip(stick, "redoubt")),
    kind("a flipped bit of a model", "not what was signed: models/", |stick| {
        flip(stick, "models/all-MiniLM-L6-v2.tokenizer.json");
    }),
    kind("a flipped bit of a script", "not what was signed: install.sh", |stick| flip(stick, "install.sh")),
    kind("a missing file", "manual/FORMAT.md is missing", |stick| {
        fs::remove_file(stick.at("manual/FORMAT.md")).unwrap();
    }),
    kind("one file more", "systemd/redoubt-more.service is not in the MANIFEST", |stick| {
        stick.write("systemd/redoubt-more.service", b"[Service]\nExecStart=/bin/sh\n");
    }),
    kind("one folder more", "manual/more is not in the MANIFEST", |stick| {
        fs::create_dir(stick.at("manual/more")).unwrap();
    }),
    kind("a truncated file", "not what was signed: redoubt", |stick| {
        stick.edit("redoubt", |bytes| bytes.truncate(bytes.len() - 1));
    }),
    kind("two files of a model swapped", "not what was signed: models/", |stick| {
        swap(stick, "models/all-MiniLM-L6-v2.tokenizer.json", "models/all-MiniLM-L6-v2.config.json");
    }),
    kind("a missing part of a model", ".gguf.001 is missing", |stick| {
        fs::remove_file(stick.at(&format!("{PART}.001"))).unwrap();
    }),
    kind("two parts of a model swapped", "not what was signed: models/", |stick| {
        swap(stick, &format!("{PART}.000"), &format!("{PART}.001"));
    }),
    kind("a link in place of a file", "redoubt is neither a file nor a folder", |stick| {
        fs::remove_file(stick.at("redoubt")).unwrap();
        symlink(honest().folder.join("redoubt"), stick.at("redoubt")).unwrap();
    }),
    kind("a link in place of a folder", "manual is neither a file nor a folder", |stick| {
        fs::remove_dir_all(stick.at("manual")).unwrap();
        symlink(honest().folder.join("manual"), stick.at("manual")).unwrap();
    }),
    kind("a fifo in place of a file", "LICENSE is neither a file nor a folder", |stick| {
        fs::remove_file(stick.at("LICENSE")).unwrap();
        make_node(stick, "LICENSE", &["p"]);
    }),
    kind("a fifo in place of a signature", "MANIFEST.sig is missing or not a plain file", |stick| {
        fs::remove_file(stick.at("MANIFEST.sig")).unwrap();
        make_node(stick, "MANIFEST.sig", &["p"]);
    }),
    kind("a name with a line break", "is a name that is refused", |stick| {
        stick.write("manual/a\nMANIFEST", b"");
    }),
    kind("a name beyond ASCII", "is a name that is refused", |stick| stick.write("manual/r\u{435}adme", b"")),
    kind("a name that is no text", "is a name that is refused", |stick| {
        fs::write(stick.path.join(OsStr::from_bytes(b"manual/\xff")), b"").unwrap();
    }),
    kind("a name like an option", "is a name that is refused", |stick| stick.write("--root", b"")),
    kind("a hidden name", "is a name that is refused", |stick| stick.write("models/.profile", b"")),
    kind("the MANIFEST adapted to a changed file", "no good signature", |stick| {
        stick.edit("install.sh", |bytes| bytes.extend(b"# more\n"));
        let sum = sum_of(&stick.at("install.sh"));
        stick.edit("MANIFEST", |bytes| {
            let lines = text(bytes);
            let lines = lines.lines().map(|line| match line.split_once("  ") {
                Some((_, "install.sh")) => format!("{sum}  install.sh\n"),
                _ => format!("{line}\n"),
            });
            *bytes = lines.collect::<String>().into_bytes();
        });
    }),
    kind("signed by strangers, who put themselves into the file of signers", "no good signature", |stick| {
        let keys = ["one", "two"].map(|name| new_key(stick.path.parent().unwrap(), name));
        let line = |key: &PathBuf| {
            let public = fs::read_to_string(key.with_extension("pub")).unwrap();
            format!("release@redoubt {public}")
        };
        stick.write("signers", keys.iter().map(line).collect::<String>().as_bytes());
        let sum = sum_of(&stick.at("signers"));
        stick.edit("MANIFEST", |bytes| {
            *bytes = text(bytes).replace(&sum_of(&honest().folder.join("signers")), &sum).into_bytes();
        });
        stick.sign_by(&keys);
    }),
    kind("a MANIFEST that is a folder", "MANIFEST is missing or not a plain file", |stick| {
        fs::remove_file(stick.at("MANIFEST")).unwrap();
        fs::create_dir(stick.at("MANIFEST")).unwrap();
    }),
];

/// Done by whoever has one of the keys, or signed by both for something else, or by mistake.
const WITH_KEYS: [Kind; 15] = [
    kind("one signature of two", "no good signature", |stick| {
        fs::remove_file(stick.at("MANIFEST.sig2")).unwrap();
    }),
    kind("the same signature twice", "no good signature", |stick| {
        fs::remove_file(stick.at("MANIFEST.sig2")).unwrap();
        fs::copy(stick.at("MANIFEST.sig"), stick.at("MANIFEST.sig2")).unwrap();
    }),
    kind("signatures of another namespace", "no good signature", |stick| {
        for (key, name) in honest().keys.iter().zip(["MANIFEST.sig", "MANIFEST.sig2"]) {
            fs::remove_file(stick.at(name)).unwrap();
            sign(&stick.path, key, "file", name);
        }
    }),
    kind("another product", "not that of a release of Redoubt", |stick| {
        stick.edit_signed(|text| text.replacen("# redoubt release 1", "# bastion release 1", 1));
    }),
    kind("an older version", "is older than 0.1.0", |stick| {
        stick.edit_signed(|text| text.replace(" 0.1.0\n", " 0.0.9\n"));
    }),
    kind("a version that this one may not go to", "go to a version before 0.9.0 first", |stick| {
        stick.edit_signed(|text| text.replace(" 0.1.0\n", " 0.9.0\n"));
    }),
    kind("two versions", "no version of three numbers", |stick| {
        stick.edit_signed(|text| text.replacen("# min_from", "# version 9.0.0\n# min_from", 1));
    }),
    kind("a name that leads out", "a name that is refused", |stick| add_line(stick, "../etc/passwd")),
    kind("an absolute name", "a name that is refused", |stick| add_line(stick, "/etc/passwd")),
    kind("two names that FAT takes for one", "differ in capitals only", |stick| {
        stick.write("Redoubt", b"");
        add_line(stick, "Redoubt");
    }),
    kind("two folders that FAT takes for one", "differ in capitals only", |stick| {
        fs::create_dir(stick.at("Manual")).unwrap();
        stick.write("Manual/more", b"");
        add_line(stick, "Manual/more");
    }),
    kind("a name twice", "a name that is there twice", |stick| add_line(stick, "LICENSE")),
    kind("parts with a gap", "a part is missing", |stick| {
        stick.edit_signed(|text| {
            let lines = text.lines().filter(|line| !line.ends_with(".gguf.001"));
            lines.map(|line| format!("{line}\n")).collect()
        });
    }),
    kind("a sum that is none", "not a sum and a name", |stick| {
        stick.edit_signed(|text| format!("{text}00  more\n"));
    }),
    kind("bytes that are no text", "MANIFEST is not plain text", |stick| {
        stick.edit_signed(|text| format!("{text}#\0\n"));
    }),
];

#[test]
fn every_tampered_stick_is_refused_before_anything_is_written() {
    for kind in WITHOUT_KEYS.iter().chain(&WITH_KEYS) {
        is_refused(kind);
    }
}

#[test]
fn a_device_on_the_stick_is_refused() {
    if !geteuid().is_root() {
        return eprintln!("not tried: only root makes devices");
    }
    is_refused(&kind("a device in place of a file", "LICENSE is neither a file nor a folder", |stick| {
        fs::remove_file(stick.at("LICENSE")).unwrap();
        make_node(stick, "LICENSE", &["c", "1", "5"]);
    }));
}

fn is_refused(kind: &Kind) {
    let stick = honest().copy();
    (kind.tamper)(&stick);
    let (root, before) = installed_tree();
    let demands = honest().demands();
    let mut installer = script("install.sh");
    installer.args(&demands).arg("--from").arg(&stick.path).arg("--root").arg(root.path());
    for (script, said) in
        [("verify.sh", verify(&stick.path, &demands, root.path())), ("install.sh", output(&mut installer))]
    {
        let words = text(&said.stderr);
        assert_eq!(said.status.code(), Some(1), "{}: {script}: {words}", kind.name);
        assert!(words.contains("REFUSED") && words.contains(kind.words), "{}: {script}: {words}", kind.name);
        assert!(
            !words.contains('\u{fffd}') && words.trim_end().lines().count() == 1,
            "{}: {words}",
            kind.name
        );
        assert_eq!(everything(root.path()), before, "{}: {script} wrote", kind.name);
    }
}

fn output(command: &mut Command) -> Output {
    command.output().unwrap()
}

#[test]
fn the_honest_stick_is_proved_whichever_way_its_signers_are_named() {
    let (root, _) = installed_tree();
    let release = honest();
    let proved = |demands: &[String], words: &[&str]| {
        let said = verify(&release.folder, demands, root.path());
        let proof = text(&said.stdout);
        assert!(said.status.success(), "{}", text(&said.stderr));
        assert!(words.iter().all(|word| proof.contains(word)), "{proof}");
    };
    let prints = release.keys.each_ref().map(|key| fingerprint(key));
    proved(&release.demands(), &[&prints[0], &prints[1], "installed: 0.1.0"]);
    proved(&["--fingerprint".to_owned(), prints[1].clone()], &[&prints[1]]);
    let signers = root.path().join("trusted");
    fs::copy(release.folder.join("signers"), &signers).unwrap();
    proved(&["--signers".to_owned(), signers.to_str().unwrap().to_owned()], &[&prints[0], &prints[1]]);
}

#[test]
fn nobody_is_trusted_who_was_not_named() {
    let root = tempfile::tempdir().unwrap();
    let said = verify(&honest().folder, &[], root.path());
    assert_eq!(said.status.code(), Some(2));
    assert!(text(&said.stderr).contains("who must have signed?"), "{}", text(&said.stderr));
    let stranger = new_key(root.path(), "stranger");
    let said = verify(&honest().folder, &["--fingerprint".to_owned(), fingerprint(&stranger)], root.path());
    assert_eq!(said.status.code(), Some(1));
    for odd in ["SHA256:", "SHA256:*", "MD5:00", ""] {
        let said = verify(&honest().folder, &["--fingerprint".to_owned(), odd.to_owned()], root.path());
        assert_eq!(said.status.code(), Some(2), "{odd:?}: {}", text(&said.stderr));
    }
}

#[test]
fn the_readmes_commands_verify_a_stick_by_hand() {
    let readme = fs::read_to_string(honest().folder.join("README.md")).unwrap();
    let commands: Vec<_> = readme
        .lines()
        .filter(|line| line.starts_with("ssh-keygen -Y verify") || line.starts_with("sha256sum --check"))
        .collect();
    assert_eq!(commands.len(), 2, "{commands:?}");
    for command in commands {
        let said = output(Command::new("sh").args(["-c", command]).current_dir(&honest().folder));
        assert!(said.status.success(), "{command}: {}", text(&said.stderr));
        let is_signature = command.starts_with("ssh-keygen");
        assert!(!is_signature || text(&said.stdout).contains(&fingerprint(&honest().keys[0])));
    }
}

/// Bytes, and rights, inode and time of change, of what is below a folder.
type Everything = BTreeMap<PathBuf, (Vec<u8>, [i64; 4])>;

/// A tree in which 0.1.0 is installed, and what it looks like.
fn installed_tree() -> (tempfile::TempDir, Everything) {
    let root = tempfile::tempdir().unwrap();
    let release = root.path().join("opt/redoubt/current");
    for folder in [&release, &root.path().join("etc"), &root.path().join("var/lib")] {
        fs::create_dir_all(folder).unwrap();
    }
    fs::write(release.join("MANIFEST"), "# redoubt release 1\n# version 0.1.0\n").unwrap();
    let before = everything(root.path());
    (root, before)
}

fn everything(folder: &Path) -> Everything {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let is = fs::symlink_metadata(&path).unwrap();
        let facts = [i64::from(is.mode()), is.ino().cast_signed(), is.ctime(), is.ctime_nsec()];
        let bytes = if is.is_dir() {
            all.extend(everything(&path));
            Vec::new()
        } else {
            fs::read(&path).unwrap()
        };
        all.insert(path, (bytes, facts));
    }
    all
}

fn flip(stick: &Stick, name: &str) {
    stick.edit(name, |bytes| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
    });
}

fn swap(stick: &Stick, one: &str, other: &str) {
    let aside = stick.path.parent().unwrap().join("aside");
    fs::rename(stick.at(one), &aside).unwrap();
    fs::rename(stick.at(other), stick.at(one)).unwrap();
    fs::rename(aside, stick.at(other)).unwrap();
}

/// A line for an empty file of this name.
fn add_line(stick: &Stick, name: &str) {
    stick.edit_signed(|text| format!("{text}{SUM}  {name}\n"));
}

fn make_node(stick: &Stick, name: &str, kind: &[&str]) {
    assert!(Command::new("mknod").arg(stick.at(name)).args(kind).status().unwrap().success());
}

fn sum_of(path: &Path) -> String {
    let told = output(Command::new("sha256sum").arg(path));
    text(&told.stdout).split(' ').next().unwrap().to_owned()
}
