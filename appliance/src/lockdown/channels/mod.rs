//! Tries to get out, one way after the other, once the process is locked in.
//!
//! Nothing here can send a packet off the machine even if it succeeds: every address is the loopback's.

mod attempts;

use std::io;

use super::{Cage, Channel};

/// A way out. Its argument is a TCP port that the process has no business with.
type Attempt = fn(u16) -> io::Result<()>;

/// The ways to a network. Records have these names: add, never rename.
const WAYS_OUT: [(&str, Attempt); 15] = [
    ("tcp4", attempts::tcp4),
    ("tcp6", attempts::tcp6),
    ("udp4", |_| attempts::udp4()),
    ("udp6", |_| attempts::udp6()),
    ("icmp", |_| attempts::icmp()),
    ("names", |_| attempts::look_a_name_up()),
    ("mptcp", attempts::mptcp),
    ("sctp", attempts::sctp),
    ("fastopen", attempts::fast_open),
    ("io_uring", |_| redoubt_engine::io_uring::make()),
    ("packet", |_| attempts::packet()),
    ("netlink", |_| attempts::netlink()),
    ("vsock", |_| attempts::vsock()),
    ("alg", |_| attempts::kernel_cryptography()),
    ("abstract", |_| attempts::abstract_socket()),
];

/// The ways to somebody on this machine who may have a network.
const DETOURS: [(&str, Attempt); 2] =
    [("unix", |_| attempts::unix_socket()), ("program", |_| attempts::run_a_program())];

/// What the dialler is for. Where the kernel tells ports apart, these must fail all the same: at any other port.
const DIALLING: [&str; 2] = ["tcp4", "tcp6"];

/// The discard port (RFC 863); nothing listens there.
const DISCARD: u16 = 9;

/// What was tried, first the ways to a network, then the detours.
pub(super) struct Tried {
    pub(super) channels: Vec<Channel>,
    pub(super) detours: Vec<Channel>,
}

/// Tries every way out that the cage is meant to close. `holds_ports`: the kernel refuses TCP to ports that the
/// cage does not name.
pub(super) fn probe(cage: &Cage, holds_ports: bool) -> Tried {
    let port = port_of_nobody(cage);
    let is_dialler = matches!(cage, Cage::Dialler { .. });
    let is_meant = |name| is_dialler && !holds_ports && DIALLING.contains(name);
    let ways_out = WAYS_OUT.iter().filter(|(name, _)| !is_meant(name));
    let judged = |(name, attempt): &(&str, Attempt)| judge(name, attempt(port));
    Tried { channels: ways_out.map(judged).collect(), detours: DETOURS.iter().map(judged).collect() }
}

fn port_of_nobody(cage: &Cage) -> u16 {
    let own: &[u16] = match cage {
        Cage::Dialler { ports } => ports,
        _ => &[],
    };
    (DISCARD..u16::MAX).find(|port| !own.contains(port)).unwrap_or(DISCARD)
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

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::io::Errno;
    use std::fs;

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
        let tried = probe(&Cage::Engine, false);
        let all = tried.channels.into_iter().chain(tried.detours);
        let open: Vec<_> = all.filter(|channel| !channel.blocked).map(|channel| channel.name).collect();
        for name in ["tcp4", "udp4", "names", "fastopen", "abstract", "unix", "program"] {
            assert!(open.contains(&name.to_owned()), "{name} not among {open:?}");
        }
        // Missing where the kernel is older than the switch.
        let switch = fs::read_to_string("/proc/sys/kernel/io_uring_disabled").unwrap_or_default();
        assert_eq!(open.contains(&"io_uring".to_owned()), switch.trim() == "0", "{open:?}");
    }

    #[test]
    fn a_dialler_is_tried_at_a_port_that_is_not_its_own_where_the_kernel_tells_them_apart() {
        let dialler = |ports: &[u16]| Cage::Dialler { ports: ports.to_vec() };
        assert_eq!(port_of_nobody(&dialler(&[636])), 9);
        assert_eq!(port_of_nobody(&dialler(&[10, 9])), 11);
        assert_eq!(probe(&dialler(&[636]), false).channels.len(), 13);
        assert_eq!(probe(&dialler(&[636]), true).channels.len(), 15);
        assert_eq!(probe(&Cage::Directory, false).channels.len(), 15);
    }
}
