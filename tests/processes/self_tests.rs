//! The self-test of every caged process, at each of its starts: on the admins' page, and in the log.

use serde_json::{Value, json};

use crate::support::{Demo, await_some};

/// What is tried, by the names that stand in records.
const CHANNELS: [&str; 15] = [
    "tcp4", "tcp6", "udp4", "udp6", "icmp", "names", "mptcp", "sctp", "fastopen", "io_uring", "packet",
    "netlink", "vsock", "alg", "abstract",
];
const DETOURS: [&str; 2] = ["unix", "program"];

#[test]
fn fifteen_of_fifteen_ways_are_blocked_in_front_and_engine_and_each_start_is_recorded() {
    let demo = Demo::start(1);
    let system = demo.sign_in(&demo.person("admin")).get("/api/v1/admin/system").is(200).json();
    let lockdown = system["lockdown"].as_array().unwrap();
    let processes: Vec<_> = lockdown.iter().map(|process| process["process"].as_str().unwrap()).collect();
    assert_eq!(processes, ["front", "engine"]);
    for process in lockdown {
        assert_eq!(process["full"], true, "{process}");
        assert_eq!(
            (names(process, "channels"), names(process, "detours")),
            (CHANNELS.into(), DETOURS.into())
        );
        assert_eq!(process["layers"][2]["name"], "seccomp");
        assert_eq!(process["layers"][2]["holds"], true, "{process}");
    }

    let auditor = demo.sign_in(&demo.person("auditor"));
    let recorded = || -> Vec<Value> {
        let page = auditor.get("/api/v1/audit/records?act=egress.selftest&limit=100").is(200).json();
        page["items"].as_array().unwrap().iter().rev().map(|item| item["record"].clone()).collect()
    };
    let before = recorded();
    assert_eq!(of(&before), ["front", "engine"], "before anybody is served");
    for record in &before {
        let all: Vec<_> = CHANNELS.into_iter().chain(DETOURS).collect();
        assert_eq!((&record["outcome"], &record["d"]["open"]), (&json!("ok"), &json!([])), "{record}");
        assert_eq!(record["d"]["blocked"], json!(all));
    }
    demo.kill("@engine");
    let after = await_some("the next engine's record", || Some(recorded()).filter(|found| found.len() > 2));
    assert_eq!(of(&after), ["front", "engine", "engine"]);
    assert_ne!(after[2]["time"], after[1]["time"]);
}

/// The names of what was tried, all of it in vain.
fn names<'a>(process: &'a Value, of: &str) -> Vec<&'a str> {
    let tried = process[of].as_array().unwrap();
    assert!(tried.iter().all(|channel| channel["blocked"] == true), "{process}");
    tried.iter().map(|channel| channel["name"].as_str().unwrap()).collect()
}

fn of(records: &[Value]) -> Vec<&str> {
    records.iter().map(|record| record["d"]["process"].as_str().unwrap()).collect()
}
