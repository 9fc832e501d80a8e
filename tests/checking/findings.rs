//! Subject by subject: what is well is ok, what is broken is found and told from the rest.

use std::fs::{self, Permissions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use redoubt_store::keys::KeyFile;
use ring::rand::SystemRandom;

use super::place::{Findings, Place};
use crate::support::{Demo, executable_with, model};

#[test]
fn an_appliance_that_was_set_up_is_well() {
    let place = Place::new();
    let findings = place.findings();
    assert_eq!((findings.code, &findings.line["ok"]), (Some(0), &true.into()), "{}", findings.line);
    findings.is("configuration", "ok", &["redoubt.toml"]);
    findings.is("keys", "ok", &["store.key opens its slot"]);
    findings.is("store", "ok", &["audit records", "intact"]);
    findings.is("audit keys", "ok", &["399 more days"]);
    findings.is("models", "ok", &["smollm2-135m-instruct-q4_1: llama of 134 million", "Q4_1", "SHA-256"]);
    findings.is("embeddings", "skipped", &["models.embedding"]);
    findings.is("directory", "skipped", &["directory.servers is empty"]);
    findings.is("devices", "ok", &["\"auto\" is cpu: this executable has no CUDA worker", "threads"]);
    findings.is("listen", "ok", &["127.0.0.1:0 is free"]);
    findings.is("certificate", "ok", &["made by this appliance", "localhost", "its private key fits"]);
    assert!(["ok", "warning"].contains(&findings.status("clock")), "{}", findings.line);
    assert!(["ok", "warning"].contains(&findings.status("disk")), "{}", findings.line);
    let lockdown = findings.line["checks"].as_array().unwrap().last().unwrap()["found"].as_str().unwrap();
    assert!(lockdown.contains("engine: ") && lockdown.contains("front: "), "{lockdown}");
    assert!(lockdown.contains(" of 15 channels blocked"), "{lockdown}");
}

#[test]
fn a_configuration_is_refused_with_all_its_problems_and_nothing_else_is_guessed() {
    let place = Place::new();
    place.configure("tempo = 7", "[telemetry]\non = true\n[marking]\nbackground = \"red\"");
    let findings = place.findings();
    assert_eq!(findings.code, Some(3), "{}", findings.line);
    findings.is("configuration", "failed", &["tempo", "[telemetry]", "marking.background", "redoubt.toml"]);
    for subject in ["clock", "store", "lockdown"] {
        findings.is(subject, "skipped", &["configuration"]);
    }
    place.configure("device = \"cuda\"", "");
    let findings = place.findings();
    assert_eq!(findings.code, Some(3));
    findings.is("configuration", "failed", &["models.device", "no CUDA worker"]);
    fs::remove_file(place.config()).unwrap();
    assert_eq!(place.findings().code, Some(3));
}

#[test]
fn a_model_that_is_not_the_manifests_fails_and_the_rest_is_still_checked() {
    let place = Place::new();
    let path = place.folder().join(model().file_name().unwrap());
    fs::copy(model(), &path).unwrap();
    let mut file = fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
    let mut byte = [0];
    file.seek(SeekFrom::Start(4_000_000)).unwrap();
    file.read_exact(&mut byte).unwrap();
    file.seek(SeekFrom::Start(4_000_000)).unwrap();
    file.write_all(&[byte[0] ^ 1]).unwrap();
    place.configure_model(&path, "", "");
    let findings = place.findings();
    assert_eq!((findings.code, &findings.line["ok"]), (Some(3), &false.into()), "{}", findings.line);
    findings.is("models", "failed", &["SHA-256", path.to_str().unwrap()]);
    findings.is("store", "ok", &["intact"]);
    assert!(findings.said.contains("failed: models"), "{}", findings.said);

    fs::remove_file(&path).unwrap();
    let findings = place.findings();
    assert_eq!(findings.code, Some(3));
    findings.is("models", "failed", &["no model file"]);
}

#[test]
fn a_missing_a_foreign_and_a_bare_key_are_told_apart() {
    let place = Place::new();
    fs::set_permissions(place.key(), Permissions::from_mode(0o644)).unwrap();
    let findings = place.findings();
    assert_eq!(findings.code, Some(1), "{}", findings.line);
    findings.is("keys", "failed", &["everybody", "0644"]);
    findings.is("store", "ok", &["intact"]);

    fs::remove_file(place.key()).unwrap();
    let findings = place.findings();
    assert_eq!(findings.code, Some(4), "{}", findings.line);
    findings.is("keys", "failed", &["store.key", "no such file"]);
    findings.is("store", "skipped", &["not opened without a key"]);
    findings.is("certificate", "ok", &["was not looked at"]);

    KeyFile::generate(&SystemRandom::new()).unwrap().save(&place.key()).unwrap();
    let findings = place.findings();
    assert_eq!(findings.code, Some(4), "{}", findings.line);
    findings.is("keys", "failed", &["not one of this store"]);
}

#[test]
fn a_data_directory_that_was_never_set_up_or_was_altered_fails() {
    let place = Place::new();
    let database = place.data().join("redoubt.db");
    let mut bytes = fs::read(&database).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&database, bytes).unwrap();
    let findings = place.findings();
    assert_eq!(findings.code, Some(1), "{}", findings.line);
    assert_eq!(findings.status("store"), "failed", "{}", findings.line);

    fs::remove_dir_all(place.data()).unwrap();
    let findings = place.findings();
    assert_eq!(findings.code, Some(4), "{}", findings.line);
    findings.is("keys", "failed", &["no key slots"]);
    findings.is("store", "failed", &["no store"]);
    findings.is("certificate", "failed", &["server.pem"]);
    assert!(!place.data().exists());
}

#[test]
fn an_address_that_is_taken_and_names_that_the_certificate_lacks_are_found() {
    let place = Place::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let text = fs::read_to_string(place.config()).unwrap();
    let listen = format!("address = \"{address}\"\nnames = [\"localhost\", \"chat.example\"]");
    fs::write(place.config(), text.replace("address = \"127.0.0.1:0\"", &listen)).unwrap();
    let findings = place.findings();
    assert_eq!(findings.code, Some(1), "{}", findings.line);
    findings.is("listen", "failed", &[&address, "in use"]);
    findings.is("certificate", "warning", &["not for chat.example"]);
}

#[test]
fn an_appliance_that_is_being_served_is_well_and_goes_on() {
    let demo = Demo::start(1);
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("redoubt.toml");
    let data = demo.data();
    let address = demo.told("url").replace("https://", "");
    let text = format!(
        "[listen]\naddress = \"{address}\"\n[data]\ndir = {data:?}\n[keys]\nfile = {:?}\n\
         [models]\nfile = {:?}\n[egress]\npolicy = \"report\"\n",
        data.join("store.key"),
        model()
    );
    fs::write(&config, text).unwrap();
    let mut command = executable_with(["check", "--json", "--config"]);
    let findings = Findings::of(&command.arg(&config).output().unwrap());
    assert_eq!(findings.code, Some(0), "{}", findings.line);
    let front = format!("being served by process {}", demo.pid("front"));
    findings.is("store", "ok", &[&front, "not checked"]);
    findings.is("listen", "ok", &["in use, as it should be"]);
    findings.is("keys", "warning", &["the key lies in the data directory"]);
    assert!(demo.is_ready());
    demo.sign_in(&demo.person("analyst1")).new_chat();
}
