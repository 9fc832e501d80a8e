//! A fresh Debian that systemd-nspawn boots: its own systemd, no network but its own loopback, and nothing that it writes
//! outlives it.

use std::fs::{self, File};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;

use rustix::process::{Pid, Signal, geteuid, kill_process};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::release::{checkout, text};
use crate::support::await_some;

/// Powered off when dropped.
pub(super) struct Machine {
    container: Child,
    /// Its first process, as seen from here.
    init: u32,
}

/// Whether containers can be started here at all.
pub(super) fn possible() -> bool {
    let is_root = geteuid().is_root();
    if !is_root {
        eprintln!("not tried: only root starts a machine");
    }
    is_root
}

/// The tree of a Debian without anything that this project needs; scripts/test makes it.
fn tree() -> PathBuf {
    let tree = checkout().join(".cache/debian");
    assert!(tree.join("usr/bin/ssh-keygen").exists(), "no {}: run scripts/test", tree.display());
    fs::canonicalize(tree).unwrap()
}

impl Machine {
    /// A machine that has these folders of the host: (here, there).
    pub(super) fn boot(folders: &[(&Path, &str)]) -> Self {
        let mut command = Command::new("systemd-nspawn");
        command.args([
            "--quiet",
            "--register=no",
            "--keep-unit",
            "--private-network",
            "--volatile=overlay",
            "--boot",
        ]);
        command.arg("--directory").arg(tree());
        for (here, there) in folders {
            command.arg(format!("--bind-ro={}:{there}", here.display()));
        }
        let console = File::create(Path::new(env!("CARGO_TARGET_TMPDIR")).join("console")).unwrap();
        command.stdin(Stdio::null()).stderr(console.try_clone().unwrap()).stdout(console);
        let container = command.spawn().unwrap();
        let init = await_some("the machine's first process", || first_process(container.id()));
        let machine = Self { container, init };
        await_some("the end of booting", || {
            let said = machine.run(&["systemctl", "is-system-running"]);
            // A container may well lack something that a machine has, which is not what is tried here.
            ["running", "degraded"].contains(&text(&said.stdout).trim()).then_some(())
        });
        machine
    }

    /// Runs a command in the machine, as its root.
    pub(super) fn run(&self, command: &[&str]) -> Output {
        let target = self.init.to_string();
        let mut inside = Command::new("nsenter");
        inside.args(["--target", &target, "--mount", "--uts", "--ipc", "--net", "--pid", "--root", "--wd"]);
        inside.arg("--").args(command).stdin(Stdio::null()).output().unwrap()
    }

    /// The same, and what it printed if it succeeded.
    #[track_caller]
    pub(super) fn told(&self, command: &[&str]) -> String {
        let said = self.run(command);
        assert!(said.status.success(), "{command:?}: {}{}", text(&said.stdout), text(&said.stderr));
        text(&said.stdout)
    }

    /// A file or folder of the machine, as seen from here.
    pub(super) fn path(&self, path: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{path}", self.init))
    }

    /// Does something as a client on the machine's own network, which is its loopback.
    pub(super) fn on_its_network<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let network = File::open(format!("/proc/{}/ns/net", self.init)).unwrap();
        thread::scope(|scope| {
            let client = scope.spawn(|| {
                move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
                work()
            });
            client.join().unwrap()
        })
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // nspawn hands it on as an order to power off.
        let pid = Pid::from_raw(self.container.id().cast_signed()).unwrap();
        let _gone_already = kill_process(pid, Signal::TERM);
        self.container.wait().unwrap();
    }
}

/// The child of nspawn that is process 1 of its own namespace.
fn first_process(nspawn: u32) -> Option<u32> {
    let children = fs::read_to_string(format!("/proc/{nspawn}/task/{nspawn}/children")).unwrap_or_default();
    children.split_whitespace().filter_map(|pid| pid.parse().ok()).find(|pid: &u32| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let is_first = status.lines().any(|line| line.starts_with("NSpid:") && line.ends_with("\t1"));
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        is_first && name.trim() == "systemd"
    })
}
