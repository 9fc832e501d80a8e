//! A data directory that was taken back to an earlier state: the appliance does not serve it until somebody says so, and who
//! saw the later state learns of it.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::workbench::{Workbench, bench_of, copy};
use crate::support::{Demo, executable_with};

/// Makes some records.
fn act(demo: &Demo) {
    let analyst = demo.sign_in(&demo.person("analyst1"));
    analyst.new_chat();
    analyst.delete("/api/v1/session").is(204);
}

fn begin(data: &Path) -> Demo {
    Demo::run(Demo::command(data, 1), None)
}

/// A start that must fail.
fn refused(data: &Path) -> String {
    let output = Demo::command(data, 1).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(5), "{said}");
    said
}

#[test]
fn a_store_that_was_taken_back_is_not_served_until_that_is_acknowledged_in_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let (data, earlier) = (folder.path().join("data"), folder.path().join("earlier"));
    let demo = begin(&data);
    let bench: Workbench = bench_of(&demo);
    act(&demo);
    let before = bench.export(&data, "before.tar", &[]);
    assert_eq!(bench.verdict(&before, "early", &[]), "UNANCHORED");
    demo.stop();
    copy(&data, &earlier);
    let demo = begin(&data);
    act(&demo);
    let later = bench.export(&data, "later.tar", &[]);
    assert_eq!(bench.verdict(&later, "late", &[]), "UNANCHORED");
    demo.stop();

    for file in ["redoubt.db", "redoubt.db-wal", "redoubt.db-shm"] {
        let _was_not_there = fs::remove_file(data.join(file));
        let _is_not_there = fs::copy(earlier.join(file), data.join(file));
    }
    let said = refused(&data);
    assert!(said.contains("--acknowledge-rollback") && said.contains("anchor"), "{said}");
    // A command on the directory is refused, too.
    let output = bench.try_export(&data, &bench.path("refused.tar"), &[]);
    assert_eq!(output.status.code(), Some(5));

    let restored = executable_with(["restore", "--acknowledge-rollback", "--json", "--data"]);
    let output = { restored }.arg(&data).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let record = serde_json::from_slice::<Value>(&output.stdout).unwrap()["record"].as_u64().unwrap();
    let demo = begin(&data);
    act(&demo);
    let auditor = demo.sign_in(&demo.person("auditor"));
    let page = auditor.get("/api/v1/audit/records?act=log.restored").is(200).json();
    assert_eq!(page["items"][0]["seq"], record);
    let notes = &page["items"][0]["record"]["d"];
    assert!(notes["lost"].as_str().unwrap().starts_with("redoubt/") && notes["present"].is_string());
    let after = bench.export(&data, "after.tar", &[]);
    assert_eq!(bench.verdict(&after, "late", &[]), "DIVERGED");
    assert_eq!(bench.verdict(&after, "early", &[]), "VERIFIED");
    let nothing =
        executable_with(["restore", "--acknowledge-rollback", "--data"]).arg(&data).output().unwrap();
    assert_ne!(nothing.status.code(), Some(0), "there is nothing to acknowledge, and it is served");
    demo.stop();
}

#[test]
fn a_log_without_its_anchor_or_with_that_of_another_is_not_served() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let demo = begin(&data);
    demo.stop();
    let anchor = data.join("anchors");
    let note = fs::read_to_string(&anchor).unwrap();
    fs::remove_file(&anchor).unwrap();
    assert!(refused(&data).contains("it is gone"));
    fs::write(&anchor, note.replacen("redoubt/", "redoubt/x", 1)).unwrap();
    assert!(refused(&data).contains("no key of this log has signed it"));
    fs::write(&anchor, "nonsense").unwrap();
    assert!(refused(&data).contains("it is no checkpoint"));
    fs::write(&anchor, note).unwrap();
    begin(&data).stop();
}
