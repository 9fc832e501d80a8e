//! The supervisor of a served appliance starts both processes and replaces whichever dies.

use std::fs;
use std::thread;
use std::time::Duration;

use super::served::Served;
use crate::support::{await_some, slapd};

#[test]
fn the_supervisor_starts_both_processes_and_replaces_whichever_dies() {
    let slapd = slapd::shared();
    let served = Served::start(slapd, &format!("ca = {:?}", slapd.ca)).unwrap();
    let pair = ["@directory", "@dialler"];
    let pids = pair.map(|verb| await_some("a process", || served.child(verb)));
    // A front that did not take the socket over would have ended them by now.
    thread::sleep(Duration::from_secs(1));
    assert_eq!(pair.map(|verb| served.child(verb)), pids.map(Some));
    let front = served.child("@front");
    served.kill("@directory", &pair);
    served.kill("@dialler", &pair);
    assert_eq!(served.child("@front"), front, "the front stays");
    served.kill("@front", &["@front", "@engine", "@directory", "@dialler"]);
}

#[test]
fn an_authority_that_is_none_keeps_the_appliance_from_starting_and_says_so() {
    let slapd = slapd::shared();
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    fs::write(&ca, "no certificate").unwrap();
    let said = Served::start(slapd, &format!("ca = {ca:?}")).err().unwrap();
    assert!(said.contains("directory.ca") && said.contains("no certificate"), "{said}");
    let said = Served::start(slapd, "ca = \"/no/such/file\"").err().unwrap();
    assert!(said.contains("directory.ca: /no/such/file"), "{said}");
}
