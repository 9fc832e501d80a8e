//! The same day under strace: no process but the dialler names anybody to the kernel, and it names the directory alone.

use std::process::Command;

use super::network::in_a_network_of_its_own;
use super::packets::map;
use super::trace::{self, Trace};
use super::work;
use crate::directory::served::Served;
use crate::support::Demo;
use crate::support::slapd::{PASSWORD, Slapd};

#[test]
fn an_appliance_at_work_names_nobody_to_the_kernel() {
    in_a_network_of_its_own(|| {
        let folder = tempfile::tempdir().unwrap();
        let [data, traces] = ["demo", "traces"].map(|name| folder.path().join(name));
        std::fs::create_dir(&traces).unwrap();
        let command = Demo::command(&data, 1);
        let words = trace::words(&traces);
        let mut traced = Command::new(&words[0]);
        traced.args(&words[1..]).arg(command.get_program()).args(command.get_args());
        let demo = Demo::run(traced, Some(folder));
        work::a_day(&demo);
        let (status, _folder) = demo.stop();
        assert!(status.success(), "{status}");
        let trace = Trace::read(&traces);
        assert_eq!(trace.outward(|_| false), [] as [&str; 0]);
        for (role, least) in [("supervisor", 4), ("@front", 100), ("@engine", 20)] {
            let calls = trace.calls_of(role);
            assert!(calls >= least, "{calls} calls of the {role}");
            println!("{role}: {calls} calls of the network, none outward");
        }
    });
}

#[test]
fn only_the_dialler_names_the_directory_and_nobody_else() {
    in_a_network_of_its_own(|| {
        let slapd = Slapd::start();
        let traces = tempfile::tempdir().unwrap();
        let served = Served::start_through(&trace::words(traces.path()), &slapd, &map(&slapd)).unwrap();
        served.client().offer_password("person1", PASSWORD).is(200);
        drop(served);
        let trace = Trace::read(traces.path());
        let directory = ([127, 0, 0, 1], slapd.ldaps).into();
        assert_eq!(trace.outward(|address| address == directory), [] as [&str; 0]);
        let dialled = trace.outward(|_| false);
        assert!(
            !dialled.is_empty() && dialled.iter().all(|call| call.starts_with("@dialler")),
            "{dialled:?}"
        );
        println!("{} connections of the dialler to the directory, none of anybody else", dialled.len());
    });
}
