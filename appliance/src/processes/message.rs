//! What supervisor and children tell each other: a u32 length (little endian), then JSON; open files
//! travel with the length.

use std::io::{self, ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use redoubt_engine::worker;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::config;
use crate::lockdown::{Egress, Process, Report};

/// Longest message in bytes. The supervisor reads from the front, so even this is bounded.
const MAX_LENGTH: usize = 1 << 20;
/// Most open files that travel with one message: a model, and three of one for embeddings.
const MAX_FILES: usize = 4;

/// To the engine, first and last; with the model and, if there is one, the weights, the tokenizer and the
/// configuration of that for embeddings.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct EngineStart {
    /// The process that this one must not outlive.
    pub(super) supervisor: u32,
    pub(super) policy: Egress,
    pub(super) settings: worker::Settings,
}

/// To the directory's process, first and last; with the dialler's socket, the certificate authority and the service
/// account's password.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct DirectoryStart {
    /// The process that this one must not outlive.
    pub(super) supervisor: u32,
    pub(super) policy: Egress,
    pub(super) settings: config::Directory,
}

/// To a dialler, first; with the file of hosts, if there is one. Requests follow from whoever has the other end.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct DiallerStart {
    /// The process that this one must not outlive.
    pub(super) supervisor: u32,
    pub(super) policy: Egress,
    /// Hosts and ports, in the configured order.
    pub(super) targets: Vec<(String, u16)>,
}

/// From an engine, the directory's process or the dialler, once it is locked in. What follows on that socket is
/// between that process and the one that got the socket.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Caged {
    pub(super) report: Report,
}

/// To the front.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum ToFront {
    /// First; with the listeners of the LAN and of the command line, and the supervisor's standard output if records
    /// go there.
    Start(Box<FrontStart>),
    /// With the front's end of a new engine's socketpair.
    Engine(Lockdowns),
    /// With the front's end of the socketpair of a new directory's process.
    Directory(Lockdowns),
    /// With the front's end of the socketpair of a new dialler, which reaches the collector.
    Collector(Lockdowns),
    /// Finish what is running and end.
    Stop,
}

/// How the processes behind a socket are locked in.
pub(super) type Lockdowns = Vec<(Process, Report)>;

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct FrontStart {
    /// The process that this one must not outlive.
    pub(super) supervisor: u32,
    pub(super) policy: Egress,
    pub(super) data_dir: PathBuf,
    pub(super) read: Vec<PathBuf>,
    pub(super) settings: Value,
}

/// From the front.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum FromFront {
    /// It waits for somebody to give it a key.
    Waits,
    /// It has been given one.
    Opens,
    /// It serves.
    Serves { details: Value },
}

/// Sends one message with open files. The receiver gets duplicates.
pub(crate) fn send(
    mut socket: &UnixStream,
    message: &impl Serialize,
    files: &[BorrowedFd<'_>],
) -> io::Result<()> {
    let body = serde_json::to_vec(message)?;
    let length = u32::try_from(body.len()).ok().filter(|length| *length as usize <= MAX_LENGTH);
    let length = length.ok_or_else(|| invalid("a message that is too long"))?.to_le_bytes();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FILES))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !files.is_empty() && !control.push(SendAncillaryMessage::ScmRights(files)) {
        return Err(invalid("more open files than fit a message"));
    }
    let sent = sendmsg(socket, &[IoSlice::new(&length)], &mut control, SendFlags::NOSIGNAL)?;
    socket.write_all(&length[sent..])?;
    socket.write_all(&body)
}

/// The next message and its open files; `None` where the other side has closed between two messages.
/// Reads no byte beyond it.
pub(crate) fn receive<T: DeserializeOwned>(mut socket: &UnixStream) -> io::Result<Option<(T, Vec<OwnedFd>)>> {
    let mut length = [0; 4];
    let (read, files) = receive_first(socket, &mut length)?;
    if read == 0 {
        return Ok(None);
    }
    socket.read_exact(&mut length[read..])?;
    let length = u32::from_le_bytes(length) as usize;
    if length > MAX_LENGTH {
        return Err(invalid("a message that is too long"));
    }
    let mut body = vec![0; length];
    socket.read_exact(&mut body)?;
    Ok(Some((serde_json::from_slice(&body)?, files)))
}

fn receive_first(socket: &UnixStream, buffer: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FILES))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::CMSG_CLOEXEC;
    let received =
        rustix::io::retry_on_intr(|| recvmsg(socket, &mut [IoSliceMut::new(buffer)], &mut control, flags))?;
    if received.flags.contains(ReturnFlags::CTRUNC) {
        return Err(invalid("more open files than expected"));
    }
    let mut files = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(received) = message {
            files.extend(received);
        }
    }
    Ok((received.bytes, files))
}

pub(super) fn invalid(what: &'static str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::io::{Seek, SeekFrom};
    use std::os::fd::AsFd;

    #[test]
    fn a_message_brings_its_files_in_order_and_leaves_what_follows_on_the_socket() {
        let (one, mut other) = UnixStream::pair().unwrap();
        let texts = ["weights", "tokenizer", "configuration", "more"];
        let files = texts.map(|text| {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(text.as_bytes()).unwrap();
            file
        });
        let serves = FromFront::Serves { details: "größer".into() };
        send(&one, &serves, &files.each_ref().map(AsFd::as_fd)).unwrap();
        (&one).write_all(b"foreign").unwrap();
        let (message, received) = receive::<FromFront>(&other).unwrap().unwrap();
        assert!(matches!(message, FromFront::Serves { details } if details == "größer"));
        let read = |file: OwnedFd| {
            let (mut file, mut text) = (File::from(file), String::new());
            file.seek(SeekFrom::Start(0)).unwrap();
            file.read_to_string(&mut text).unwrap();
            text
        };
        assert_eq!(received.into_iter().map(read).collect::<Vec<_>>(), texts);
        let mut next = [0; 7];
        other.read_exact(&mut next).unwrap();
        assert_eq!(&next, b"foreign");
    }

    #[test]
    fn a_message_without_files_and_the_end_between_two_messages() {
        let (one, other) = UnixStream::pair().unwrap();
        send(&one, &ToFront::Stop, &[]).unwrap();
        drop(one);
        let (message, files) = receive::<ToFront>(&other).unwrap().unwrap();
        assert!(matches!(message, ToFront::Stop) && files.is_empty());
        assert!(receive::<ToFront>(&other).unwrap().is_none());
    }

    #[test]
    fn lying_lengths_and_cut_messages_are_errors() {
        for bytes in [&[0xff, 0xff, 0xff, 0xff][..], &[9, 0, 0, 0, b'"'], &[1, 0]] {
            let (mut one, other) = UnixStream::pair().unwrap();
            one.write_all(bytes).unwrap();
            drop(one);
            assert!(receive::<ToFront>(&other).is_err(), "{bytes:?}");
        }
    }
}
