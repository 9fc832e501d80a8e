//! What a start records beside that it happened, and what it refuses: another configuration, a store after an end in disorder,
//! a log that nothing would sign.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use redoubt::clock::SystemClock;
use redoubt_audit::{Actor, Draft, Origin, Outcome, Record, Value, catalogue};
use redoubt_store::keys::{KeyFile, KeySlots, Secret};
use redoubt_store::{Options, Store};

use super::served::Served;
use crate::support::executable_with;

fn data(record: &Record, name: &str) -> Value {
    record.fields().d[name].clone()
}

#[test]
fn a_start_with_another_configuration_says_so() {
    let mut served = Served::new("");
    for _ in 0..2 {
        let _output = served.start();
        served.stop();
    }
    let first = served.records("system.config");
    let boots = served.records("system.boot");
    assert_eq!((first.len(), boots.len()), (1, 2), "the first start, and no other");
    assert_eq!(first[0].fields().time, boots[0].fields().time, "they are of one transaction");

    let text = fs::read_to_string(served.config()).unwrap();
    fs::write(served.config(), format!("{text}[sign_in]\nmax_failures = 4\n")).unwrap();
    let _output = served.start();
    served.stop();
    fs::write(served.config(), text).unwrap();
    let _output = served.start();
    served.stop();
    let all = served.records("system.config");
    let hashes: Vec<Value> = all.iter().map(|record| data(record, "sha256")).collect();
    assert_eq!((hashes.len(), &hashes[0]), (3, &hashes[2]), "to another one, and back");
    assert!(hashes[1] != hashes[0] && matches!(&hashes[0], Value::Str(hash) if hash.len() == 64));
}

/// Enough records for many pages that nothing reads at a start.
fn fill(served: &Served) {
    let store = served.store();
    for _ in 0..20 {
        let filled = store.write_blocking(|tx| {
            for _ in 0..100 {
                tx.audit(Draft::new(catalogue::SYSTEM_ENGINE_RESTART, Outcome::Ok, Actor::system()))?;
            }
            Ok::<_, redoubt_store::Error>(())
        });
        filled.unwrap();
    }
    store.close().unwrap();
}

fn flip(served: &Served, at: u64) {
    let file = File::options().read(true).write(true).open(served.data().join("redoubt.db")).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 1], at).unwrap();
}

#[test]
fn after_an_end_in_disorder_the_store_is_looked_at_and_served_only_if_it_is_intact() {
    let mut served = Served::new("");
    fill(&served);
    let _output = served.start();
    served.stop();
    let _output = served.start();
    served.kill();
    assert_eq!(served.records("store.integrity").len(), 0, "so far each process had ended in order");
    let _output = served.start();
    served.kill();
    let looks = served.records("store.integrity");
    assert_eq!(looks.len(), 1);
    assert_eq!((data(&looks[0], "problems"), data(&looks[0], "whole")), (Value::Int(0), Value::Bool(true)));
    assert_eq!(looks[0].fields().outcome, Outcome::Ok);

    let length = fs::metadata(served.data().join("redoubt.db")).unwrap().len();
    flip(&served, length / 4096 / 2 * 4096 + 100);
    for refusal in 2..4 {
        let (status, said) = served.refused();
        assert_eq!(status, Some(5), "{said}");
        assert!(said.contains("not intact") && said.contains("restore a backup"), "{said}");
        let looks = served.records("store.integrity");
        assert_eq!(looks.len(), refusal, "each refused start looks again");
        let last = looks.last().unwrap();
        assert!(matches!(data(last, "problems"), Value::Int(1..)), "{:?}", last.fields());
        assert_eq!(last.fields().outcome, Outcome::Error);
    }
    flip(&served, length / 4096 / 2 * 4096 + 100);
    let _output = served.start();
    served.stop();
}

/// As stores were before the log had keys.
#[test]
fn a_log_without_a_key_is_not_served() {
    let served = Served::new("");
    let slots = KeySlots::load(&served.data()).unwrap();
    let key = slots.open(&Secret::KeyFile(KeyFile::load(&served.key()).unwrap())).unwrap().0;
    let database = served.data().join("redoubt.db");
    for file in ["redoubt.db", "redoubt.db-wal", "redoubt.db-shm", "anchors"] {
        let _was_not_there = fs::remove_file(served.data().join(file));
    }
    let origin = Origin {
        origin: format!("redoubt/{}", slots.install_id()),
        boot: "boot".to_owned(),
        software: "tests".to_owned(),
    };
    Store::create(Options::at(database), key, Arc::new(SystemClock::new()), origin).unwrap().close().unwrap();
    let (status, said) = served.refused();
    assert_eq!(status, Some(5), "{said}");
    assert!(said.contains("redoubt audit certify-epochs"), "{said}");
}

#[test]
fn the_journal_hears_of_checkpoints_while_the_appliance_is_served_and_of_none_else() {
    let mut served = Served::new("");
    let journal = served.data().join("journal.txt");
    let _output = served.start_hearing(File::create(&journal).unwrap());
    served.stop();
    let heard = fs::read_to_string(&journal).unwrap();
    assert!(heard.contains("audit checkpoint: ") && heard.contains(", root "), "{heard}");
    let out = served.data().join("bundle.tar");
    let mut export = executable_with(["audit", "export", "--data"]);
    let export = export.arg(served.data()).arg("--config").arg(served.config()).arg("--out").arg(&out);
    let output = export.output().unwrap();
    assert!(output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "a command's own words are all that it says");
}
