//! An admin's work on the command line: on an appliance that is being served and on one that is not.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::support::{Demo, Person, executable_with};

fn run(data: &Path, arguments: &[&str]) -> Output {
    executable_with(arguments).arg("--data").arg(data).output().unwrap()
}

/// What a command prints for programs.
fn told(data: &Path, arguments: &[&str]) -> Value {
    let output = run(data, &[arguments, &["--json"]].concat());
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What a command prints for people.
fn run_plain(data: &Path, arguments: &[&str]) -> String {
    let output = run(data, arguments);
    assert!(output.status.success(), "{arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn fails(data: &Path, arguments: &[&str], code: i32) -> String {
    let output = run(data, arguments);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}");
    String::from_utf8(output.stderr).unwrap()
}

fn names(list: &Value) -> Vec<&str> {
    list["items"].as_array().unwrap().iter().map(|person| person["username"].as_str().unwrap()).collect()
}

fn add(data: &Path, name: &str) -> Person {
    let made = told(data, &["user", "add", name, "--role", "analyst"]);
    let password = made["password"].as_str().unwrap().to_owned();
    Person { username: name.to_owned(), password, totp_secret: None }
}

fn offers_password(demo: &Demo, person: &Person) -> u16 {
    demo.client().offer_password(&person.username, &person.password).status
}

#[test]
fn people_are_made_kept_out_and_let_in_while_the_appliance_serves() {
    let demo = Demo::start(2);
    let data = demo.data();
    assert_eq!(
        names(&told(&data, &["user", "list"])),
        ["admin", "analyst1", "analyst2", "auditor", "newcomer"]
    );
    let carla = add(&data, "carla");
    assert_eq!(offers_password(&demo, &carla), 200);
    told(&data, &["user", "disable", "carla"]);
    assert_eq!(offers_password(&demo, &carla), 401);
    told(&data, &["user", "enable", "carla"]);
    assert_eq!(offers_password(&demo, &carla), 200);

    let analyst = demo.sign_in(&demo.person("analyst2"));
    analyst.get("/api/v1/me").is(200);
    told(&data, &["session", "end", "--user", "analyst2"]);
    analyst.get("/api/v1/me").is(401);

    let records = demo.signed_in("auditor").get("/api/v1/audit/records?act=user.create").is(200).json();
    let newest = &records["items"][0];
    assert_eq!(newest["record"]["actor"]["roles"][0], "console", "{newest}");
}

#[test]
fn a_store_that_nobody_serves_is_opened_by_the_command() {
    let demo = Demo::start(1);
    let carla = add(&demo.data(), "carla");
    let (_, folder) = demo.stop();
    let folder = folder.unwrap();
    let data = folder.path().join("data");
    assert!(names(&told(&data, &["user", "list", "carl"])).contains(&"carla"));
    let dora = add(&data, "dora");
    told(&data, &["user", "disable", "carla"]);
    told(&data, &["group", "add", "night desk"]);
    told(&data, &["group", "join", "night desk", "dora"]);
    let demo = Demo::run(Demo::command(&data, 1), None);
    assert_eq!(offers_password(&demo, &dora), 200);
    assert_eq!(offers_password(&demo, &carla), 401);
    let explained = told(&data, &["user", "explain", "dora"]);
    assert!(
        explained["groups"].as_array().unwrap().iter().any(|group| group["name"] == "night desk"),
        "{explained}"
    );
}

#[test]
fn what_is_not_there_is_named_and_nothing_changes() {
    let demo = Demo::start(1);
    let data = demo.data();
    let said = fails(&data, &["user", "disable", "nobody"], 1);
    assert!(said.contains("\"nobody\"") && said.contains("redoubt user list"), "{said}");
    let said = fails(&data, &["group", "join", "no group", "analyst1"], 1);
    assert!(said.contains("no group"), "{said}");
    fails(&data, &["user", "role", "analyst1", "root"], 2);
    fails(&data, &["session", "end"], 2);
    let said = fails(Path::new("/nonexistent"), &["user", "list"], 1);
    assert!(said.contains("/nonexistent"), "{said}");
}

#[test]
fn the_socket_is_private_and_a_second_appliance_is_refused() {
    let demo = Demo::start(1);
    let data = demo.data();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&data.join("control.sock")), 0o600);
    assert_eq!(mode(&data), 0o700);
    let second = Demo::command(&data, 1).output().unwrap();
    assert!(!second.status.success());
    assert!(String::from_utf8_lossy(&second.stderr).contains("in use by process"));
    assert!(demo.is_ready());
}

#[test]
fn tables_are_for_people() {
    let demo = Demo::start(1);
    let output = run(&demo.data(), &["user", "list"]);
    let table = String::from_utf8(output.stdout).unwrap();
    let mut lines = table.lines();
    assert!(lines.next().unwrap().starts_with("NAME "), "{table}");
    let admin = lines.find(|line| line.starts_with("admin ")).unwrap();
    assert!(admin.contains("active") && admin.contains("local"), "{admin}");
}

#[test]
fn how_long_chats_are_kept_is_said_and_enforced_on_the_console() {
    let demo = Demo::start(1);
    let data = demo.data();
    let nothing = told(&data, &["retention", "preview"]);
    assert_eq!(nothing["items"], serde_json::json!([]));
    let kept = told(&data, &["workspace", "retention", "General", "30", "--archive"]);
    assert_eq!((&kept["retention_days"], &kept["retention_action"]), (&30.into(), &"archive".into()));
    let preview = told(&data, &["retention", "preview"]);
    assert_eq!((&preview["items"][0]["name"], &preview["items"][0]["due"]), (&"General".into(), &0.into()));
    let run = told(&data, &["retention", "run"]);
    assert_eq!((&run["items"][0]["archived"], &run["items"][0]["failed"]), (&0.into(), &0.into()));
    let kept = told(&data, &["workspace", "retention", "General"]);
    assert_eq!(kept["retention_days"], Value::Null);
    let table = run_plain(&data, &["retention", "preview"]);
    assert!(table.contains("redoubt workspace retention"), "{table}");
    fails(&data, &["workspace", "retention", "General", "0"], 1);
}
