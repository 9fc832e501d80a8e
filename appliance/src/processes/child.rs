//! One child of the supervisor: started, listened to, killed.

use std::io::{self, PipeReader, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{self, Command};
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::anyhow;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// How long a child that broke off may take to say why.
const LAST_WORDS_GRACE: Duration = Duration::from_secs(2);
/// How much of what a child said last is kept, in bytes.
const LAST_WORDS: usize = 2048;

/// A running child. It is killed when this is dropped, and gone when that returns.
pub(super) struct Child {
    pid: u32,
    started: Instant,
    /// Names this process and none that may get its number later.
    handle: OwnedFd,
    listener: Option<JoinHandle<()>>,
    death: Receiver<Death>,
}

/// A child has ended.
#[derive(Clone, Debug)]
pub(super) struct Death {
    pub(super) pid: u32,
    /// Its exit status and the last line that it said, which is where an error stands.
    pub(super) account: String,
    /// Its exit status, unless a signal ended it.
    pub(super) code: Option<u8>,
}

impl Child {
    /// Starts `executable` with `verb`, and returns our end of the socketpair that is its stdin.
    /// `on_death` runs on a thread of its own.
    pub(super) fn start(
        executable: &Path,
        verb: &str,
        on_death: impl FnOnce(Death) + Send + 'static,
    ) -> io::Result<(Child, UnixStream)> {
        let (ours, theirs) = UnixStream::pair()?;
        let (spoken, voice) = io::pipe()?;
        let mut process = Command::new(executable)
            .arg0("redoubt")
            .arg(verb)
            .env_clear()
            // A Ctrl-C in the terminal is for the supervisor, which then ends its children in order.
            .process_group(0)
            .stdin(OwnedFd::from(theirs))
            .stdout(voice.try_clone()?)
            .stderr(voice)
            .spawn()?;
        let pid = process.id();
        let handle = pidfd_open(Pid::from_child(&process), PidfdFlags::empty()).inspect_err(|_| {
            let _already_dead = process.kill();
        })?;
        let (tell, death) = mpsc::channel();
        let listener =
            thread::Builder::new().name(verb.trim_start_matches('@').to_owned()).spawn(move || {
                let death = listen(process, spoken);
                // Fails only where nobody asks.
                let _unasked = tell.send(death.clone());
                on_death(death);
            })?;
        Ok((Child { pid, started: Instant::now(), handle, listener: Some(listener), death }, ours))
    }

    pub(super) fn pid(&self) -> u32 {
        self.pid
    }

    pub(super) fn age(&self) -> Duration {
        self.started.elapsed()
    }

    /// Waits for its end, and kills it where that does not come within `grace`.
    pub(super) fn end(self, grace: Duration) -> Option<Death> {
        self.death.recv_timeout(grace).ok()
    }

    /// Why one that did not come up died.
    pub(super) fn reason(self, name: &str) -> anyhow::Error {
        self.end(LAST_WORDS_GRACE).map_or_else(
            || anyhow!("the {name} does not answer"),
            |death| anyhow!("the {name} did not start: {}", death.account),
        )
    }

    pub(super) fn signal(&self, signal: Signal) {
        // It fails only where the process is dead already.
        let _dead = pidfd_send_signal(&self.handle, signal);
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
        if let Some(listener) = self.listener.take() {
            let _panicked = listener.join();
        }
    }
}

/// Copies what the child says to our stderr until it dies.
fn listen(mut process: process::Child, mut spoken: PipeReader) -> Death {
    let mut last_words = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match spoken.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => {
                // A closed stderr is no reason to let the child's pipe run full.
                let _closed = io::stderr().write_all(&buffer[..count]);
                last_words.extend_from_slice(&buffer[..count]);
                let excess = last_words.len().saturating_sub(LAST_WORDS);
                last_words.drain(..excess);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    let status = process.wait();
    let code = status.as_ref().ok().and_then(|status| u8::try_from(status.code()?).ok());
    let ended = status.map_or_else(|error| error.to_string(), |status| status.to_string());
    let last_words = String::from_utf8_lossy(&last_words);
    // A panic's last line is advice to developers.
    let mut lines = last_words.lines().filter(|line| !line.trim().is_empty() && !line.starts_with("note: "));
    let account = match lines.next_back() {
        Some(line) => format!("{ended}: {line}"),
        None => ended,
    };
    Death { pid: process.id(), account, code }
}
