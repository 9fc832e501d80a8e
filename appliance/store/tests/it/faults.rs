//! A disk that is full or fails. The faults are real ones of the kernel, so each test runs itself again in
//! a process that has such a disk.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use redoubt_audit::{Actor, Draft, Outcome, catalogue};
use redoubt_store::audit_log::Filter;
use redoubt_store::{DataKey, Error, Options, ReserveState, Store, audit_log};
use ring::rand::SystemRandom;

use crate::support::{TestClock, origin};

/// Where the second run of a test finds its folder.
const FOLDER: &str = "REDOUBT_TEST_FAULT_FOLDER";

/// In the second run of this test: the folder to work in.
fn faulty_folder() -> Option<PathBuf> {
    env::var_os(FOLDER).map(PathBuf::from)
}

/// Runs the test `name` again inside of `shell`, a script that makes the disk faulty and then runs `"$@"`.
fn run_again(name: &str, folder: &Path, wrapper: &[&str], shell: &str) {
    let script = format!("{shell} && exec \"$@\"");
    let mut words = wrapper.to_vec();
    words.extend(["sh", "-c", &script, "sh"]);
    let output = Command::new(words[0])
        .args(&words[1..])
        .arg(env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(FOLDER, folder)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}\n{complained}");
}

fn draft(size: usize) -> Draft {
    Draft::new(catalogue::SYSTEM_BOOT, Outcome::Ok, Actor::system()).data("fill", "x".repeat(size))
}

fn write(store: &Store, size: usize) -> Result<u64, Error> {
    store.write_blocking(move |tx| tx.audit(draft(size)))
}

/// Writes until that is refused and returns how many writes were acknowledged.
fn fill(store: &Store, size: usize) -> u64 {
    fill_from(store, size, 0)
}

fn fill_from(store: &Store, size: usize, mut acknowledged: u64) -> u64 {
    loop {
        match write(store, size) {
            Ok(seq) => assert_eq!(seq, acknowledged),
            Err(error) => {
                assert!(matches!(error, Error::Unavailable(_)), "{error}");
                return acknowledged;
            }
        }
        acknowledged += 1;
    }
}

fn create(folder: &Path) -> (Store, DataKey, Options) {
    let key = DataKey::generate(&SystemRandom::new()).unwrap();
    let options = Options::at(folder.join("redoubt.db"));
    let store = Store::create(options.clone(), key.clone(), TestClock::new(), origin()).unwrap();
    (store, key, options)
}

fn reopen(options: &Options, key: &DataKey) -> Store {
    Store::open(options.clone(), key.clone(), TestClock::new(), origin()).unwrap()
}

/// A tmpfs of 2 MiB in a mount namespace of its own.
#[test]
fn a_full_disk_refuses_loses_nothing_and_is_over_when_there_is_space() {
    let Some(folder) = faulty_folder() else {
        let folder = tempfile::tempdir().unwrap();
        let wrapper = ["unshare", "--user", "--map-root-user", "--mount"];
        let mount = format!("mount -t tmpfs -o size=2m tmpfs {}", folder.path().display());
        let name = "faults::a_full_disk_refuses_loses_nothing_and_is_over_when_there_is_space";
        return run_again(name, folder.path(), &wrapper, &mount);
    };
    let ballast = folder.join("ballast");
    std::fs::write(&ballast, vec![1; 512 << 10]).unwrap();
    let (store, key, options) = create(&folder);
    let acknowledged = fill(&store, 8_000);
    assert!(acknowledged > 10, "the disk was full too soon");
    for _ in 0..20 {
        assert!(matches!(write(&store, 8_000), Err(Error::Unavailable(_))));
    }
    assert!(!store.failed(), "a full disk is no reason to stop for good");
    assert_eq!(store.read_blocking(audit_log::size).unwrap(), acknowledged);
    assert_eq!(store.check_integrity().unwrap(), Vec::<String>::new());

    std::fs::remove_file(&ballast).unwrap();
    assert_eq!(write(&store, 8_000).unwrap(), acknowledged);
    assert_eq!(store.check_integrity().unwrap(), Vec::<String>::new());
    drop(store);
    let store = reopen(&options, &key);
    assert_eq!(store.read_blocking(audit_log::size).unwrap(), acknowledged + 1);
    assert_eq!(store.check_integrity().unwrap(), Vec::<String>::new());
}

/// The reserve is what the last records fit into, beginning with the one of its giving up.
#[test]
fn a_full_disk_takes_the_reserve_and_says_so_first() {
    let Some(folder) = faulty_folder() else {
        let folder = tempfile::tempdir().unwrap();
        let wrapper = ["unshare", "--user", "--map-root-user", "--mount"];
        let mount = format!("mount -t tmpfs -o size=4m tmpfs {}", folder.path().display());
        let name = "faults::a_full_disk_takes_the_reserve_and_says_so_first";
        return run_again(name, folder.path(), &wrapper, &mount);
    };
    let (store, _, _) = create(&folder);
    assert!(store.keep_reserve().unwrap());
    let acknowledged = fill(&store, 8_000);
    assert_eq!(store.reserve(), ReserveState::Gone);
    assert!(!store.keep_reserve().unwrap(), "there is room for it");
    assert_eq!(write(&store, 8_000).unwrap(), acknowledged + 1);
    let filter = Filter { from_seq: Some(acknowledged), to_seq: Some(acknowledged), ..Filter::default() };
    let page = store.read_blocking(move |reader| audit_log::list(reader, &filter, None, 1)).unwrap();
    let first: serde_json::Value = serde_json::from_slice(page.items[0].record.bytes()).unwrap();
    assert_eq!(first["act"], "storage.threshold");
    assert_eq!(first["d"]["percent"], 100);
    fill_from(&store, 8_000, acknowledged + 2);
    assert!(!store.failed());
    assert_eq!(store.check_integrity().unwrap(), Vec::<String>::new());
}

/// A limit on the size of files makes write(2) fail with EFBIG, which SQLite reports like EIO, if the limit
/// is where a write begins: a shorter write it takes for a full disk. A log has 32 bytes and then frames of
/// 4,120, so after 212 frames it ends on a block of 512 bytes.
#[test]
fn a_disk_that_fails_under_a_commit_stops_the_writer_for_good() {
    let Some(folder) = faulty_folder() else {
        let folder = tempfile::tempdir().unwrap();
        let name = "faults::a_disk_that_fails_under_a_commit_stops_the_writer_for_good";
        return run_again(
            name,
            folder.path(),
            &[],
            &format!("trap '' XFSZ && ulimit -f {}", (32 + 212 * 4_120) / 512),
        );
    };
    let (store, key, options) = create(&folder);
    let acknowledged = fill(&store, 8_000);
    assert!(acknowledged > 10, "the disk failed too soon");
    assert!(store.failed());
    let refused = write(&store, 10);
    assert!(matches!(refused, Err(Error::Unavailable("it stopped after a failed write"))), "{refused:?}");
    assert_eq!(store.read_blocking(audit_log::size).unwrap(), acknowledged, "reading goes on");
    drop(store);
    let store = reopen(&options, &key);
    assert_eq!(store.read_blocking(audit_log::size).unwrap(), acknowledged);
    assert_eq!(store.check_integrity().unwrap(), Vec::<String>::new());
}
