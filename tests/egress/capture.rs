//! Every packet on every interface of the caller's network, and what was begun by it.

use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::sockopt::{Timeout, set_socket_recv_buffer_size, set_socket_timeout};
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, eth, recv, socket_with};

const ETHERNET: usize = 14;
const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
const TCP: u8 = 6;
const UDP: u8 = 17;
const SYN: u8 = 0x02;
const ACK: u8 = 0x10;
/// What the kernel takes without asking for more rights.
const BUFFER: usize = 4 << 20;
/// How long nothing must have come before the end of a capture.
const QUIET: Duration = Duration::from_millis(200);

/// A running capture.
pub(super) struct Capture {
    ends: Arc<AtomicBool>,
    listener: JoinHandle<Seen>,
}

/// What passed.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Frames, each once as it was sent and once as it came.
    pub(super) frames: usize,
    begun: BTreeSet<Begun>,
    counted: Counters,
}

/// Something that nobody had asked for by a packet before it: a TCP connection, or a packet of any other kind, which may
/// be an answer, but there is to be no question either.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Begun {
    Connection { from: SocketAddr, to: SocketAddr },
    Datagram { from: SocketAddr, to: SocketAddr },
    Other { what: String, to: Option<IpAddr> },
}

/// What the kernel counted in this network meanwhile. A capture that lost packets disagrees.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counters {
    connections: u64,
    datagrams: u64,
    messages: u64,
}

impl Capture {
    /// Sees everything from now on.
    pub(super) fn begin() -> Self {
        let socket =
            socket_with(AddressFamily::PACKET, SocketType::RAW, SocketFlags::CLOEXEC, Some(eth::ALL))
                .expect("a packet socket in a namespace of its own");
        set_socket_recv_buffer_size(&socket, BUFFER).unwrap();
        set_socket_timeout(&socket, Timeout::Recv, Some(QUIET)).unwrap();
        let ends = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&ends);
        let before = Counters::read();
        let listen = move || {
            let mut seen = listen(&socket, &told);
            seen.counted = Counters::read().since(&before);
            seen
        };
        let listener = thread::Builder::new().name("capture".to_owned()).spawn(listen).unwrap();
        Self { ends, listener }
    }

    /// What passed until now.
    pub(super) fn end(self) -> Seen {
        self.ends.store(true, Ordering::Relaxed);
        self.listener.join().unwrap()
    }
}

impl Seen {
    /// What was begun towards anything but TCP at these addresses. Fails if the kernel has counted more than was seen.
    pub(super) fn beyond(&self, allowed: &[SocketAddr]) -> Vec<&Begun> {
        self.check_that_nothing_was_missed();
        let is_allowed =
            |begun: &&Begun| matches!(begun, Begun::Connection { to, .. } if allowed.contains(to));
        self.begun.iter().filter(|begun| !is_allowed(begun)).collect()
    }

    /// What was begun towards anything but TCP within the machine. Fails likewise.
    pub(super) fn outside(&self) -> Vec<&Begun> {
        self.check_that_nothing_was_missed();
        let is_inside =
            |begun: &&Begun| matches!(begun, Begun::Connection { to, .. } if to.ip().is_loopback());
        self.begun.iter().filter(|begun| !is_inside(begun)).collect()
    }

    /// Connections that were begun towards this address.
    pub(super) fn connections_to(&self, address: SocketAddr) -> usize {
        let is_meant = |begun: &&Begun| matches!(begun, Begun::Connection { to, .. } if *to == address);
        self.begun.iter().filter(is_meant).count()
    }

    fn check_that_nothing_was_missed(&self) {
        let seen =
            |is_meant: fn(&Begun) -> bool| self.begun.iter().filter(|begun| is_meant(begun)).count() as u64;
        let connections = seen(|begun| matches!(begun, Begun::Connection { .. }));
        assert!(
            connections >= self.counted.connections,
            "{connections} connections seen, {:?}",
            self.counted
        );
        if seen(|begun| matches!(begun, Begun::Datagram { .. })) == 0 {
            assert_eq!(self.counted.datagrams, 0, "datagrams that were not seen");
        }
        if seen(|begun| matches!(begun, Begun::Other { .. })) == 0 {
            assert_eq!(self.counted.messages, 0, "messages of ICMP that were not seen");
        }
    }
}

fn listen(socket: &OwnedFd, ends: &AtomicBool) -> Seen {
    let mut seen = Seen::default();
    let mut buffer = vec![0; 1 << 17];
    loop {
        match recv(socket, buffer.as_mut_slice(), RecvFlags::empty()) {
            Ok((_, length)) => {
                seen.frames += 1;
                seen.begun.extend(begun(&buffer[..length]));
            }
            Err(Errno::AGAIN) if ends.load(Ordering::Relaxed) => break,
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(error) => panic!("the capture broke off: {error}"),
        }
    }
    seen
}

/// What a frame begins: nothing if it is within a TCP connection.
fn begun(frame: &[u8]) -> Option<Begun> {
    let kind = u16::from_be_bytes([frame[12], frame[13]]);
    let packet = &frame[ETHERNET..];
    let (protocol, from, to, content) = match kind {
        IPV4 => {
            let address =
                |at: usize| Ipv4Addr::from(<[u8; 4]>::try_from(&packet[at..at + 4]).unwrap()).into();
            (packet[9], address(12), address(16), &packet[usize::from(packet[0] & 0xf) * 4..])
        }
        IPV6 => {
            let address =
                |at: usize| Ipv6Addr::from(<[u8; 16]>::try_from(&packet[at..at + 16]).unwrap()).into();
            (packet[6], address(8), address(24), &packet[40..])
        }
        other => return Some(Begun::Other { what: format!("ethertype {other:#06x}"), to: None }),
    };
    begun_over_ip(protocol, from, to, content)
}

fn begun_over_ip(protocol: u8, from: IpAddr, to: IpAddr, content: &[u8]) -> Option<Begun> {
    let port = |at: usize| u16::from_be_bytes([content[at], content[at + 1]]);
    match protocol {
        TCP if content[13] & (SYN | ACK) != SYN => None,
        TCP => Some(Begun::Connection { from: (from, port(0)).into(), to: (to, port(2)).into() }),
        UDP => Some(Begun::Datagram { from: (from, port(0)).into(), to: (to, port(2)).into() }),
        other => Some(Begun::Other { what: format!("protocol {other}"), to: Some(to) }),
    }
}

impl Counters {
    /// Of the calling thread's network: proc_pid_net(5), the SNMP counters of RFC 4022, 4113 and 4293.
    fn read() -> Self {
        let [snmp, snmp6] = ["snmp", "snmp6"]
            .map(|file| fs::read_to_string(format!("/proc/thread-self/net/{file}")).unwrap_or_default());
        let of_pair = |protocol: &str, name: &str| {
            let mut lines = snmp.lines().filter_map(|line| line.strip_prefix(protocol)?.strip_prefix(": "));
            let (names, values) = (lines.next().unwrap(), lines.next().unwrap());
            let at = names.split(' ').position(|is| is == name).unwrap();
            values.split(' ').nth(at).unwrap().parse::<u64>().unwrap()
        };
        let of_line = |name: &str| {
            let line = snmp6.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<u64>().ok());
            line.unwrap_or_default()
        };
        Self {
            connections: of_pair("Tcp", "ActiveOpens"),
            datagrams: of_pair("Udp", "OutDatagrams") + of_line("Udp6OutDatagrams"),
            messages: of_pair("Icmp", "OutMsgs") + of_line("Icmp6OutMsgs"),
        }
    }

    fn since(&self, before: &Self) -> Self {
        Self {
            connections: self.connections - before.connections,
            datagrams: self.datagrams - before.datagrams,
            messages: self.messages - before.messages,
        }
    }
}
