//! Tries to get out, one way after the other, once the process is locked in.
//!
//! Nothing here can send a packet off the machine even if it succeeds: every address is the loopback's.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::{Command, Stdio};

use rustix::net::{
    AddressFamily, Protocol, SendFlags, SocketFlags, SocketType, connect, ipproto, sendto, socket_with,
};

use super::{Cage, Channel};

/// The discard port (RFC 863) for streams; datagrams go to the port of name servers.
const DISCARD: u16 = 9;
const NAME_SERVER: u16 = 53;
/// The kernel's cryptography; its number in linux/socket.h.
const AF_ALG: u16 = 38;

type Attempt = fn() -> io::Result<()>;

const WAYS_OUT: [(&str, Attempt); 13] = [
    ("tcp4", || call(AddressFamily::INET, None)),
    ("tcp6", || call(AddressFamily::INET6, None)),
    ("udp4", || datagram(AddressFamily::INET)),
    ("udp6", || datagram(AddressFamily::INET6)),
    ("mptcp", || call(AddressFamily::INET, Some(ipproto::MPTCP))),
    ("sctp", || call(AddressFamily::INET, Some(ipproto::SCTP))),
    ("icmp", || open(AddressFamily::INET, SocketType::RAW, Some(ipproto::ICMP))),
    ("packet", || open(AddressFamily::PACKET, SocketType::RAW, None)),
    ("netlink", || open(AddressFamily::NETLINK, SocketType::RAW, None)),
    ("vsock", || open(AddressFamily::VSOCK, SocketType::STREAM, None)),
    ("alg", || open(AddressFamily::from_raw(AF_ALG), SocketType::SEQPACKET, None)),
    ("unix", || open(AddressFamily::UNIX, SocketType::STREAM, None)),
    ("program", run_a_program),
];

/// The one thing that the dialler is for.
const DIALLING: [&str; 2] = ["tcp4", "tcp6"];

/// Tries every way out that the cage is meant to close.
pub(super) fn probe(cage: &Cage) -> Vec<Channel> {
    let is_meant = |name| matches!(cage, Cage::Dialler { .. }) && DIALLING.contains(name);
    let ways_out = WAYS_OUT.iter().filter(|(name, _)| !is_meant(name));
    ways_out.map(|(name, attempt)| judge(name, attempt())).collect()
}

fn judge(name: &str, outcome: io::Result<()>) -> Channel {
    let (blocked, answer) = match &outcome {
        Ok(()) => (false, "it worked".to_owned()),
        Err(error) => (is_refusal(error), error.to_string()),
    };
    Channel { name: name.to_owned(), blocked, answer }
}

/// Whether the kernel said "not you" or "there is no such thing here". Any other failure came from
/// somebody at the other end, or from the attempt itself, and proves nothing.
fn is_refusal(error: &io::Error) -> bool {
    use rustix::io::Errno;
    error.raw_os_error().map(Errno::from_raw_os_error).is_some_and(|errno| {
        matches!(
            errno,
            Errno::PERM
                | Errno::ACCESS
                | Errno::NOSYS
                | Errno::AFNOSUPPORT
                | Errno::PROTONOSUPPORT
                | Errno::SOCKTNOSUPPORT
                | Errno::NETUNREACH
                | Errno::HOSTUNREACH
                | Errno::ADDRNOTAVAIL
        )
    })
}

fn open(family: AddressFamily, kind: SocketType, protocol: Option<Protocol>) -> io::Result<()> {
    socket_with(family, kind, SocketFlags::CLOEXEC, protocol)?;
    Ok(())
}

fn call(family: AddressFamily, protocol: Option<Protocol>) -> io::Result<()> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(family, SocketType::STREAM, flags, protocol)?;
    Ok(connect(socket, &loopback(family, DISCARD))?)
}

fn datagram(family: AddressFamily) -> io::Result<()> {
    let socket = socket_with(family, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    sendto(socket, b"?", SendFlags::DONTWAIT, &loopback(family, NAME_SERVER))?;
    Ok(())
}

fn loopback(family: AddressFamily, port: u16) -> SocketAddr {
    if family == AddressFamily::INET6 {
        (Ipv6Addr::LOCALHOST, port).into()
    } else {
        (Ipv4Addr::LOCALHOST, port).into()
    }
}

/// Another program could do what this one may not. The file does not exist: where processes can be made,
/// the answer is that it was not found, which is no refusal.
fn run_a_program() -> io::Result<()> {
    Command::new("/proc/self/no-such-program")
        .env_clear()
        .stdin(Stdio::inherit())
        .stdout(Stdio::inherit())
        .stderr(Stdio::inherit())
        .spawn()?
        .wait()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::io::Errno;

    #[test]
    fn only_a_refusal_of_the_kernel_counts_as_blocked() {
        for refusal in [Errno::PERM, Errno::NOSYS, Errno::NETUNREACH] {
            assert!(judge("x", Err(refusal.into())).blocked, "{refusal}");
        }
        for reached in [Errno::CONNREFUSED, Errno::INPROGRESS, Errno::NOENT, Errno::TIMEDOUT] {
            assert!(!judge("x", Err(reached.into())).blocked, "{reached}");
        }
        assert!(!judge("x", Ok(())).blocked);
    }

    #[test]
    fn outside_a_cage_the_probe_finds_ways_out() {
        let open: Vec<_> =
            probe(&Cage::Engine).into_iter().filter(|channel| !channel.blocked).map(|c| c.name).collect();
        for name in ["unix", "program"] {
            assert!(open.contains(&name.to_owned()), "{name} not among {open:?}");
        }
    }
}
