//! A served appliance with a directory.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::support::slapd::{self, SERVICE_PASSWORD, Slapd, free_ports};
use crate::support::{Client, await_some, executable_with, model};

/// A running `redoubt serve`. Ended when dropped.
pub(crate) struct Served {
    process: Child,
    url: String,
    folder: TempDir,
}

impl Served {
    /// `directory` are further lines of `[directory]`; where it does not start, what it said.
    pub(crate) fn start(slapd: &Slapd, directory: &str) -> Result<Self, String> {
        Self::start_through(&[], slapd, directory)
    }

    /// The same, by a command line that ends with the one of `serve`.
    pub(crate) fn start_through(before: &[String], slapd: &Slapd, directory: &str) -> Result<Self, String> {
        let folder = tempfile::tempdir().unwrap();
        let [data, config, key, password] =
            ["data", "redoubt.toml", "keys/store.key", "password"].map(|name| folder.path().join(name));
        fs::write(&password, format!("{SERVICE_PASSWORD}\n")).unwrap();
        let [port] = free_ports();
        let text = format!(
            "[listen]\naddress = \"127.0.0.1:{port}\"\n[data]\ndir = {data:?}\n[keys]\nfile = {key:?}\n[models]\nfile = {:?}\n\
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
        let serve = with("serve");
        let words = before.iter().map(AsRef::as_ref).chain([serve.get_program()]).chain(serve.get_args());
        let words: Vec<&OsStr> = words.collect();
        let mut process = Command::new(words[0])
            .args(&words[1..])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        if line.starts_with("Redoubt serves") {
            return Ok(Self { process, url: format!("https://127.0.0.1:{port}"), folder });
        }
        let output = process.wait_with_output().unwrap();
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(&self.url, &self.folder.path().join("data/tls/ca.pem"))
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.url.strip_prefix("https://").unwrap().parse().unwrap()
    }

    /// The supervisor's child that runs `verb` now.
    pub(crate) fn child(&self, verb: &str) -> Option<u32> {
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
    pub(crate) fn kill(&self, verb: &str, follow: &[&str]) {
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
