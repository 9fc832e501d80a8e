//! A served appliance whose standard output the test has.

use std::fs;
use std::io::PipeReader;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::Arc;

use redoubt::clock::SystemClock;
use redoubt::front::open_store;
use redoubt::unlock::Unlock;
use redoubt_audit::Record;
use redoubt_store::audit_log::{self, Filter};
use redoubt_store::{Store, check_free};
use ring::rand::SystemRandom;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::slapd::free_ports;
use crate::support::{Client, await_some, executable_with, model};

/// A data folder with its configuration, and the appliance on it where it runs.
pub(crate) struct Served {
    process: Option<Child>,
    url: String,
    folder: TempDir,
    failures: u32,
    /// What `init` printed.
    told: String,
}

impl Served {
    /// Sets an appliance up whose `[audit]` has these lines.
    pub(crate) fn new(audit: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [data, key] = ["data", "keys/store.key"].map(|name| folder.path().join(name));
        let [port] = free_ports();
        let mut served = Self {
            process: None,
            url: format!("https://127.0.0.1:{port}"),
            folder,
            failures: 0,
            told: String::new(),
        };
        let text = format!(
            "[listen]\naddress = \"127.0.0.1:{port}\"\n[data]\ndir = {data:?}\n[keys]\nfile = {key:?}\n[models]\nfile = {:?}\n\
             cache_memory = \"64 MiB\"\n[egress]\npolicy = \"report\"\n[audit]\n{audit}\n",
            model()
        );
        fs::write(served.config(), text).unwrap();
        let with = [Path::new("init"), Path::new("--config"), &served.config(), Path::new("--data"), &data];
        let output = executable_with(with).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        served.told = String::from_utf8(output.stdout).unwrap();
        served
    }

    /// What `init` printed behind these words.
    pub(crate) fn told(&self, name: &str) -> String {
        let line = self.told.lines().find_map(|line| line.trim().strip_prefix(name));
        line.unwrap_or_else(|| panic!("no {name} in {}", self.told)).trim().to_owned()
    }

    /// The folder that everything lies in.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) fn key(&self) -> PathBuf {
        self.folder.path().join("keys/store.key")
    }

    /// The store, which nobody serves meanwhile.
    pub(crate) fn store(&self) -> Store {
        self.store_by(&Unlock::KeyFile(self.key()))
    }

    fn store_by(&self, unlock: &Unlock) -> Store {
        let clock = Arc::new(SystemClock::new());
        open_store(&self.data(), unlock, "tests", clock, &SystemRandom::new()).unwrap()
    }

    /// Every record of an event, the oldest first, of an appliance that does not run.
    pub(crate) fn records(&self, act: &str) -> Vec<Record> {
        self.records_by(&Unlock::KeyFile(self.key()), act)
    }

    /// The same, opened otherwise.
    pub(crate) fn records_by(&self, unlock: &Unlock, act: &str) -> Vec<Record> {
        let store = self.store_by(unlock);
        let filter = Filter { act: Some(act.to_owned()), ..Filter::default() };
        let page = store.read_blocking(move |reader| audit_log::list(reader, &filter, None, 100)).unwrap();
        store.close().unwrap();
        page.items.into_iter().rev().map(|entry| entry.record).collect()
    }

    /// A start that must fail: its exit status, and what it said.
    pub(crate) fn refused(&self) -> (Option<i32>, String) {
        let serve = executable_with([Path::new("serve"), Path::new("--config"), &self.config()]);
        let output = { serve }.output().unwrap();
        assert!(output.stdout.is_empty(), "{:?}", String::from_utf8_lossy(&output.stdout));
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.folder.path().join("redoubt.toml")
    }

    /// What `check` says about a subject, as JSON.
    pub(crate) fn check(&self, subject: &str) -> Value {
        let arguments = [Path::new("check"), Path::new("--json"), Path::new("--config"), &self.config()];
        let output = executable_with(arguments).output().unwrap();
        let table: Value = serde_json::from_slice(&output.stdout).unwrap();
        let rows = table["checks"].as_array().unwrap();
        rows.iter().find(|row| row["subject"] == subject).unwrap().clone()
    }

    /// Starts the appliance and returns its standard output once it serves.
    pub(crate) fn start(&mut self) -> PipeReader {
        self.start_hearing(Stdio::inherit())
    }

    /// The same; `journal` hears its standard error.
    pub(crate) fn start_hearing(&mut self, journal: impl Into<Stdio>) -> PipeReader {
        let (reader, writer) = std::io::pipe().unwrap();
        let mut command = executable_with([Path::new("serve"), Path::new("--config"), &self.config()]);
        self.process = Some(command.stdout(writer).stderr(journal).spawn().unwrap());
        // The command has the other end of the pipe, too, and would keep it open.
        drop(command);
        let client = self.client();
        let ready =
            || client.try_send("GET", "/readyz", &[], None).ok().filter(|answer| answer.status == 200);
        await_some("the appliance", ready);
        reader
    }

    /// Makes a record. Each name fails once, so that none is locked.
    pub(crate) fn fail_to_sign_in(&mut self) {
        self.failures += 1;
        let name = format!("nobody {}", self.failures);
        self.client().offer_password(&name, "a wrong password").refuses(401, "sign_in_failed");
    }

    /// Address and port.
    pub(crate) fn address(&self) -> String {
        self.url.trim_start_matches("https://").to_owned()
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(&self.url, &self.data().join("tls/ca.pem"))
    }

    /// Ends all of its processes without a word.
    pub(crate) fn kill(&mut self) {
        let mut process = self.process.take().unwrap();
        process.kill().unwrap();
        process.wait().unwrap();
        // The front goes with its supervisor, and the data directory is free.
        await_some("the end of the front", || check_free(&self.data()).ok());
    }

    /// Ends it in order.
    pub(crate) fn stop(&mut self) {
        let mut process = self.process.take().unwrap();
        kill_process(Pid::from_raw(process.id().cast_signed()).unwrap(), Signal::TERM).unwrap();
        assert!(process.wait().unwrap().success());
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if self.process.is_some() {
            self.stop();
        }
    }
}
