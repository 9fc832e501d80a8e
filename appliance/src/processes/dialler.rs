//! The dialler's process: connects to the configured servers and hands the sockets over.
//!
//! The only process that can open a connection. It knows a list of targets, is asked for them by number, and reads no
//! byte that comes over any of them.

use std::fs::File;
use std::io::{self, Read as _};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, socket_with, sockopt};

use super::entry;
use super::message::{self, Caged, DiallerStart};
use crate::directory::hosts;
use crate::lockdown::{self, Cage};
use crate::outward::{DialAnswer, DialRequest};

/// Connections that are being made at the same time.
const MAX_DIALS: usize = 64;
const LONGEST_DIAL: Duration = Duration::from_secs(30);

/// The body of the hidden verb `@dialler`; ends when whoever asks closes its end of the socket.
///
/// # Errors
/// The process cannot be locked in, or the socket fails.
pub fn run_dialler() -> anyhow::Result<()> {
    let socket = entry::take_socket().context("the supervisor's socket")?;
    let received = message::receive::<DiallerStart>(&socket).context("the dialler's settings")?;
    let Some((start, files)) = received else { bail!("the dialler is started by the appliance only") };
    let DiallerStart { supervisor, policy, targets } = start;
    let ports = targets.iter().map(|(_, port)| *port).collect();
    let report = lockdown::enter(&Cage::Dialler { ports }, policy)?;
    entry::check_parent(supervisor)?;
    let hosts =
        files.into_iter().next().map_or(Ok(String::new()), read_hosts).context("the file of hosts")?;
    message::send(&socket, &Caged { report }, &[])?;
    let targets = targets.into_iter().map(|(host, port)| Target::new(&host, port, &hosts)).collect();
    serve(socket, targets)?;
    Ok(())
}

fn read_hosts(file: OwnedFd) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::from(file).take(hosts::MAX_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// One of the pairs that may be connected to.
#[derive(Debug)]
struct Target {
    host: String,
    addresses: Vec<SocketAddr>,
}

impl Target {
    fn new(host: &str, port: u16, hosts: &str) -> Self {
        let addresses =
            hosts::resolve(host, hosts).into_iter().map(|address| (address, port).into()).collect();
        Self { host: host.to_owned(), addresses }
    }
}

/// Takes requests until nobody makes any more; each is answered by a thread of its own, so that a server that does not
/// answer holds up nobody else's.
fn serve(socket: UnixStream, targets: Vec<Target>) -> io::Result<()> {
    let targets = Arc::new(targets);
    let answers = Arc::new(Mutex::new(socket.try_clone()?));
    let running = Arc::new(AtomicUsize::new(0));
    while let Some((request, _)) = next(&socket)? {
        let (targets, answers, running) = (Arc::clone(&targets), Arc::clone(&answers), Arc::clone(&running));
        if running.fetch_add(1, Ordering::Relaxed) >= MAX_DIALS {
            running.fetch_sub(1, Ordering::Relaxed);
            answer(&answers, request.id, Vec::new(), Err("too many connections at once".to_owned()));
            continue;
        }
        thread::Builder::new().name("dial".to_owned()).spawn(move || {
            let (addresses, dialled) = dial(targets.get(request.server), request.within_ms);
            running.fetch_sub(1, Ordering::Relaxed);
            answer(&answers, request.id, addresses, dialled);
        })?;
    }
    Ok(())
}

/// The next request; `None` when whoever asks is gone, whatever it has left unread.
fn next(socket: &UnixStream) -> io::Result<Option<(DialRequest, Vec<OwnedFd>)>> {
    message::receive(socket).or_else(|error| match error.kind() {
        io::ErrorKind::ConnectionReset => Ok(None),
        _ => Err(error),
    })
}

fn answer(answers: &Mutex<UnixStream>, id: u32, addresses: Vec<String>, dialled: Result<OwnedFd, String>) {
    let (connected, failure) =
        dialled.map_or_else(|why| (None, Some(why)), |connected| (Some(connected), None));
    let files: Vec<_> = connected.iter().map(|connected| connected.as_fd()).collect();
    let socket = answers.lock().unwrap_or_else(PoisonError::into_inner);
    // Fails only where nobody waits for it any more.
    let _gone = message::send(&socket, &DialAnswer { id, addresses, failure }, &files);
}

/// Tries the addresses of a target one after the other, each with its share of the time.
fn dial(target: Option<&Target>, within_ms: u64) -> (Vec<String>, Result<OwnedFd, String>) {
    let Some(target) = target else { return (Vec::new(), Err("there is no such server".to_owned())) };
    let addresses: Vec<_> = target.addresses.iter().map(|address| show(address.ip())).collect();
    if addresses.is_empty() {
        return (addresses, Err(format!("{} is no address and has none in /etc/hosts", target.host)));
    }
    let deadline = Instant::now() + Duration::from_millis(within_ms).min(LONGEST_DIAL);
    let mut failures = Vec::new();
    for (tried, address) in target.addresses.iter().enumerate() {
        let left = deadline.saturating_duration_since(Instant::now());
        let share = left / u32::try_from(addresses.len() - tried).unwrap_or(1);
        match open(*address, share) {
            Ok(connected) => return (addresses, Ok(connected)),
            Err(error) => failures.push(format!("{}: {error}", show(address.ip()))),
        }
    }
    (addresses, Err(failures.join(", ")))
}

fn show(address: IpAddr) -> String {
    address.to_string()
}

/// A connected socket, or why there is none after `within`.
fn open(address: SocketAddr, within: Duration) -> io::Result<OwnedFd> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(family, SocketType::STREAM, flags, None)?;
    match connect(&socket, &address) {
        Ok(()) => return Ok(socket),
        Err(Errno::INPROGRESS) => {}
        Err(error) => return Err(error.into()),
    }
    let deadline = Instant::now() + within;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = Timespec::try_from(left).map_err(io::Error::other)?;
        match poll(&mut [PollFd::new(&socket, PollFlags::OUT)], Some(&timeout)) {
            Ok(0) => return Err(io::Error::new(io::ErrorKind::TimedOut, "no answer in time")),
            Ok(_) => break,
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    sockopt::socket_error(&socket)??;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;
    use std::net::{TcpListener, TcpStream};

    fn dialler(targets: Vec<Target>) -> UnixStream {
        let (ours, theirs) = UnixStream::pair().unwrap();
        thread::spawn(move || serve(theirs, targets));
        ours
    }

    fn ask(dialler: &UnixStream, id: u32, server: usize, within_ms: u64) {
        message::send(dialler, &DialRequest { id, server, within_ms }, &[]).unwrap();
    }

    fn hear(dialler: &UnixStream) -> (DialAnswer, Option<TcpStream>) {
        let (answer, files) = message::receive::<DialAnswer>(dialler).unwrap().unwrap();
        (answer, files.into_iter().next().map(TcpStream::from))
    }

    #[test]
    fn a_target_is_connected_to_by_its_number_and_nothing_else_is() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let hosts = "127.0.0.1 dc1.example dc1\n";
        let dialler = dialler(vec![
            Target::new("dc1", port, hosts),
            Target::new("127.0.0.1", 1, hosts),
            Target::new("dc2", port, hosts),
        ]);
        ask(&dialler, 1, 0, 1000);
        let (answer, socket) = hear(&dialler);
        assert_eq!((answer.id, answer.addresses, answer.failure), (1, vec!["127.0.0.1".to_owned()], None));
        socket.unwrap().write_all(b"ours").unwrap();
        let mut heard = String::new();
        listener.accept().unwrap().0.read_to_string(&mut heard).unwrap();
        assert_eq!(heard, "ours");
        for (server, why) in
            [(1, "refused"), (2, "dc2 is no address"), (3, "no such server"), (usize::MAX, "no such")]
        {
            ask(&dialler, 2, server, 1000);
            let (answer, socket) = hear(&dialler);
            assert!(
                socket.is_none() && answer.failure.as_ref().is_some_and(|text| text.contains(why)),
                "{answer:?}"
            );
        }
    }

    #[test]
    fn a_server_that_does_not_answer_holds_up_nobody() {
        // A listener whose queue is full drops further connections, as a firewall does.
        let full = TcpListener::bind("127.0.0.1:0").unwrap();
        rustix::net::listen(&full, 0).unwrap();
        let black_hole = full.local_addr().unwrap().port();
        let filling: Vec<_> =
            (0..4).map(|_| open(full.local_addr().unwrap(), Duration::from_millis(50))).collect();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let dialler =
            dialler(vec![Target::new("127.0.0.1", black_hole, ""), Target::new("127.0.0.1", port, "")]);
        let began = Instant::now();
        ask(&dialler, 1, 0, 700);
        ask(&dialler, 2, 1, 700);
        let (answer, socket) = hear(&dialler);
        assert!(answer.id == 2 && socket.is_some(), "{answer:?}");
        let (answer, socket) = hear(&dialler);
        assert!(answer.id == 1 && socket.is_none(), "{answer:?}");
        assert!(began.elapsed() >= Duration::from_millis(650) && began.elapsed() < Duration::from_secs(2));
        drop(filling);
    }
}
