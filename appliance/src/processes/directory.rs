//! The directory's process: takes the authority, the password and two sockets, locks itself in, answers.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::panic;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use ring::rand::SystemRandom;
use rustix::process::{Resource, Rlimit, setrlimit};
use tracing_subscriber::filter::LevelFilter;
use zeroize::Zeroizing;

use super::entry;
use super::message::{self, Caged, DirectoryStart};
use crate::clock::SystemClock;
use crate::directory::{self, Parts};
use crate::lockdown::{self, Cage};

/// What a rogue directory can make this process allocate before the kernel refuses, which ends it; a new one follows.
const MAX_MEMORY: u64 = 64 << 20;
const MAX_CA: u64 = 1 << 20;
const MAX_PASSWORD: u64 = 4 << 10;

/// The body of the hidden verb `@directory`; ends when the front closes its end of the socket.
///
/// # Errors
/// The process cannot be locked in, what is configured is unusable, or the socket fails.
pub fn run_directory() -> anyhow::Result<()> {
    let socket = entry::take_socket().context("the supervisor's socket")?;
    let received = message::receive::<DirectoryStart>(&socket).context("the directory's settings")?;
    let Some((start, files)) = received else { bail!("the directory is started by the appliance only") };
    let DirectoryStart { supervisor, policy, settings } = start;
    let Ok([dialler, ca, password]) = <[OwnedFd; 3]>::try_from(files) else {
        bail!("the directory got not all that it needs")
    };
    setrlimit(Resource::Data, Rlimit { current: Some(MAX_MEMORY), maximum: Some(MAX_MEMORY) })
        .context("the limit of memory")?;
    let report = lockdown::enter(&Cage::Directory, policy)?;
    entry::check_parent(supervisor)?;
    let parts = Parts {
        config: settings,
        ca: read(ca, MAX_CA).context("directory.ca")?.to_vec(),
        password: read_line(password).context("directory.bind_password_file")?,
        dialler: UnixStream::from(dialler),
        clock: Arc::new(SystemClock::new()),
    };
    let ready = directory::prepare(parts, &SystemRandom::new())?;
    message::send(&socket, &Caged { report }, &[])?;
    tracing_subscriber::fmt().json().with_max_level(LevelFilter::WARN).with_writer(io::stderr).init();
    // A panic is the end of one question. What it says may come from the directory, so only its place is logged.
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        tracing::error!(place, "a reply could not be read");
    }));
    ready.serve(socket)?;
    Ok(())
}

fn read(file: OwnedFd, most: u64) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(MAX_PASSWORD).unwrap_or_default()));
    File::from(file).take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A password in a file ends where its line does.
fn read_line(file: OwnedFd) -> anyhow::Result<Zeroizing<String>> {
    let bytes = read(file, MAX_PASSWORD)?;
    let text = std::str::from_utf8(&bytes).context("it is no text")?;
    Ok(Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned()))
}
