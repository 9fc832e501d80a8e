//! What was backed up comes back: chats, people and the log, which says what happened.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::{back_up, command, json, snapshot};
use crate::audit::served::Served;
use crate::audit::workbench::bench_of;
use crate::faults::canaries::{CANARY, tainted};
use crate::support::{Client, Demo, long};

/// The most chats that somebody makes meanwhile.
const MOST: usize = 2_000;

/// Makes chats until told to stop, and returns those that the appliance confirmed, with how many there were at the beginning.
fn write(client: &Client, stop: &AtomicBool) -> Vec<String> {
    let mut made = Vec::new();
    while !stop.load(Ordering::Relaxed) && made.len() < MOST {
        made.push(client.new_chat());
    }
    made
}

/// A configuration of an appliance that is to go on from somebody else's backup, by the key file of that.
fn elsewhere(folder: &Path, key_file: &Path) -> (PathBuf, PathBuf) {
    let (config, data) = (folder.join("other.toml"), folder.join("other"));
    fs::write(&config, format!("[data]\ndir = {data:?}\n[keys]\nfile = {key_file:?}\n")).unwrap();
    (config, data)
}

#[test]
fn a_backup_made_while_people_write_brings_back_what_they_had() {
    let demo = Demo::start(2);
    let (data, stick) = (demo.data(), tempfile::tempdir().unwrap());
    let (config, restored) = elsewhere(stick.path(), &data.join("store.key"));
    let bench = bench_of(&demo);
    let analyst = demo.sign_in(&demo.person("analyst2"));
    let asked = analyst.post("/api/v1/chats", &serde_json::json!({"title": format!("{CANARY} kept")}));
    let kept = asked.is(201).json()["id"].as_str().unwrap().to_owned();
    analyst.ask(&kept, CANARY);
    let early = bench.export(&data, "early.tar", &[]);
    assert_eq!(bench.verdict(&early, "early", &[]), "UNANCHORED");

    let stop = AtomicBool::new(false);
    let (backup, made) = thread::scope(|scope| {
        let writer = scope.spawn(|| write(&analyst, &stop));
        thread::sleep(Duration::from_millis(300));
        let served = crate::support::executable_with(["backup", "--json", "--data"])
            .arg(&data)
            .arg("--to")
            .arg(stick.path())
            .output()
            .unwrap();
        stop.store(true, Ordering::Relaxed);
        (PathBuf::from(json(&served)["backup"].as_str().unwrap()), writer.join().unwrap())
    });
    assert!(!made.is_empty(), "nobody wrote meanwhile");
    let late = bench.export(&data, "late.tar", &[]);
    assert_eq!(bench.verdict(&late, "late", &[]), "UNANCHORED");
    assert_eq!(tainted(stick.path()), Vec::<PathBuf>::new(), "a word can be read in the backup");

    let told = json(&command("restore", &config).arg(&backup).output().unwrap());
    assert_eq!(told["restored"], restored.to_str().unwrap());
    assert!(told["sessions_ended"].as_u64().unwrap() >= 1);
    let chats = chats_of(&restored, &data.join("store.key"));
    assert!(chats.contains(&kept));
    let there = made.iter().take_while(|id| chats.contains(id)).count();
    assert!(there > 0 && chats.len() == there + 1, "{there} of {} and {} in all", made.len(), chats.len());

    // The log goes on: for who saw less, from there; for who saw more, it is another one, and says so.
    let more = ["--config", config.to_str().unwrap()];
    let after = bench.export(&restored, "after.tar", &more);
    assert_eq!(bench.verdict(&after, "early", &[]), "VERIFIED");
    let again = bench.export(&restored, "again.tar", &more);
    assert_eq!(bench.verdict(&again, "late", &[]), "DIVERGED");
    let records = fs::read_to_string(unpacked(&again).join("records/00000000.jsonl")).unwrap();
    for act in ["\"backup.create\"", "\"backup.restore\"", "\"reason\":\"restore\""] {
        assert!(records.contains(act), "{act} is in no record");
    }
}

fn chats_of(data: &Path, key: &Path) -> Vec<String> {
    use std::sync::Arc;
    let clock: Arc<dyn redoubt_store::Clock> = Arc::new(redoubt::clock::SystemClock::new());
    let random = ring::rand::SystemRandom::new();
    let store = redoubt::front::open_store(
        data,
        &redoubt::unlock::Unlock::KeyFile(key.to_owned()),
        "test",
        clock,
        &random,
    )
    .unwrap();
    let chats = store
        .read_blocking(|reader| {
            let owner = redoubt_store::users::find_by_name(reader, "analyst2")?.unwrap().id;
            let scope = redoubt_store::chats::Scope { owner, workspace: "general".into() };
            redoubt_store::chats::list(reader, &scope, MOST + 2, None)
        })
        .unwrap();
    store.close().unwrap();
    chats.items.into_iter().map(|chat| chat.id).collect()
}

fn unpacked(bundle: &Path) -> PathBuf {
    let folder = bundle.with_extension("folder");
    tar::Archive::new(fs::File::open(bundle).unwrap()).unpack(&folder).unwrap();
    folder
}

#[test]
fn what_was_there_before_is_kept_and_a_served_directory_is_not_replaced() {
    let mut served = Served::new("");
    let data = served.folder().join("data");
    let stick = tempfile::tempdir().unwrap();
    let backup = back_up(&served.config(), stick.path());
    drop(served.start());
    let refused = command("restore", &served.config()).arg(&backup).output().unwrap();
    assert!(!refused.status.success());
    let why = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(why.contains("stop the appliance first"), "{why}");
    served.fail_to_sign_in();
    served.stop();

    let later = snapshot(&data);
    let told = json(&command("restore", &served.config()).arg(&backup).output().unwrap());
    let before = PathBuf::from(told["before"].as_str().unwrap());
    let moved = snapshot(&before)
        .into_iter()
        .map(|(path, sum)| (data.join(path.strip_prefix(&before).unwrap()), sum));
    assert_eq!(moved.collect::<std::collections::BTreeMap<_, _>>(), later);
    // The restored one serves, and knows which later state it does not have.
    drop(served.start());
    served.stop();
}

#[test]
fn a_drill_tries_everything_and_changes_nothing() {
    let served = Served::new("");
    let stick = tempfile::tempdir().unwrap();
    let backup = back_up(&served.config(), stick.path());
    let before = snapshot(served.folder());
    for _ in 0..if long() { 100 } else { 3 } {
        let told = json(&command("restore", &served.config()).arg(&backup).arg("--drill").output().unwrap());
        assert_eq!(told["drill"], true);
        assert_eq!(told["records"].as_u64(), told["signed"].as_u64().map(|signed| signed + 1));
        assert_eq!(snapshot(served.folder()), before);
    }
}

#[test]
fn the_recovery_key_brings_back_an_appliance_whose_key_file_is_lost() {
    let mut served = Served::new("");
    let stick = tempfile::tempdir().unwrap();
    let backup = back_up(&served.config(), stick.path());
    let key = served.folder().join("keys/store.key");
    fs::remove_file(&key).unwrap();
    let without = command("restore", &served.config()).arg(&backup).output().unwrap();
    assert_eq!(without.status.code(), Some(4), "{}", String::from_utf8_lossy(&without.stderr));
    let recovery_key = served.told("recovery key");
    for (typed, opens) in [("AAAA-BBBB", false), (recovery_key.as_str(), true)] {
        let mut restore = command("restore", &served.config());
        let restore = restore.arg(&backup).arg("--recovery-key").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut restore = restore.stderr(Stdio::piped()).spawn().unwrap();
        writeln!(restore.stdin.take().unwrap(), "{typed}").unwrap();
        let output = restore.wait_with_output().unwrap();
        assert_eq!(output.status.success(), opens, "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert!(key.exists());
    drop(served.start());
    served.stop();
}

#[test]
fn as_many_backups_are_kept_as_asked_for() {
    let served = Served::new("");
    let stick = tempfile::tempdir().unwrap();
    fs::write(stick.path().join("redoubt-00000000-20200101T000000Z.tar"), "another appliance's").unwrap();
    fs::write(stick.path().join("photos.tar"), "").unwrap();
    let mut made = Vec::new();
    for _ in 0..3 {
        let mut backup = command("backup", &served.config());
        let told = json(&backup.args(["--keep", "2", "--to"]).arg(stick.path()).output().unwrap());
        made.push(PathBuf::from(told["backup"].as_str().unwrap()));
        thread::sleep(Duration::from_millis(1_100));
    }
    assert!(!made[0].exists() && made[1].exists() && made[2].exists());
    assert_eq!(fs::read_dir(stick.path()).unwrap().count(), 4, "nothing else was touched or left");
}
