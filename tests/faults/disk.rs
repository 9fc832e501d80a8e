//! A full disk: writes are refused in time and in words, reads go on, and nothing acknowledged is lost.

use std::env;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;

use super::survey::Survey;
use crate::support::{Client, Demo};

/// Where the second run of the test finds its folder.
const FOLDER: &str = "REDOUBT_TEST_SMALL_DISK";
const NAME: &str = "faults::disk::a_full_disk_refuses_writes_and_loses_nothing";

/// The test runs itself again in a mount namespace of its own, where its folder is a tmpfs of 24 MiB.
#[test]
fn a_full_disk_refuses_writes_and_loses_nothing() {
    let Some(folder) = env::var_os(FOLDER).map(PathBuf::from) else {
        let folder = tempfile::tempdir().unwrap();
        let script = format!("mount -t tmpfs -o size=24m tmpfs {} && exec \"$@\"", folder.path().display());
        let output = Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount", "sh", "-c", &script, "sh"])
            .arg(env::current_exe().unwrap())
            .args(["--exact", NAME, "--nocapture"])
            .env(FOLDER, folder.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let complained = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.contains("1 passed"), "{said}\n{complained}");
        return;
    };
    let data = folder.join("data");
    let demo = Demo::run(Demo::command(&data, 1), None);
    let client = demo.sign_in(&demo.person("analyst1"));
    let chat = client.new_chat();
    client.ask(&chat, "Say yes.");
    let mut made = vec![chat];
    let ballast = folder.join("ballast");
    fill(&ballast);
    while let Some(id) = try_create(&client) {
        made.push(id);
        assert!(made.len() < 20_000, "the disk does not get full");
    }
    for _ in 0..10 {
        assert_eq!(try_create(&client), None, "a full disk took a write");
    }
    let listed = client.get("/api/v1/chats?limit=1").is(200).json();
    assert_eq!(listed["items"][0]["id"], made.last().unwrap().as_str(), "reading goes on");
    client.get("/api/v1/me").is(200);
    client.get("/healthz").is(200);
    // What must be recorded cannot be done, reading included.
    client.get(&format!("/api/v1/chats/{}", made[0])).refuses(503, "audit_unavailable");
    client
        .post(&format!("/api/v1/chats/{}/messages", made[0]), &json!({"content": "x"}))
        .refuses(503, "audit_unavailable");

    fs::remove_file(&ballast).unwrap();
    made.push(try_create(&client).expect("there is space again"));
    assert_eq!(client.ask(&made[0], "Say no.").end["status"], "done");
    let (status, _) = demo.stop();
    assert_eq!(status.code(), Some(0));
    let survey = Survey::of(&data);
    for id in &made {
        assert!(survey.chat("analyst1", id).is_some(), "{id} was acknowledged and is lost");
    }
    let (_, messages) = survey.chat("analyst1", &made[0]).unwrap();
    assert_eq!(messages.len(), 4, "a refused question left something");
}

/// Writes until nothing goes in any more.
pub(super) fn fill(path: &Path) {
    let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
    for size in [1 << 20, 4096, 1] {
        while file.write_all(&vec![1; size]).is_ok() {}
    }
}

/// The id of a new chat; `None` if it was refused, in the right way and in time.
fn try_create(client: &Client) -> Option<String> {
    let started = Instant::now();
    let answer = client.post("/api/v1/chats", &json!({"title": "x".repeat(120)}));
    if answer.status == 201 {
        return Some(answer.json()["id"].as_str().unwrap().to_owned());
    }
    let refused = answer.refuses(503, "audit_unavailable");
    assert!(refused.header("retry-after").is_some());
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
    None
}
