//! What admins see of how the log is sealed.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::workbench::bench_of;
use crate::support::{Client, Demo, await_some};

fn sealing(admin: &Client) -> Value {
    admin.get("/api/v1/admin/audit").is(200).json()
}

fn standing(admin: &Client) -> Value {
    sealing(admin)["anchor"]["standing"].take()
}

#[test]
fn admins_see_the_newest_checkpoint_the_keys_and_whether_the_anchor_is_in_step() {
    let demo = Demo::start(2);
    let (bench, anchor) = (bench_of(&demo), demo.data().join("anchors"));
    let admin = demo.sign_in(&demo.person("admin"));
    let auditor = demo.sign_in(&demo.person("auditor"));
    let found = sealing(&admin);
    let size = found["checkpoint"]["size"].as_u64().unwrap();
    let kept = auditor.get(&format!("/api/v1/audit/checkpoints/{size}")).is(200).json();
    assert_eq!(found["checkpoint"], kept);
    assert_eq!(found["anchor"], json!({"path": anchor, "standing": "in_step"}));
    assert_eq!(found["keys"], json!({"left": 399, "few": false}));
    assert_eq!(found["collector"], Value::Null);
    auditor.get("/api/v1/admin/audit").refuses(403, "forbidden");

    // Each export signs a checkpoint, which writes the file.
    let export = |name: &str| bench.export(&demo.data(), name, &[]);
    let draft = demo.data().join("anchors.new");
    fs::create_dir(&draft).unwrap();
    export("behind.tar");
    assert_eq!(standing(&admin), "behind");
    fs::remove_dir(&draft).unwrap();
    export("again.tar");
    assert_eq!(standing(&admin), "in_step");
    becomes(&admin, "missing", || fs::remove_file(&anchor).unwrap_or_default());
    becomes(&admin, "foreign", || spoil(&anchor));
    export("last.tar");
    assert_eq!(standing(&admin), "in_step");
    demo.stop();
}

/// A checkpoint may be signed in between, which puts the file right: then it is done again.
fn becomes(admin: &Client, expected: &str, deed: impl Fn()) {
    await_some(expected, || {
        deed();
        (standing(admin) == expected).then_some(())
    });
}

fn spoil(anchor: &Path) {
    fs::write(anchor, "redoubt/another\n8\nAAAA\n").unwrap();
}
