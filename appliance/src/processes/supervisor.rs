//! Starts front and engine, replaces whichever dies, and ends both in order.
//!
//! Reads no foreign byte and holds no key.

use std::io::{Seek, SeekFrom};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use redoubt_engine::worker::{self, Files};
use rustix::net::Shutdown;
use rustix::process::Signal;
use serde_json::Value;

use super::aside::{Aside, AsidePlan, CollectorPlan, STEADY};
use super::backoff::Backoff;
use super::child::{Child, Death};
use super::manager::Manager;
use super::message::{self, Caged, EngineStart, FromFront, FrontStart, ToFront};
use super::pair::DirectoryPlan;
use super::{CAGING_DEADLINE, ENGINE_VERB, EXECUTABLE, FRONT_VERB, signals};
use crate::lockdown::{self, Egress, Process, Report};

/// How long the front may take to finish what is running.
const FRONT_GRACE: Duration = Duration::from_secs(10);
const ENGINE_GRACE: Duration = Duration::from_secs(2);
/// How long to listen for a second child's reason after the first one's.
const OTHER_GRACE: Duration = Duration::from_millis(300);

/// Connections that wait for the front to take them.
pub(crate) const BACKLOG: i32 = 1024;

/// Front or engine did not come up.
#[derive(Debug, thiserror::Error)]
#[error("{reasons}")]
pub struct NotStarted {
    reasons: String,
    /// The front's exit status, which says what kind of failure it was.
    pub code: Option<u8>,
}

/// What there is to supervise.
pub struct Plan {
    /// Bound and listening.
    pub listener: TcpListener,
    /// For the command line: see [`crate::control`].
    pub control: UnixListener,
    /// Open for reading.
    pub models: Files,
    pub engine: worker::Settings,
    /// For the front only; the supervisor does not look into it.
    pub front: Value,
    pub policy: Egress,
    /// Ours, if records go there.
    pub standard_output: Option<OwnedFd>,
    /// What the front reads and writes. It must exist.
    pub data_dir: PathBuf,
    /// Files and folders outside it that the front reads: its key file, its certificate.
    pub read: Vec<PathBuf>,
    /// The directory, if one is configured.
    pub directory: Option<DirectoryPlan>,
    /// The way to the collector, if one is configured.
    pub collector: Option<CollectorPlan>,
    /// Who started this and wants to hear of it.
    pub manager: Manager,
}

/// The processes at the moment when all is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pids {
    pub supervisor: u32,
    pub front: u32,
    pub engine: u32,
}

enum Event {
    /// Somebody wants the appliance to end.
    Stop,
    /// Of the front with this number.
    Said(u32, FromFront),
    Died(Death),
}

/// Runs front and engine until SIGTERM, SIGINT or SIGHUP, and calls `ready` once when both work, with what
/// the front reported.
///
/// # Errors
/// A child that dies before all is ready: the error holds what it said last. Later deaths are logged and
/// repaired.
pub fn supervise(plan: Plan, ready: impl FnOnce(&Pids, Value)) -> anyhow::Result<()> {
    lockdown::harden()?;
    let (tell, events) = mpsc::channel();
    signals::watch(tell.clone(), || Event::Stop).context("signals")?;
    let directory = plan.directory.clone().map(|plan| AsidePlan::Directory(Box::new(plan)));
    let collector = plan.collector.clone().map(AsidePlan::Collector);
    let asides = directory.into_iter().chain(collector).map(Aside::new).collect();
    let mut supervisor = Supervisor {
        address: plan.listener.local_addr().context("the listener's address")?,
        plan,
        tell,
        events,
        front: None,
        engine: None,
        front_backoff: Backoff::default(),
        engine_backoff: Backoff::default(),
        due: None,
        asides,
    };
    supervisor.start_all()?;
    for index in 0..supervisor.asides.len() {
        supervisor.start_aside(index)?;
    }
    match supervisor.await_ready()? {
        Some((pids, details)) => ready(&pids, details),
        None => return supervisor.stop(),
    }
    supervisor.watch();
    supervisor.stop()
}

struct Supervisor {
    plan: Plan,
    /// The listener's.
    address: SocketAddr,
    tell: Sender<Event>,
    events: Receiver<Event>,
    front: Option<Front>,
    engine: Option<Child>,
    front_backoff: Backoff,
    engine_backoff: Backoff,
    /// When to start what is missing of these two.
    due: Option<Instant>,
    asides: Vec<Aside>,
}

struct Front {
    child: Child,
    control: UnixStream,
    /// It has reported that it serves.
    serves: bool,
}

impl Supervisor {
    /// A front always starts with an engine of its own, so that no engine ever sees two fronts.
    fn start_all(&mut self) -> anyhow::Result<()> {
        let (engine, socket, report) = self.start_engine()?;
        self.engine = Some(engine);
        let front = self.start_front()?;
        pass_engine(&front.control, &socket, report)?;
        self.front = Some(front);
        Ok(())
    }

    /// The engine, the front's end of its socket, and how it is locked in.
    fn start_engine(&mut self) -> anyhow::Result<(Child, UnixStream, Report)> {
        let (engine, socket) = self.start(ENGINE_VERB)?;
        let start = EngineStart {
            supervisor: std::process::id(),
            policy: self.plan.policy,
            settings: self.plan.engine.clone(),
        };
        // The engine before it has moved the position that all duplicates share.
        self.plan.models.model.seek(SeekFrom::Start(0)).context("the model")?;
        let caged = message::send(&socket, &start, &open_models(&self.plan.models)).and_then(|()| {
            socket.set_read_timeout(Some(CAGING_DEADLINE))?;
            let caged = message::receive::<Caged>(&socket)?;
            socket.set_read_timeout(None)?;
            caged.ok_or_else(|| message::invalid("no word of the engine"))
        });
        match caged {
            Ok((Caged { report }, _)) => {
                tracing::info!(pid = engine.pid(), lockdown = %report, "engine started");
                Ok((engine, socket, report))
            }
            Err(error) => Err(engine.reason("engine").context(error)),
        }
    }

    fn start_front(&mut self) -> anyhow::Result<Front> {
        let (child, control) = self.start(FRONT_VERB)?;
        let start = ToFront::Start(Box::new(FrontStart {
            supervisor: std::process::id(),
            policy: self.plan.policy,
            data_dir: self.plan.data_dir.clone(),
            read: self.plan.read.clone(),
            settings: self.plan.front.clone(),
        }));
        let listeners = [self.plan.listener.as_fd(), self.plan.control.as_fd()];
        let files: Vec<_> =
            listeners.into_iter().chain(self.plan.standard_output.iter().map(AsFd::as_fd)).collect();
        if let Err(error) = message::send(&control, &start, &files) {
            return Err(child.reason("front").context(error));
        }
        let (pid, socket, tell) = (child.pid(), control.try_clone()?, self.tell.clone());
        thread::Builder::new().name("front's word".to_owned()).spawn(move || {
            while let Ok(Some((word, _))) = message::receive(&socket) {
                // Fails only where the supervisor has stopped already.
                let _stopped = tell.send(Event::Said(pid, word));
            }
        })?;
        tracing::info!(pid, "front started");
        Ok(Front { child, control, serves: false })
    }

    fn start_aside(&mut self, index: usize) -> anyhow::Result<()> {
        let tell = self.tell.clone();
        let on_death = move |death| {
            // Fails only where the supervisor has stopped already.
            let _stopped = tell.send(Event::Died(death));
        };
        let Some(aside) = self.asides.get_mut(index) else { return Ok(()) };
        aside.end();
        // The next front is followed by another one.
        self.front.as_ref().map_or(Ok(()), |front| aside.start(&front.control, on_death))
    }

    fn start(&self, verb: &str) -> anyhow::Result<(Child, UnixStream)> {
        let tell = self.tell.clone();
        let on_death = move |death| {
            // Fails only where the supervisor has stopped already.
            let _stopped = tell.send(Event::Died(death));
        };
        Child::start(Path::new(EXECUTABLE), verb, on_death).with_context(|| format!("cannot start {verb}"))
    }

    /// Waits until the front serves; `None` where the end was asked for before that.
    fn await_ready(&mut self) -> anyhow::Result<Option<(Pids, Value)>> {
        let (Some(front), Some(engine)) = (&self.front, &self.engine) else { bail!("nothing was started") };
        let pids = Pids { supervisor: std::process::id(), front: front.child.pid(), engine: engine.pid() };
        loop {
            match self.next_event(None) {
                Ok(Event::Said(pid, FromFront::Serves { details })) if pid == pids.front => {
                    self.note_serving(pid);
                    return Ok(Some((pids, details)));
                }
                Ok(Event::Said(pid, word)) => self.hear(pid, &word),
                Ok(Event::Died(death)) if [pids.front, pids.engine].contains(&death.pid) => {
                    return Err(self.failure(&pids, death));
                }
                Ok(Event::Stop) | Err(RecvTimeoutError::Disconnected) => return Ok(None),
                Ok(Event::Died(death)) => self.bury(&death),
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    /// Why the two did not come up. One often takes the other with it, so both are heard.
    fn failure(&self, pids: &Pids, first: Death) -> anyhow::Error {
        let mut deaths = vec![first];
        while let Ok(event) = self.events.recv_timeout(OTHER_GRACE) {
            if let Event::Died(death) = event {
                deaths.push(death);
            }
        }
        let said = |pid: u32, name: &str| {
            let death = deaths.iter().find(|death| death.pid == pid)?;
            Some(format!("the {name} did not start: {}", death.account))
        };
        let reasons: Vec<_> =
            said(pids.front, "front").into_iter().chain(said(pids.engine, "engine")).collect();
        let code = deaths.iter().find(|death| death.pid == pids.front).and_then(|death| death.code);
        NotStarted { reasons: reasons.join("; "), code }.into()
    }

    /// Replaces what dies until the end is asked for.
    fn watch(&mut self) {
        loop {
            let asides = self.asides.iter().filter_map(|aside| aside.due);
            let due = self.due.into_iter().chain(asides).min();
            match self.next_event(due) {
                Ok(Event::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Ok(Event::Said(pid, word)) => self.hear(pid, &word),
                Ok(Event::Died(death)) => self.bury(&death),
                Err(RecvTimeoutError::Timeout) => self.repair(),
            }
        }
    }

    /// What happens until `due`, or until the manager wants to hear that we live, which it does here.
    fn next_event(&mut self, due: Option<Instant>) -> Result<Event, RecvTimeoutError> {
        self.plan.manager.beat();
        match due.into_iter().chain(self.plan.manager.next_beat()).min() {
            Some(due) => self.events.recv_timeout(due.saturating_duration_since(Instant::now())),
            None => self.events.recv().map_err(|_| RecvTimeoutError::Disconnected),
        }
    }

    fn hear(&mut self, pid: u32, word: &FromFront) {
        match word {
            FromFront::Waits => {
                tracing::warn!(pid, "the store is locked: `redoubt key unlock` opens it");
                self.plan.manager.waits();
                // Nobody on the LAN waits for a key that may not come today.
                self.hang_up();
            }
            FromFront::Opens => self.listen(),
            FromFront::Serves { .. } => self.note_serving(pid),
        }
    }

    fn note_serving(&mut self, pid: u32) {
        self.plan.manager.ready();
        if let Some(front) = self.front.as_mut().filter(|front| front.child.pid() == pid) {
            front.serves = true;
            tracing::info!(pid, "front serves");
        }
    }

    /// Notes a death. Whoever is not ours any more was ended by us.
    fn bury(&mut self, death: &Death) {
        let (name, wait) = if let Some(front) = self.front.take_if(|front| front.child.pid() == death.pid) {
            // What served it ends with it and is not to blame.
            self.engine = None;
            self.engine_backoff = Backoff::default();
            self.asides.iter_mut().for_each(Aside::forgive);
            // One that was killed served. One that ended itself, over the disk, may do so again at once.
            let was_useful = front.serves && (death.code.is_none() || front.child.age() > STEADY);
            ("front", self.front_backoff.after_death(was_useful))
        } else if let Some(engine) = self.engine.take_if(|engine| engine.pid() == death.pid) {
            ("engine", self.engine_backoff.after_death(engine.age() > STEADY))
        } else {
            for aside in &mut self.asides {
                if let Some(wait) = aside.bury(death.pid) {
                    note_death(aside.name(), death, wait);
                }
            }
            return;
        };
        note_death(name, death, wait);
        if name == "front" && !wait.is_zero() {
            self.hang_up();
        }
        self.due = Some(Instant::now() + wait);
    }

    /// Starts what is missing and due, and tries again later where that fails.
    fn repair(&mut self) {
        let now = Instant::now();
        if self.due.is_some_and(|due| due <= now) {
            self.repair_front_or_engine();
        }
        for index in 0..self.asides.len() {
            if self.asides.get(index).and_then(|aside| aside.due).is_some_and(|due| due <= now) {
                self.repair_aside(index);
            }
        }
    }

    fn repair_aside(&mut self, index: usize) {
        let Err(error) = self.start_aside(index) else { return };
        let Some(aside) = self.asides.get_mut(index) else { return };
        let (process, retry_in_ms) = (aside.name(), aside.wait(false).as_millis());
        tracing::error!(process, error = format!("{error:#}"), retry_in_ms, "restart failed");
    }

    fn repair_front_or_engine(&mut self) {
        self.due = None;
        let repaired = if self.front.is_none() {
            self.engine = None;
            self.asides.iter_mut().for_each(|aside| aside.due = Some(Instant::now()));
            self.listen();
            self.start_all()
        } else {
            self.replace_engine()
        };
        if let Err(error) = repaired {
            let wait = self.engine_backoff.after_death(false);
            tracing::error!(error = format!("{error:#}"), retry_in_ms = wait.as_millis(), "restart failed");
            if self.front.is_none() {
                self.hang_up();
            }
            self.due = Some(Instant::now() + wait);
        }
    }

    /// Connections are refused until [`Supervisor::listen`], and those that wait are ended: nobody hangs while there is no front.
    fn hang_up(&self) {
        // On Linux this is how a socket stops listening and keeps its address.
        if let Err(error) = rustix::net::shutdown(&self.plan.listener, Shutdown::Read) {
            tracing::warn!(%error, "connections wait for the next front");
        }
    }

    fn listen(&self) {
        // A port that the system chose is lost by hanging up; one that was asked for is not, and then this is refused.
        let _still_bound = rustix::net::bind(&self.plan.listener, &self.address);
        if let Err(error) = rustix::net::listen(&self.plan.listener, BACKLOG) {
            tracing::error!(%error, "the address cannot be listened on");
        }
    }

    fn replace_engine(&mut self) -> anyhow::Result<()> {
        let (engine, socket, report) = self.start_engine()?;
        self.engine = Some(engine);
        if let Some(front) = &self.front {
            // A front that just died takes this engine with it, and both come anew.
            pass_engine(&front.control, &socket, report)?;
        }
        Ok(())
    }

    /// Ends the front, which finishes what is running, then the engine. A second signal ends the wait.
    fn stop(mut self) -> anyhow::Result<()> {
        self.plan.manager.stopping();
        if let Some(front) = &self.front
            && message::send(&front.control, &ToFront::Stop, &[]).is_ok()
        {
            self.await_end(FRONT_GRACE, |supervisor| supervisor.front.is_none());
        }
        self.front = None;
        self.asides.clear();
        if let Some(engine) = &self.engine {
            engine.signal(Signal::TERM);
            self.await_end(ENGINE_GRACE, |supervisor| supervisor.engine.is_none());
        }
        self.engine = None;
        tracing::info!("stopped");
        Ok(())
    }

    fn await_end(&mut self, grace: Duration, ended: impl Fn(&Supervisor) -> bool) {
        let deadline = Instant::now() + grace;
        while !ended(self) {
            match self.events.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(Event::Died(death)) => {
                    self.front.take_if(|front| front.child.pid() == death.pid);
                    self.engine.take_if(|engine| engine.pid() == death.pid);
                }
                Ok(Event::Said(..)) => {}
                Ok(Event::Stop) => return tracing::warn!("told twice to stop, ending at once"),
                Err(_) => return tracing::warn!("a process did not end in time and is killed"),
            }
        }
    }
}

fn pass_engine(front: &UnixStream, engine: &UnixStream, report: Report) -> anyhow::Result<()> {
    let lockdowns = vec![(Process::Engine, report)];
    message::send(front, &ToFront::Engine(lockdowns), &[engine.as_fd()]).context("the front")
}

fn note_death(process: &str, death: &Death, wait: Duration) {
    tracing::error!(
        process,
        pid = death.pid,
        death = death.account,
        restart_in_ms = wait.as_millis(),
        "a process died"
    );
}

/// In the order of [`EngineStart`]. The files for embeddings are read by position, so theirs need no care.
fn open_models(files: &Files) -> Vec<BorrowedFd<'_>> {
    let parts = files.embedding.iter().flat_map(|parts| [&parts.weights, &parts.tokenizer, &parts.config]);
    [&files.model].into_iter().chain(parts).map(AsFd::as_fd).collect()
}
