//! A served appliance with a directory: the supervisor starts both processes and replaces whichever dies.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::support::slapd::{self, SERVICE_PASSWORD, Slapd};
use crate::support::{await_some, executable_with, model};

/// A running `redoubt serve`. Ended when dropped.
struct Served {
    process: Child,
    _folder: TempDir,
}

impl Served {
    fn start(slapd: &Slapd, directory: &str) -> Result<Self, String> {
        let folder = tempfile::tempdir().unwrap();
        let [data, config, key, password] =
            ["data", "redoubt.toml", "keys/store.key", "password"].map(|name| folder.path().join(name));
        fs::write(&password, format!("{SERVICE_PASSWORD}\n")).unwrap();
        let text = format!(
            "[listen]\naddress = \"127.0.0.1:0\"\n[data]\ndir = {data:?}\n[keys]\nfile = {key:?}\n[models]\nfile = {:?}\n\
             cache_memory = \"64 MiB\"\n[egress]\npolicy = \"report\"\n[directory]\nbase = {:?}\nbind_dn = {:?}\n\
             bind_password_file = {password:?}\nservers = [\"ldaps://127.0.0.1:{}\"]\n{directory}\n",
            model(),
            slapd::BASE,
            slapd::SERVICE,
            slapd.ldaps
        );
        fs::write(&config, text).unwrap();
        let with = |verb: &str| executable_with([Path::new(verb), Path::new("--config"), &config]);
        let output = with("init").arg("--data").arg(&data).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let mut process = with("serve").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        if line.starts_with("Redoubt serves") {
            return Ok(Self { process, _folder: folder });
        }
        let output = process.wait_with_output().unwrap();
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// The supervisor's child that runs `verb` now.
    fn child(&self, verb: &str) -> Option<u32> {
        let processes =
            fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        processes.into_iter().find(|pid: &u32| {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            let is_child = status.lines().any(|line| line == format!("PPid:\t{}", self.process.id()));
            let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            is_child && arguments.split(|byte| *byte == 0).nth(1) == Some(verb.as_bytes())
        })
    }

    /// Kills the child that runs `verb`, and waits for the next one of each of `follow`.
    fn kill(&self, verb: &str, follow: &[&str]) {
        let before: Vec<_> = follow.iter().map(|verb| self.child(verb).unwrap()).collect();
        kill(self.child(verb).unwrap(), Signal::KILL);
        for (verb, before) in follow.iter().zip(before) {
            await_some("a new process", || self.child(verb).filter(|pid| *pid != before));
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        kill(self.process.id(), Signal::TERM);
        assert!(self.process.wait().unwrap().success());
    }
}

fn kill(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), signal).unwrap();
}

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
