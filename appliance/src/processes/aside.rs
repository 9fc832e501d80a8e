//! What runs beside front and engine and may be missing for a while: the directory's two processes, and the dialler that
//! reaches the collector. Each is started again by itself.

use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::EXECUTABLE;
use super::backoff::Backoff;
use super::child::{Child, Death};
use super::message::{self, ToFront};
use super::pair::{DirectoryPair, DirectoryPlan, start_dialler};
use crate::lockdown::{Egress, Process};

/// One that lived this long did not die of its start.
pub(super) const STEADY: Duration = Duration::from_secs(5);

/// What there is to start where a collector is configured: a dialler of its own, which reaches nothing else.
#[derive(Clone, Debug)]
pub struct CollectorPlan {
    pub host: String,
    pub port: u16,
    /// `/etc/hosts`; it may be missing.
    pub hosts: PathBuf,
    pub policy: Egress,
}

pub(super) enum AsidePlan {
    Directory(Box<DirectoryPlan>),
    Collector(CollectorPlan),
}

enum Running {
    Directory(DirectoryPair),
    Collector(Child),
}

pub(super) struct Aside {
    plan: AsidePlan,
    running: Option<Running>,
    backoff: Backoff,
    /// When to start it again.
    pub(super) due: Option<Instant>,
}

impl Aside {
    pub(super) fn new(plan: AsidePlan) -> Self {
        Self { plan, running: None, backoff: Backoff::default(), due: None }
    }

    pub(super) fn name(&self) -> &'static str {
        match self.plan {
            AsidePlan::Directory(_) => "directory",
            AsidePlan::Collector(_) => "collector's dialler",
        }
    }

    /// Starts it; the front gets its socket.
    pub(super) fn start(
        &mut self,
        front: &UnixStream,
        on_death: impl Fn(Death) + Clone + Send + 'static,
    ) -> anyhow::Result<()> {
        let executable = Path::new(EXECUTABLE);
        let (running, socket, message) = match &self.plan {
            AsidePlan::Directory(plan) => {
                let (pair, socket) = DirectoryPair::start_watched(executable, plan, on_death)?;
                let lockdowns = pair.lockdowns();
                (Running::Directory(pair), socket, ToFront::Directory(lockdowns))
            }
            AsidePlan::Collector(plan) => {
                let targets = vec![(plan.host.clone(), plan.port)];
                let (dialler, socket, report) =
                    start_dialler(executable, targets, &plan.hosts, plan.policy, on_death)?;
                tracing::info!(dialler = dialler.pid(), lockdown = %report, "the collector can be reached");
                let lockdowns = vec![(Process::CollectorDialler, report)];
                (Running::Collector(dialler), socket, ToFront::Collector(lockdowns))
            }
        };
        message::send(front, &message, &[socket.as_fd()]).context("the front")?;
        self.running = Some(running);
        Ok(())
    }

    /// Kills it, and forgets when it was to be started.
    pub(super) fn end(&mut self) {
        self.running = None;
        self.due = None;
    }

    /// It ended with the front that it served and is not to blame.
    pub(super) fn forgive(&mut self) {
        self.running = None;
        self.backoff = Backoff::default();
    }

    /// If this death is one of its own: how long to wait.
    pub(super) fn bury(&mut self, pid: u32) -> Option<Duration> {
        let running = self.running.take_if(|running| match running {
            Running::Directory(pair) => pair.has(pid),
            Running::Collector(dialler) => dialler.pid() == pid,
        })?;
        let age = match &running {
            Running::Directory(pair) => pair.age(),
            Running::Collector(dialler) => dialler.age(),
        };
        Some(self.wait(age > STEADY))
    }

    /// How long to wait after a life or a start of which nothing came, unless it was useful.
    pub(super) fn wait(&mut self, useful: bool) -> Duration {
        let wait = self.backoff.after_death(useful);
        self.due = Some(Instant::now() + wait);
        wait
    }
}
