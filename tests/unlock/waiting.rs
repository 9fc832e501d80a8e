//! A start that waits for whoever knows the passphrase: serves nobody, and says so.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::process::Stdio;
use std::time::Duration;

use redoubt::unlock::Unlock;
use redoubt_audit::Value;
use redoubt_store::keys::{Passphrase, Secret};
use rustix::process::{Pid, Signal, kill_process};

use super::{WORDS, key, said, told, unlock_by};
use crate::audit::served::Served;
use crate::support::{await_some, executable_with};

#[test]
fn a_start_waits_for_the_passphrase_and_then_serves() {
    let served = Served::new("");
    told(&key(&served, &["add", "passphrase"], &[WORDS]));
    unlock_by(&served, "console");
    fs::remove_file(served.key()).unwrap();
    let heard = served.folder().join("notify");
    let manager = UnixDatagram::bind(&heard).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let next = || {
        let mut word = [0; 256];
        let count = manager.recv(&mut word).unwrap();
        String::from_utf8(word[..count].to_vec()).unwrap()
    };
    let mut serve = executable_with(["serve".as_ref(), "--config".as_ref(), served.config().as_os_str()]);
    let mut process = serve.env("NOTIFY_SOCKET", &heard).stdout(Stdio::null()).spawn().unwrap();
    assert!(next().contains("locked"), "a start that waits is no failure");

    // Nobody on the network waits for it; whoever asks at the console is told.
    await_some("the refusal", || served.client().try_send("GET", "/healthz", &[], None).err());
    let listed = key(&served, &["list"], &[]);
    assert!(said(&listed).contains("key unlock"), "{}", said(&listed));
    for wrong in ["staple battery horse Correct", ""] {
        let output = key(&served, &["unlock"], &[wrong]);
        assert!(!output.status.success(), "{wrong:?}");
    }
    told(&key(&served, &["unlock"], &[WORDS]));
    assert!(next().contains("It serves"));
    let client = served.client();
    await_some("the appliance", || {
        client.try_send("GET", "/readyz", &[], None).ok().filter(|answer| answer.status == 200)
    });
    kill_process(Pid::from_raw(process.id().cast_signed()).unwrap(), Signal::TERM).unwrap();
    assert!(process.wait().unwrap().success());

    // Commands ask for it, too, where nobody serves.
    let listed = told(&key(&served, &["list"], &[WORDS]));
    assert_eq!(listed["items"].as_array().unwrap().len(), 3);
    let recovery_key = served.told("recovery key");
    told(&key(&served, &["list"], &[&recovery_key]));
    assert_eq!(key(&served, &["list"], &["not the words of this store"]).status.code(), Some(4));
    let by = Unlock::Given(Secret::Passphrase(Passphrase::parse(WORDS).unwrap()));
    let opened = served.records_by(&by, "store.unlock");
    assert_eq!(opened.len(), 1);
    let fields = &opened[0].fields().d;
    assert_eq!(fields.get("kind"), Some(&Value::Str("passphrase".into())));
    assert_eq!(fields.get("failures"), Some(&Value::Int(1)));
}

#[test]
fn a_start_that_waits_ends_when_it_is_told_to() {
    let served = Served::new("");
    unlock_by(&served, "console");
    let mut serve = executable_with(["serve".as_ref(), "--config".as_ref(), served.config().as_os_str()]);
    let mut process = serve.stdout(Stdio::null()).spawn().unwrap();
    await_some("the console", || redoubt::control::connect(&served.data()).ok().flatten());
    let answer = || Some(said(&key(&served, &["list"], &[]))).filter(|said| said.contains("key unlock"));
    await_some("the lock", answer);
    kill_process(Pid::from_raw(process.id().cast_signed()).unwrap(), Signal::TERM).unwrap();
    assert!(process.wait().unwrap().success());
}
