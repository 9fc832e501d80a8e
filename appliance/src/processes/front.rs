//! The front's process: takes the listener and its settings, locks itself in, serves.

use std::io;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::thread;

use anyhow::{Context, bail};
use serde_json::Value;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};

use super::entry;
use super::message::{self, FromFront, FrontStart, Lockdowns, ToFront};
use crate::lockdown::{self, Cage, Process, Report};

/// What the front gets from its supervisor.
pub struct FrontParts {
    pub listener: TcpListener,
    /// Of the command line.
    pub console: UnixListener,
    /// The appliance's standard output, if records go there.
    pub standard_output: Option<OwnedFd>,
    /// What the plan held for the front.
    pub settings: Value,
    /// The socket of each engine; a new one after each restart of it.
    pub engines: mpsc::UnboundedReceiver<UnixStream>,
    /// The socket of each directory's process, likewise; none comes where no directory is configured.
    pub directories: mpsc::UnboundedReceiver<UnixStream>,
    /// The socket of each dialler that reaches the collector, likewise.
    pub collectors: mpsc::UnboundedReceiver<UnixStream>,
    pub control: Control,
    /// How this process is locked in.
    pub report: Report,
    /// How the others are locked in, each time one starts; an engine's before its socket.
    pub lockdowns: mpsc::UnboundedReceiver<(Process, Report)>,
}

/// The front's way to its supervisor.
#[derive(Clone)]
pub struct Control {
    socket: Arc<UnixStream>,
    stopped: watch::Receiver<bool>,
}

/// The body of the hidden verb `@front`: locks the process in, then lets `serve` work in it.
///
/// # Errors
/// The process cannot be locked in, and whatever `serve` returns.
pub fn run_front(serve: impl FnOnce(FrontParts) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let socket = entry::take_socket().context("the supervisor's socket")?;
    let received = message::receive::<ToFront>(&socket).context("the front's settings")?;
    let Some((ToFront::Start(start), files)) = received else {
        bail!("the front is started by the appliance only")
    };
    let mut files = files.into_iter();
    let (Some(listener), Some(console), standard_output) = (files.next(), files.next(), files.next()) else {
        bail!("the front got no listeners")
    };
    let FrontStart { supervisor, policy, data_dir, read, settings } = *start;
    lockdown::raise_file_limit().context("the limit of open files")?;
    let report = lockdown::enter(&Cage::Front { data_dir, read }, policy)?;
    entry::check_parent(supervisor)?;
    let (new_engines, engines) = mpsc::unbounded_channel();
    let (new_directories, directories) = mpsc::unbounded_channel();
    let (new_collectors, collectors) = mpsc::unbounded_channel();
    let (new_lockdowns, lockdowns) = mpsc::unbounded_channel();
    let passed = Passed {
        engines: new_engines,
        directories: new_directories,
        collectors: new_collectors,
        lockdowns: new_lockdowns,
    };
    let (stop, stopped) = watch::channel(false);
    let socket = Arc::new(socket);
    let control = Control { socket: Arc::clone(&socket), stopped };
    thread::Builder::new().name("supervisor".to_owned()).spawn(move || obey(&socket, &passed, &stop))?;
    let (listener, console) = (listener.into(), console.into());
    serve(FrontParts {
        listener,
        console,
        standard_output,
        settings,
        engines,
        directories,
        collectors,
        control,
        report,
        lockdowns,
    })
}

/// Where the sockets of new processes go.
struct Passed {
    engines: mpsc::UnboundedSender<UnixStream>,
    directories: mpsc::UnboundedSender<UnixStream>,
    collectors: mpsc::UnboundedSender<UnixStream>,
    lockdowns: mpsc::UnboundedSender<(Process, Report)>,
}

impl Passed {
    /// Nobody waits for any of it any more once the front ends.
    fn on(&self, sockets: &mpsc::UnboundedSender<UnixStream>, files: Vec<OwnedFd>, lockdowns: Lockdowns) {
        lockdowns.into_iter().for_each(|lockdown| drop(self.lockdowns.send(lockdown)));
        files.into_iter().for_each(|file| drop(sockets.send(file.into())));
    }
}

/// Follows the supervisor until it says stop or is gone.
fn obey(socket: &UnixStream, passed: &Passed, stop: &watch::Sender<bool>) {
    loop {
        match message::receive::<ToFront>(socket) {
            Ok(Some((ToFront::Engine(lockdowns), files))) => passed.on(&passed.engines, files, lockdowns),
            Ok(Some((ToFront::Directory(lockdowns), files))) => {
                passed.on(&passed.directories, files, lockdowns);
            }
            Ok(Some((ToFront::Collector(lockdowns), files))) => {
                passed.on(&passed.collectors, files, lockdowns);
            }
            Ok(Some((ToFront::Stop, _)) | None) => break,
            Ok(Some(_)) => tracing::error!("the supervisor sent what makes no sense here"),
            Err(error) => {
                tracing::error!(%error, "the supervisor cannot be understood");
                break;
            }
        }
    }
    stop.send_replace(true);
}

impl Control {
    /// Tells the supervisor that the front serves, with `details` for whoever started the appliance.
    ///
    /// # Errors
    /// The supervisor is gone.
    pub fn ready(&self, details: Value) -> io::Result<()> {
        message::send(&self.socket, &FromFront::Serves { details }, &[])
    }

    /// Tells the supervisor that the front waits for somebody to give it a key.
    ///
    /// # Errors
    /// The supervisor is gone.
    pub fn waits(&self) -> io::Result<()> {
        message::send(&self.socket, &FromFront::Waits, &[])
    }

    /// Tells the supervisor that the front was given a key.
    ///
    /// # Errors
    /// The supervisor is gone.
    pub fn opens(&self) -> io::Result<()> {
        message::send(&self.socket, &FromFront::Opens, &[])
    }

    /// Resolves when the front is to finish what is running and end: at the supervisor's word or death, or
    /// at SIGTERM. Wants a tokio runtime with its I/O enabled.
    pub fn shutdown(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut stopped = self.stopped.clone();
        async move {
            let told = async {
                // An error means that the thread which listens to the supervisor is gone.
                let _end = stopped.wait_for(|stopped| *stopped).await;
            };
            match signal(SignalKind::terminate()) {
                Ok(mut terminated) => tokio::select! {
                    () = told => {}
                    _ = terminated.recv() => {}
                },
                Err(error) => {
                    tracing::warn!(%error, "SIGTERM cannot be caught");
                    told.await;
                }
            }
        }
    }
}
