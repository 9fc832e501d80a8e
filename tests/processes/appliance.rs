//! A demo of its own for each test here, because these tests kill its processes.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

pub(super) const EXECUTABLE: &str = env!("CARGO_BIN_EXE_redoubt");
/// Long enough for a slow machine under load; every wait ends as soon as what it waits for is there.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long one question may take; it is asked again.
const ANSWER_DEADLINE: Duration = Duration::from_secs(5);

/// A running `redoubt demo`. Ended when dropped.
pub(super) struct Appliance {
    process: Child,
    _stdout: BufReader<ChildStdout>,
    agent: ureq::Agent,
    pub(super) url: String,
    pub(super) supervisor: u32,
    pub(super) front: u32,
    pub(super) engine: u32,
    /// Removed last.
    _data: TempDir,
}

/// Where the checkout's demo model lies.
pub(super) fn model() -> PathBuf {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.cache/models");
    let mut files = fs::read_dir(&models).unwrap().map(|entry| entry.unwrap().path());
    let model = files.find(|path| path.extension().is_some_and(|extension| extension == "gguf"));
    model.unwrap_or_else(|| panic!("no model in {}: run scripts/run --prepare", models.display()))
}

impl Appliance {
    pub(super) fn start() -> Appliance {
        let data = tempfile::tempdir().unwrap();
        let mut command = Command::new(EXECUTABLE);
        command.args(demo_arguments(&data.path().join("data"), &model()));
        Appliance::run(command, data)
    }

    /// Runs a command made of [`demo_arguments`], and waits until it is ready.
    pub(super) fn run(mut command: Command, data: TempDir) -> Appliance {
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let told: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error} in {line:?}"));
        let pid = |name: &str| u32::try_from(told["pids"][name].as_u64().unwrap()).unwrap();
        Appliance {
            agent: agent(Path::new(told["ca"].as_str().unwrap())),
            url: told["url"].as_str().unwrap().to_owned(),
            supervisor: pid("supervisor"),
            front: pid("front"),
            engine: pid("engine"),
            process,
            _stdout: stdout,
            _data: data,
        }
    }

    /// Whether the front answers that store and engine work.
    pub(super) fn is_ready(&self) -> bool {
        let answer = self.agent.get(format!("{}/readyz", self.url)).call();
        answer.is_ok_and(|answer| answer.status() == 200)
    }

    pub(super) fn port(&self) -> u16 {
        self.url.rsplit_once(':').unwrap().1.parse().unwrap()
    }

    /// The supervisor's child that runs `verb` now.
    pub(super) fn child(&self, verb: &str) -> Option<u32> {
        let processes = fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().file_name());
        let mut pids = processes.filter_map(|name| name.to_str()?.parse().ok());
        pids.find(|pid| parent_of(*pid) == Some(self.supervisor) && runs(*pid, verb))
    }

    pub(super) fn wait(&mut self) -> ExitStatus {
        self.process.wait().unwrap()
    }
}

impl Drop for Appliance {
    fn drop(&mut self) {
        if self.process.try_wait().unwrap().is_none() {
            signal(self.supervisor, Signal::TERM);
            self.process.wait().unwrap();
        }
    }
}

pub(super) fn demo_arguments(data: &Path, model: &Path) -> Vec<String> {
    let path = |path: &Path| path.to_str().unwrap().to_owned();
    let arguments = ["demo", "--json", "--port", "0", "--people", "1", "--data"].map(str::to_owned);
    arguments.into_iter().chain([path(data), "--model".to_owned(), path(model)]).collect()
}

fn agent(ca: &Path) -> ureq::Agent {
    let ca = Certificate::from_pem(&fs::read(ca).unwrap()).unwrap();
    let tls = TlsConfig::builder().root_certs(RootCerts::Specific(Arc::new(vec![ca]))).build();
    let config = ureq::Agent::config_builder().tls_config(tls).timeout_global(Some(ANSWER_DEADLINE));
    // A connection to a front that was killed must not be taken for one to the next.
    config.max_idle_connections(0).http_status_as_error(false).build().new_agent()
}

pub(super) fn signal(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), signal).unwrap();
}

pub(super) fn await_that(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "in vain: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Whether the process is there and no mere zombie.
pub(super) fn lives(pid: u32) -> bool {
    status(pid, "State").is_some_and(|state| !state.starts_with('Z'))
}

/// A line of `/proc/PID/status`.
pub(super) fn status(pid: u32, key: &str) -> Option<String> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
    Some(line.trim().to_owned())
}

fn parent_of(pid: u32) -> Option<u32> {
    status(pid, "PPid")?.parse().ok()
}

fn runs(pid: u32, verb: &str) -> bool {
    let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    arguments.split(|byte| *byte == 0).nth(1) == Some(verb.as_bytes())
}
