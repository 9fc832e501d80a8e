//! `[audit.collector]`: a collector on the LAN gets every record, whatever breaks meanwhile.

use std::collections::BTreeMap;
use std::fs;

use redoubt_audit::Record;
use tempfile::TempDir;

use super::receiver::Receiver;
use super::served::Served;
use crate::support::authority::Authority;
use crate::support::await_some;
use crate::support::slapd::free_ports;

/// A served appliance that sends records to a port of this machine.
struct Place {
    served: Served,
    authority: Authority,
    port: u16,
    _folder: TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (authority, [port]) = (Authority::new("collectors"), free_ports());
        let ca = folder.path().join("ca.pem");
        fs::write(&ca, &authority.pem).unwrap();
        let served = Served::new(&format!(
            "[audit.collector]\naddress = \"127.0.0.1:{port}\"\nserver_name = \"siem.example\"\nca = {ca:?}\nformat = \"json\""
        ));
        Self { served, authority, port, _folder: folder }
    }
}

/// Every record by its number. Within a connection each follows the one before it, and what came twice is the same.
#[derive(Default)]
struct Collected(BTreeMap<u64, Record>);

impl Collected {
    fn take(&mut self, connections: &[Vec<String>]) {
        for messages in connections {
            let mut before = None;
            for message in messages {
                let (header, json) = message.split_once(" - {").unwrap();
                let record = Record::parse(format!("{{{json}").as_bytes()).unwrap();
                let fields = record.fields();
                assert!(header.ends_with(&format!(" redoubt - {}", fields.act)), "{header}");
                assert!(
                    before.is_none_or(|before| before + 1 == fields.seq),
                    "{before:?} then {}",
                    fields.seq
                );
                before = Some(fields.seq);
                let again = self.0.insert(fields.seq, record.clone());
                assert!(again.is_none_or(|again| again == record));
            }
        }
    }

    /// Whether nothing is missing, and so many of these are there.
    fn has(&self, act: &str, count: usize) -> bool {
        let whole = self.0.keys().copied().eq(0..self.0.len() as u64);
        whole && self.0.values().filter(|record| record.fields().act == act).count() == count
    }
}

#[test]
fn a_collector_gets_every_record_across_a_break_and_a_restart() {
    let mut place = Place::new();
    let issued = place.authority.issue(&["siem.example"]);
    let mut collected = Collected::default();
    let mut receiver = Receiver::listen(place.port, &issued);
    let mut heard = |receiver: &Receiver, act: &str, count: usize| {
        await_some(act, || {
            collected.take(&receiver.messages());
            collected.has(act, count).then_some(())
        });
    };
    let _output = place.served.start();
    place.served.fail_to_sign_in();
    heard(&receiver, "system.init", 1);
    heard(&receiver, "login.password", 1);
    assert_eq!(place.served.check("collector")["status"], "ok");

    drop(receiver);
    (0..5).for_each(|_| place.served.fail_to_sign_in());
    receiver = Receiver::listen(place.port, &issued);
    heard(&receiver, "login.password", 6);

    place.served.stop();
    let _output = place.served.start();
    heard(&receiver, "system.stop", 1);
    heard(&receiver, "system.boot", 2);
    // Whoever has these can tell later whether the log was cut or written anew.
    let mut checkpoints = collected.0.values().filter(|record| record.fields().act == "checkpoint");
    assert!(checkpoints.next().is_some_and(|record| record.fields().d.contains_key("root")));
}

#[test]
fn whoever_is_not_the_collector_gets_nothing_and_check_says_why() {
    let mut place = Place::new();
    let other = Authority::new("somebody else").issue(&["siem.example"]);
    let receiver = Receiver::listen(place.port, &other);
    let _output = place.served.start();
    let found = await_some("a refusal", || {
        let found = place.served.check("collector");
        (found["status"] == "warning").then_some(found)
    });
    assert!(found.to_string().contains("not from the configured authority"), "{found}");
    assert!(receiver.messages().iter().all(Vec::is_empty));
    drop(receiver);
    let another_name = place.authority.issue(&["siem.example.org"]);
    let receiver = Receiver::listen(place.port, &another_name);
    await_some("a refusal", || {
        place.served.check("collector").to_string().contains("another name").then_some(())
    });
    assert!(receiver.messages().iter().all(Vec::is_empty));
}
