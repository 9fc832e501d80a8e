//! One function a way out: what somebody who wants out would do first.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::{Command, Stdio};

use nix::libc;
use rustix::fd::OwnedFd;
use rustix::net::{
    AddressFamily, Protocol, SendFlags, SocketAddrUnix, SocketFlags, SocketType, connect, ipproto, send,
    sendto, socket_with,
};

use super::is_refusal;

/// Where name servers listen, for UDP.
const NAME_SERVER: u16 = 53;
/// Whom libc asks for addresses before it asks a server: nscd, and systemd's resolver.
const NAME_SERVICES: [&str; 2] = ["/var/run/nscd/socket", "/run/systemd/resolve/io.systemd.Resolve"];
/// The kernel's cryptography; its number in linux/socket.h.
const AF_ALG: u16 = 38;
/// Nobody listens under it. Abstract names lie in the network's namespace, not among the files.
const ABSTRACT_NAME: &[u8] = b"redoubt-way-out";

pub(super) fn tcp4(port: u16) -> io::Result<()> {
    call(AddressFamily::INET, None, port)
}

pub(super) fn tcp6(port: u16) -> io::Result<()> {
    call(AddressFamily::INET6, None, port)
}

pub(super) fn mptcp(port: u16) -> io::Result<()> {
    call(AddressFamily::INET, Some(ipproto::MPTCP), port)
}

pub(super) fn sctp(port: u16) -> io::Result<()> {
    call(AddressFamily::INET, Some(ipproto::SCTP), port)
}

/// A connection that begins with its first data, which no `connect` precedes.
pub(super) fn fast_open(port: u16) -> io::Result<()> {
    let socket = stream(AddressFamily::INET, None)?;
    let flags = SendFlags::from_bits_retain(libc::MSG_FASTOPEN.cast_unsigned()) | SendFlags::NOSIGNAL;
    sendto(socket, b"?", flags, &loopback(AddressFamily::INET, port))?;
    Ok(())
}

pub(super) fn udp4() -> io::Result<()> {
    datagram(AddressFamily::INET)
}

pub(super) fn udp6() -> io::Result<()> {
    datagram(AddressFamily::INET6)
}

pub(super) fn icmp() -> io::Result<()> {
    open(AddressFamily::INET, SocketType::RAW, Some(ipproto::ICMP))
}

pub(super) fn packet() -> io::Result<()> {
    open(AddressFamily::PACKET, SocketType::RAW, None)
}

pub(super) fn netlink() -> io::Result<()> {
    open(AddressFamily::NETLINK, SocketType::RAW, None)
}

pub(super) fn vsock() -> io::Result<()> {
    open(AddressFamily::VSOCK, SocketType::STREAM, None)
}

pub(super) fn kernel_cryptography() -> io::Result<()> {
    open(AddressFamily::from_raw(AF_ALG), SocketType::SEQPACKET, None)
}

pub(super) fn unix_socket() -> io::Result<()> {
    open(AddressFamily::UNIX, SocketType::STREAM, None)
}

pub(super) fn abstract_socket() -> io::Result<()> {
    let socket = stream(AddressFamily::UNIX, None)?;
    Ok(connect(socket, &SocketAddrUnix::new_abstract_name(ABSTRACT_NAME)?)?)
}

/// What getaddrinfo(3) would do, which a static executable has no use for: the name services of the machine, then a
/// server. Refused only if all of it is.
pub(super) fn look_a_name_up() -> io::Result<()> {
    for service in NAME_SERVICES {
        unless_refused(ask_service(service))?;
    }
    ask_server()
}

/// Goes on only from a refusal: whatever else came of an attempt is the outcome of all.
fn unless_refused(outcome: io::Result<()>) -> io::Result<()> {
    match outcome {
        Err(error) if is_refusal(&error) => Ok(()),
        Err(error) => Err(error),
        Ok(()) => Err(io::Error::other("somebody takes questions about names")),
    }
}

fn ask_service(path: &str) -> io::Result<()> {
    Ok(connect(stream(AddressFamily::UNIX, None)?, &SocketAddrUnix::new(path)?)?)
}

fn ask_server() -> io::Result<()> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::INET, SocketType::DGRAM, flags, None)?;
    connect(&socket, &loopback(AddressFamily::INET, NAME_SERVER))?;
    send(socket, b"?", SendFlags::DONTWAIT | SendFlags::NOSIGNAL)?;
    Ok(())
}

fn open(family: AddressFamily, kind: SocketType, protocol: Option<Protocol>) -> io::Result<()> {
    socket_with(family, kind, SocketFlags::CLOEXEC, protocol)?;
    Ok(())
}

fn call(family: AddressFamily, protocol: Option<Protocol>, port: u16) -> io::Result<()> {
    Ok(connect(stream(family, protocol)?, &loopback(family, port))?)
}

fn stream(family: AddressFamily, protocol: Option<Protocol>) -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    Ok(socket_with(family, SocketType::STREAM, flags, protocol)?)
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
pub(super) fn run_a_program() -> io::Result<()> {
    Command::new("/proc/self/no-such-program")
        .env_clear()
        .stdin(Stdio::inherit())
        .stdout(Stdio::inherit())
        .stderr(Stdio::inherit())
        .spawn()?
        .wait()?;
    Ok(())
}
