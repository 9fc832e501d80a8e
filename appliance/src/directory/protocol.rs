//! What front and directory tell each other: a u32 length (little endian), then JSON.
//!
//! Both ends are ours, but the answers carry what a directory said: their length is bounded, and whatever cannot be
//! read ends the connection.

use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{DirectoryId, Person, Refusal, Report};

/// Longest message in bytes.
pub(super) const MAX_LENGTH: usize = 1 << 20;
/// Room for a question, so that a password is not left behind where a buffer grew.
const QUESTION_ROOM: usize = 8192;

#[derive(Serialize, Deserialize)]
pub(super) struct Question {
    pub(super) id: u64,
    /// How long the answer may take, in milliseconds.
    pub(super) within_ms: u64,
    pub(super) ask: Ask,
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) enum Ask {
    Verify { name: String, password: Secret },
    LookUp { id: DirectoryId },
    Find { name: String },
    Test { name: Option<String> },
}

#[derive(Serialize, Deserialize)]
pub(super) struct Answer {
    pub(super) id: u64,
    pub(super) reply: Reply,
}

#[derive(Serialize, Deserialize)]
pub(super) enum Reply {
    Person(Result<Person, Refusal>),
    Report(Report),
}

/// A password on its way; wiped when dropped, and in no debug output.
#[derive(Clone, Deserialize)]
#[serde(from = "String")]
pub(super) struct Secret(pub(super) Zeroizing<String>);

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl Serialize for Secret {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// # Errors
/// The other side is gone or takes nothing, or the message is longer than [`MAX_LENGTH`].
pub(super) fn send(mut socket: &UnixStream, message: &impl Serialize) -> io::Result<()> {
    let mut frame = Zeroizing::new(Vec::with_capacity(QUESTION_ROOM));
    frame.extend_from_slice(&[0; 4]);
    serde_json::to_writer(&mut *frame, message)?;
    let body = frame.len() - 4;
    let length = u32::try_from(body).ok().filter(|_| body <= MAX_LENGTH).ok_or_else(too_long)?;
    frame[..4].copy_from_slice(&length.to_le_bytes());
    socket.write_all(&frame)
}

/// The next message; `None` where the other side has closed between two of them.
pub(super) fn receive<T: DeserializeOwned>(mut socket: &UnixStream) -> io::Result<Option<T>> {
    let mut length = [0; 4];
    match socket.read_exact(&mut length) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let length = u32::from_le_bytes(length) as usize;
    if length > MAX_LENGTH {
        return Err(too_long());
    }
    let mut body = Zeroizing::new(vec![0; length]);
    socket.read_exact(&mut body)?;
    Ok(Some(serde_json::from_slice(&body)?))
}

fn too_long() -> io::Error {
    io::Error::new(ErrorKind::InvalidData, "a message that is too long")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_arrives_as_it_was_sent() {
        let (one, other) = UnixStream::pair().unwrap();
        let password = Secret(Zeroizing::new("pass \"word\" \u{1f511}".to_owned()));
        let ask = Ask::Verify { name: "alice".to_owned(), password };
        send(&one, &Question { id: 7, within_ms: 3000, ask }).unwrap();
        drop(one);
        let question: Question = receive(&other).unwrap().unwrap();
        assert_eq!((question.id, question.within_ms), (7, 3000));
        let Ask::Verify { name, password } = question.ask else { panic!("another question") };
        assert_eq!((name.as_str(), password.0.as_str()), ("alice", "pass \"word\" \u{1f511}"));
        assert!(receive::<Question>(&other).unwrap().is_none());
    }

    #[test]
    fn lying_lengths_and_what_is_no_message_are_errors() {
        for bytes in [&[0xff, 0xff, 0xff, 0xff, 1][..], &[9, 0, 0, 0, b'"'], &[2, 0, 0, 0, b'n', b'o']] {
            let (mut one, other) = UnixStream::pair().unwrap();
            one.write_all(bytes).unwrap();
            drop(one);
            assert!(receive::<Answer>(&other).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn a_message_that_is_too_long_is_not_sent() {
        let (one, _other) = UnixStream::pair().unwrap();
        let ask = Ask::Test { name: Some("x".repeat(MAX_LENGTH)) };
        assert!(send(&one, &Question { id: 1, within_ms: 1, ask }).is_err());
    }
}
