//! What an auditor takes away, and what the verifiers say to it.

use std::fs;

use serde_json::{Value, json};

use super::workbench::{Workbench, bench_of};
use crate::support::{Demo, executable_with};

/// The records of a bundle that is a folder.
fn records(bundle: &std::path::Path) -> Vec<Value> {
    let lines = fs::read_to_string(bundle.join("records/00000000.jsonl")).unwrap();
    lines.split_terminator('\n').map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn an_export_over_https_is_verified_by_three_tools_and_extends_the_one_before() {
    let demo = Demo::start(1);
    let bench = bench_of(&demo);
    let auditor = demo.signed_in("auditor");
    let order = json!({"nonce": "00ff"});
    let answer = auditor.post("/api/v1/audit/exports", &order).is(200);
    assert_eq!(answer.header("content-type"), Some("application/x-tar"));
    let first = bench.path("first.tar");
    fs::write(&first, &answer.body).unwrap();
    assert_eq!(bench.verdict(&first, "state", &["--nonce", "00ff"]), "UNANCHORED");
    assert_eq!(bench.verdict(&first, "state", &["--nonce", "00ff"]), "VERIFIED");
    assert_eq!(bench.verdict(&first, "state", &["--nonce", "00fe"]), "STALE");

    let analyst = demo.signed_in("analyst1");
    let chat = analyst.new_chat();
    analyst.ask(&chat, "Say yes.");
    let second = bench.export(&demo.data(), "second", &["--nonce", "abcd"]);
    assert_eq!(bench.verdict(&second, "state", &["--nonce", "abcd"]), "VERIFIED");
    assert_eq!(bench.verdict(&first, "state", &[]), "STALE");
    assert!(bench.check_with_common_tools(&second));

    let records = records(&second);
    let export = records.last().unwrap();
    assert_eq!(export["act"], "audit.export");
    assert_eq!(export["d"], json!({"export": 2, "from": 0, "nonce": "abcd"}));
    assert_eq!(export["actor"]["roles"], json!(["console"]));
    assert!(records.iter().any(|record| record["act"] == "inference.end"));
    assert!(!fs::read_to_string(second.join("records/00000000.jsonl")).unwrap().contains("Say yes"));
}

#[test]
fn a_part_of_the_log_is_proved_to_be_a_part_of_the_whole() {
    let demo = Demo::start(1);
    let bench = bench_of(&demo);
    let data = demo.data();
    let whole = bench.export(&data, "whole.tar", &[]);
    assert_eq!(bench.verdict(&whole, "state", &[]), "UNANCHORED");
    let part = bench.export(&data, "part", &["--from", "2", "--to", "4"]);
    assert_eq!(bench.verdict(&part, "state", &[]), "VERIFIED");
    let seqs: Vec<_> = records(&part).iter().map(|record| record["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs[..3], [2, 3, 4]);
    assert_eq!(seqs.len(), 4, "and the record of the export");
    let (_, report) = bench.verify(&part, None, &[]);
    assert!(report["not_checked"].to_string().contains("what the records before 2 say"), "{report}");
    let since = bench.export(&data, "since.tar", &["--from", "2020-01-01T00:00:00Z"]);
    assert_eq!(bench.verdict(&since, "state", &[]), "VERIFIED");
}

#[test]
fn what_cannot_be_exported_is_said_and_recorded_nowhere() {
    let demo = Demo::start(1);
    let bench = bench_of(&demo);
    let data = demo.data();
    let auditor = demo.signed_in("auditor");
    let export = |order: Value| auditor.post("/api/v1/audit/exports", &order);
    export(json!({"nonce": "xyz"})).refuses(422, "invalid");
    export(json!({"nonce": "0".repeat(129)})).refuses(422, "invalid");
    export(json!({"from": "yesterday"})).refuses(422, "invalid");
    export(json!({"from": 9_999_999})).refuses(422, "invalid");
    export(json!({"from": 5, "to": 4})).refuses(422, "invalid");
    export(json!({"extends": [3]})).refuses(422, "invalid");
    export(json!({"until": 4})).refuses(422, "invalid");
    demo.signed_in("analyst1").post("/api/v1/audit/exports", &json!({})).refuses(403, "forbidden");
    demo.signed_in("admin").post("/api/v1/audit/exports", &json!({})).refuses(403, "forbidden");
    let there = bench.path("there");
    fs::create_dir(&there).unwrap();
    let output = bench.try_export(&data, &there, &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("exists already"));
    let exported = auditor.get("/api/v1/audit/records?act=audit.export").is(200).json();
    assert_eq!(exported["items"], json!([]));
}

#[test]
fn a_changed_bundle_is_invalid_and_the_exit_code_says_so() {
    let demo = Demo::start(1);
    let bench = bench_of(&demo);
    let bundle = bench.export(&demo.data(), "bundle", &[]);
    assert_eq!(bench.verdict(&bundle, "state", &[]), "UNANCHORED");
    let file = bundle.join("records/00000000.jsonl");
    let lines = fs::read_to_string(&file).unwrap();
    fs::write(&file, lines.replacen("system.init", "system.inix", 1)).unwrap();
    assert_eq!(bench.verdict(&bundle, "state", &[]), "INVALID");
    assert_eq!(bench.verify(&bundle, None, &[]).0, 1);
    assert!(!bench.check_with_common_tools(&bundle));
    fs::write(&file, lines).unwrap();
    assert_eq!(bench.verdict(&bundle, "state", &[]), "VERIFIED");
    fs::write(bundle.join("records/more"), "").unwrap();
    assert!(bench.check_with_common_tools(&bundle), "as VERIFY.txt says, they do not see it");
    assert_eq!(bench.verdict(&bundle, "state", &[]), "INVALID");

    let other = Demo::start(1);
    let stranger = Workbench::trusting(&other.told("trust"));
    fs::remove_file(bundle.join("records/more")).unwrap();
    assert_eq!(stranger.verdict(&bundle, "state", &[]), "INVALID");
}

#[test]
fn a_verification_that_cannot_begin_is_no_verdict() {
    let run = |arguments: &[&str]| executable_with(["audit", "verify"]).args(arguments).output().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("trust");
    fs::write(&file, "this is no line of allowed_signers\n").unwrap();
    let file = file.to_str().unwrap();
    for wrong in [
        &[][..],
        &["--wrong", "bundle"],
        &["/nowhere/bundle"],
        &["/nowhere/bundle", "--trust", "/nowhere/trust"],
        &["/nowhere/bundle", "--trust", file],
        &["/nowhere/bundle", "--state", file],
    ] {
        let output = run(wrong);
        assert_eq!(output.status.code(), Some(64), "{wrong:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{wrong:?}");
    }
    let help = run(&["--help"]);
    assert_eq!(help.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&help.stdout).contains("UNANCHORED"));
}

#[test]
fn who_reads_only_the_first_lines_gets_the_same_verdict_and_a_full_disk_is_told() {
    let demo = Demo::start(1);
    let bench = bench_of(&demo);
    let bundle = bench.export(&demo.data(), "bundle.tar", &[]);
    demo.stop();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut verify = executable_with(["audit", "verify"]);
    let output = verify.arg(&bundle).stdout(writer).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "UNANCHORED, as ever");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = executable_with(["openapi"]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("standard output"));
}
