//! The directory's process and its dialler: started together, and neither outlives the other.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use serde::Serialize;

use super::child::{Child, Death};
use super::message::{self, Caged, DiallerStart, DirectoryStart, Lockdowns};
use super::{CAGING_DEADLINE, DIALLER_VERB, DIRECTORY_VERB};
use crate::config;
use crate::lockdown::{Egress, Process, Report};

/// What there is to start where a directory is configured.
#[derive(Clone, Debug)]
pub struct DirectoryPlan {
    pub config: config::Directory,
    /// `/etc/hosts`; it may be missing.
    pub hosts: PathBuf,
    pub policy: Egress,
}

/// Both processes. They are killed when this is dropped.
pub struct DirectoryPair {
    directory: Child,
    dialler: Child,
    lockdowns: Lockdowns,
}

impl DirectoryPair {
    /// Starts both from `executable`, and returns the socket over which the directory answers.
    ///
    /// # Errors
    /// A file cannot be opened, or a process does not come up.
    pub fn start(executable: &Path, plan: &DirectoryPlan) -> anyhow::Result<(Self, UnixStream)> {
        Self::start_watched(executable, plan, |_| {})
    }

    /// `on_death` is called for each of them, on a thread of its own.
    pub(super) fn start_watched(
        executable: &Path,
        plan: &DirectoryPlan,
        on_death: impl Fn(Death) + Clone + Send + 'static,
    ) -> anyhow::Result<(Self, UnixStream)> {
        let config = &plan.config;
        let open = |key: &str, path: &Option<PathBuf>| {
            let path = path.clone().unwrap_or_default();
            File::open(&path).with_context(|| format!("directory.{key}: {}", path.display()))
        };
        let (ca, password) =
            (open("ca", &config.ca)?, open("bind_password_file", &config.bind_password_file)?);
        let targets = config.targets().into_iter().map(|server| (server.host, server.port)).collect();
        let (dialler, dialling, dialler_report) =
            start_dialler(executable, targets, &plan.hosts, plan.policy, on_death.clone())?;
        let start =
            DirectoryStart { supervisor: std::process::id(), policy: plan.policy, settings: config.clone() };
        let files = [dialling.as_fd(), ca.as_fd(), password.as_fd()];
        let (directory, socket, report) = bring_up(executable, DIRECTORY_VERB, &start, &files, on_death)?;
        tracing::info!(pid = directory.pid(), dialler = dialler.pid(), lockdown = %report, "directory started");
        let lockdowns = vec![(Process::Directory, report), (Process::Dialler, dialler_report)];
        Ok((Self { directory, dialler, lockdowns }, socket))
    }

    /// The number of the directory's process.
    pub fn directory(&self) -> u32 {
        self.directory.pid()
    }

    /// The number of the dialler's process.
    pub fn dialler(&self) -> u32 {
        self.dialler.pid()
    }

    /// How both were locked in.
    pub(super) fn lockdowns(&self) -> Lockdowns {
        self.lockdowns.clone()
    }

    pub(super) fn has(&self, pid: u32) -> bool {
        [self.directory(), self.dialler()].contains(&pid)
    }

    pub(super) fn age(&self) -> Duration {
        self.directory.age()
    }
}

/// Starts a dialler that reaches these hosts and ports, and returns the socket over which it is asked.
pub(super) fn start_dialler(
    executable: &Path,
    targets: Vec<(String, u16)>,
    hosts: &Path,
    policy: Egress,
    on_death: impl FnOnce(Death) + Send + 'static,
) -> anyhow::Result<(Child, UnixStream, Report)> {
    let hosts = match File::open(hosts) {
        Ok(hosts) => Some(hosts),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error).with_context(|| hosts.display().to_string()),
    };
    let start = DiallerStart { supervisor: std::process::id(), policy, targets };
    let files: Vec<_> = hosts.iter().map(File::as_fd).collect();
    bring_up(executable, DIALLER_VERB, &start, &files, on_death)
}

/// Starts one process, gives it its settings, and waits until it is locked in.
fn bring_up(
    executable: &Path,
    verb: &str,
    start: &impl Serialize,
    files: &[BorrowedFd<'_>],
    on_death: impl FnOnce(Death) + Send + 'static,
) -> anyhow::Result<(Child, UnixStream, Report)> {
    let (child, socket) =
        Child::start(executable, verb, on_death).with_context(|| format!("cannot start {verb}"))?;
    let caged = message::send(&socket, start, files).and_then(|()| {
        socket.set_read_timeout(Some(CAGING_DEADLINE))?;
        let caged = message::receive::<Caged>(&socket)?;
        socket.set_read_timeout(None)?;
        caged.ok_or_else(|| message::invalid("no word of it"))
    });
    match caged {
        Ok((Caged { report }, _)) => Ok((child, socket, report)),
        Err(error) => Err(child.reason(verb.trim_start_matches('@')).context(error)),
    }
}
