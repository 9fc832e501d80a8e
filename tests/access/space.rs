//! A disk that fills up: what is recorded, told and refused at each threshold, and what goes on to the end.
//!
//! The test runs itself again in a mount namespace of its own, where its folder is a tmpfs of 64 MiB.

use std::env;
use std::fs::File;
use std::path::Path;
use std::process::Command;

use redoubt::space::{Level, Status};
use redoubt_store::ReserveState;
use rustix::fs::statvfs;
use serde_json::{Value, json};

use super::appliance::{House, block_on};
use crate::support::Client;

const SMALL: &str = "REDOUBT_TEST_SMALL_DISK";
const NAME: &str = "access::space::each_threshold_is_recorded_told_and_kept_once";

/// Takes space until so many per cent are taken, or frees some.
fn fill_to(house: &House, percent: u64) {
    let ballast = house.data().join("ballast");
    let file = File::options().create(true).write(true).truncate(false).open(&ballast).unwrap();
    let space = statvfs(house.data()).unwrap();
    let (all, used) = (space.f_blocks * space.f_frsize, (space.f_blocks - space.f_bfree) * space.f_frsize);
    let others = used - file.metadata().unwrap().len();
    // Half a per cent more, so that rounding down finds it.
    let wanted = (all * (2 * percent + 1) / 200).saturating_sub(others);
    file.set_len(0).unwrap();
    rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, wanted.max(1)).unwrap();
    block_on(house.app.space.look()).unwrap();
}

fn reached(house: &House) -> Vec<u64> {
    house.log("storage.threshold").iter().map(|record| record["d"]["percent"].as_u64().unwrap()).collect()
}

fn alerts(admin: &Client) -> Vec<Value> {
    admin.get("/api/v1/admin/alerts").is(200).json()["items"].as_array().unwrap().clone()
}

fn refuses_space(answer: crate::support::Answer) {
    let answer = answer.refuses(503, "audit_unavailable");
    assert_eq!(answer.header("retry-after"), Some("10"));
    assert!(answer.json()["title"].as_str().unwrap().contains("disk is full"));
}

#[test]
fn each_threshold_is_recorded_told_and_kept_once() {
    if env::var_os(SMALL).is_none() {
        let folder = tempfile::tempdir().unwrap();
        return in_small_disk(folder.path(), NAME);
    }
    let house = House::with(|config| config.listen.metrics = vec!["127.0.0.1".to_owned()]);
    house.change_group("everyone", &json!({"models": [house.model], "permissions": {"api_keys": "allow"}}));
    assert!(house.store.keep_reserve().unwrap());
    let (analyst, program) = (house.analyst("alice"), house.program("alice", 1));
    let [chat, other] = [(); 2].map(|()| analyst.new_chat());
    block_on(house.app.space.look()).unwrap();
    assert_eq!(reached(&house), [] as [u64; 0]);

    fill_to(&house, 85);
    fill_to(&house, 79);
    fill_to(&house, 85);
    assert_eq!(reached(&house), [80], "within the margin it is the same time");
    let admin = house.admin();
    assert_eq!(alerts(&admin), [] as [Value; 0]);
    fill_to(&house, 50);
    fill_to(&house, 91);
    fill_to(&house, 91);
    assert_eq!(reached(&house), [80, 80, 90]);
    let alert = &alerts(&admin)[0];
    assert_eq!((&alert["rule"], &alert["threshold"]), (&json!("storage"), &json!(90)));
    assert!((90..=93).contains(&alert["count"].as_u64().unwrap()), "{alert}");
    program.post("/v1/chat/completions", &house.completion("Say yes.", 1)).is(200);
    house.client().get("/readyz").is(200);

    fill_to(&house, 96);
    assert_eq!(reached(&house), [80, 80, 90, 95]);
    refuses_texts(&house, &analyst, &program, &chat);
    house.analyst("alice").delete(&format!("/api/v1/chats/{other}")).is(204);
    fill_up(&house, &analyst, &chat);
    assert_eq!(reached(&house), [80, 80, 90, 95, 100]);
    refuses_all_but_what_helps(&house, &chat);

    fill_to(&house, 50);
    let Status { level, reserve, .. } = house.app.space.status();
    assert_eq!((level, reserve), (Level::Ample, ReserveState::Held));
    house.analyst("alice").new_chat();
    house.client().get("/readyz").is(200);
}

/// From 95 per cent on: signing in, reading, deleting and the auditors' work go on.
fn refuses_texts(house: &House, analyst: &Client, program: &Client, chat: &str) {
    refuses_space(analyst.post("/api/v1/chats", &json!({})));
    refuses_space(analyst.post(&format!("/api/v1/chats/{chat}/messages"), &json!({"content": "x"})));
    let refused = program.post("/v1/chat/completions", &house.completion("Say yes.", 1)).is(503).json();
    assert_eq!(refused["error"]["code"], "audit_unavailable");
    assert!(house.client().get("/readyz").is(503).text().contains("disk is full"));
    let again = house.analyst("alice");
    again.get(&format!("/api/v1/chats/{chat}")).is(200);
    again.patch(&format!("/api/v1/chats/{chat}"), &json!({"title": "still here"})).is(200);
    assert_eq!(house.records("storage.threshold").len(), 4);
    let metrics = house.client().get("/metrics").is(200).text();
    for line in [
        "redoubt_storage_used_percent 96",
        "redoubt_storage_reserve_gone 0",
        "redoubt_alerts_open{rule=\"storage\"} 2",
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
}

/// On the reserve.
fn refuses_all_but_what_helps(house: &House, chat: &str) {
    let path = format!("/api/v1/chats/{chat}");
    let analyst = house.analyst("alice");
    refuses_space(analyst.get(&path));
    refuses_space(analyst.patch(&path, &json!({"title": "x"})));
    let listed = analyst.get("/api/v1/chats").is(200).json();
    assert_eq!(listed["items"][0]["id"], chat, "one's own list is not recorded");
    assert!(!house.records("storage.threshold").is_empty(), "an auditor signs in and reads");
    let admin = house.admin();
    let alert = alerts(&admin)[0]["id"].as_str().unwrap().to_owned();
    admin.send("POST", &format!("/api/v1/admin/alerts/{alert}/acknowledge"), &[], None).is(204);
    analyst.delete(&path).is(204);
    assert_eq!(house.log("chat.delete").len(), 2);
}

/// Takes all that is left, so that the next write finds the disk full.
fn fill_up(house: &House, analyst: &Client, chat: &str) {
    let file = File::create(house.data().join("rest")).unwrap();
    for step in [1 << 20, 4096] {
        let taken = || file.metadata().unwrap().len();
        while rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), taken(), step).is_ok() {}
    }
    // The log may have room that it has written to before.
    let path = format!("/api/v1/chats/{chat}");
    for _ in 0..10_000 {
        let answer = analyst.patch(&path, &json!({"title": "y".repeat(120)}));
        if answer.status == 503 {
            answer.refuses(503, "audit_unavailable");
            block_on(house.app.space.look()).unwrap();
            return;
        }
        answer.is(200);
    }
    panic!("the disk does not get full");
}

fn in_small_disk(folder: &Path, name: &str) {
    let script = format!("mount -t tmpfs -o size=64m tmpfs {} && exec \"$@\"", folder.display());
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", &script, "sh"])
        .arg(env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(SMALL, "1")
        .env("TMPDIR", folder)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}\n{complained}");
}
