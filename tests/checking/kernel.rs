//! A kernel that lacks something: `check` and `serve` name it, and the demo starts and has it on record.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::thread;

use nix::libc;
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch, apply_filter};

use super::place::{Findings, Place};
use crate::support::{Demo, executable_with};

/// Runs `work` on a thread whose children are told that seccomp(2) knows no filters, as by a kernel that was built without
/// CONFIG_SECCOMP_FILTER.
fn without_filters<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let refused = SeccompAction::Errno(libc::EINVAL.unsigned_abs());
    let rules = BTreeMap::from([(libc::SYS_seccomp, Vec::new())]);
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refused, TargetArch::x86_64).unwrap();
    let filter: BpfProgram = filter.try_into().unwrap();
    thread::scope(|scope| {
        let lacking = scope.spawn(|| {
            apply_filter(&filter).unwrap();
            work()
        });
        lacking.join().unwrap()
    })
}

fn strictly(place: &Place) {
    let text = fs::read_to_string(place.config()).unwrap();
    fs::write(place.config(), text.replace("policy = \"report\"", "policy = \"strict\"")).unwrap();
}

fn serve(place: &Place) -> Output {
    let mut serve: Command = executable_with([Path::new("serve"), Path::new("--config"), &place.config()]);
    serve.output().unwrap()
}

#[test]
fn strict_refuses_to_start_and_says_what_is_open_what_the_kernel_lacks_and_what_to_do() {
    let place = Place::new();
    strictly(&place);
    let output = without_filters(|| serve(&place));
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(output.stdout.is_empty(), "it never served: {}", String::from_utf8_lossy(&output.stdout));
    for words in ["Open: ", "unix (", "seccomp missing (", "CONFIG_SECCOMP_FILTER", "redoubt check"] {
        assert!(said.contains(words), "{words} not in {said}");
    }
}

#[test]
fn check_fails_and_names_the_same() {
    let place = Place::new();
    strictly(&place);
    let findings = without_filters(|| Findings::of(&place.check(&["--json"])));
    assert_eq!(findings.code, Some(1), "{}", findings.line);
    findings.is("lockdown", "failed", &["NOT full", "unix", "seccomp missing"]);
    assert!(findings.line.to_string().contains("CONFIG_SECCOMP_FILTER"), "{}", findings.line);
}

#[test]
fn a_demo_starts_all_the_same_and_has_the_shortfall_on_page_and_record() {
    let demo = without_filters(|| Demo::start(1));
    let system = demo.sign_in(&demo.person("admin")).get("/api/v1/admin/system").is(200).json();
    for process in system["lockdown"].as_array().unwrap() {
        assert_eq!(
            (&process["full"], &process["layers"][2]["holds"]),
            (&false.into(), &false.into()),
            "{process}"
        );
    }
    let auditor = demo.sign_in(&demo.person("auditor"));
    let page = auditor.get("/api/v1/audit/records?act=egress.selftest").is(200).json();
    let records = page["items"].as_array().unwrap();
    assert_eq!(records.len(), 2);
    for item in records {
        let record = &item["record"];
        assert_eq!((&record["outcome"], &record["d"]["missing"][0]), (&"error".into(), &"seccomp".into()));
        let open = record["d"]["open"].as_array().unwrap();
        assert!(open.contains(&"unix".into()) && !open.contains(&"tcp4".into()), "{record}");
    }
}
