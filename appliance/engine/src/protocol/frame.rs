//! Frames on the socket: a little-endian u32 length, then that many bytes of postcard.

use super::{
    CacheScope, EmbeddingInfo, EmbeddingRequest, Embeddings, Event, Measure, ModelInfo, Prompt, Request,
};
use crate::Error;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::io::{ErrorKind, Read};

/// Longest frame in bytes, without its length.
pub(crate) const MAX_FRAME: usize = 16 << 20;

/// What the front sends. Ids are the front's own and never reused on one connection.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum ToWorker {
    Hello { version: u16 },
    Submit { id: u64, request: Request },
    Measure { id: u64, prompt: Prompt, max_tokens: u32 },
    Cancel { id: u64 },
    Embed { id: u64, request: EmbeddingRequest },
    Forget { id: u64, scope: CacheScope },
}

/// What the engine's process sends: first `Hello`, then `Ready` or `Failed`.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum FromWorker {
    Hello { version: u16 },
    Ready(Ready),
    Failed(String),
    Accepted { id: u64 },
    Refused { id: u64, why: Refusal },
    Measured { id: u64, measure: Measure },
    Event { id: u64, event: Event },
    Embedded { id: u64, embeddings: Embeddings },
    Forgotten { id: u64 },
}

/// What the process has loaded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Ready {
    pub(crate) model: ModelInfo,
    pub(crate) embedding: Option<EmbeddingInfo>,
}

/// Those of the engine's errors that concern one request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Refusal {
    ContextExceeded { tokens: u32, context: u32 },
    Busy { retry_after_s: u32 },
    Quota { retry_after_s: u32 },
    Invalid { field: String, why: String },
    Template(String),
    Other(String),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Refusal {
        match error {
            Error::ContextExceeded { tokens, context } => Refusal::ContextExceeded { tokens, context },
            Error::Busy { retry_after_s } => Refusal::Busy { retry_after_s },
            Error::Quota { retry_after_s } => Refusal::Quota { retry_after_s },
            Error::Invalid { field, why } => Refusal::Invalid { field, why },
            Error::Template(why) => Refusal::Template(why),
            other => Refusal::Other(other.to_string()),
        }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Error {
        match refusal {
            Refusal::ContextExceeded { tokens, context } => Error::ContextExceeded { tokens, context },
            Refusal::Busy { retry_after_s } => Error::Busy { retry_after_s },
            Refusal::Quota { retry_after_s } => Error::Quota { retry_after_s },
            Refusal::Invalid { field, why } => Error::Invalid { field, why },
            Refusal::Template(why) => Error::Template(why),
            Refusal::Other(why) => Error::Model(why),
        }
    }
}

/// A message with its length in front. Too long a one is the prompt's fault: nothing else can be long.
pub(crate) fn encode<T: Serialize>(message: &T) -> Result<Vec<u8>, Error> {
    let mut bytes = postcard::to_extend(message, vec![0; 4]).map_err(|e| Error::Protocol(e.to_string()))?;
    let length = bytes.len() - 4;
    if length > MAX_FRAME {
        return Err(Error::invalid("prompt", format!("longer than {MAX_FRAME} bytes")));
    }
    bytes[..4].copy_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
    Ok(bytes)
}

/// The next message; `None` where the other side has closed between two of them.
pub(crate) fn read<T: DeserializeOwned>(socket: &mut impl Read) -> Result<Option<T>, Error> {
    let mut length = [0; 4];
    match socket.read_exact(&mut length) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(None),
        Err(error) => return Err(error.into()),
    }
    let length = u32::from_le_bytes(length) as usize;
    if length > MAX_FRAME {
        return Err(Error::Protocol(format!("a frame of {length} bytes")));
    }
    // Grows as bytes arrive: a length alone costs no memory.
    let mut body = Vec::new();
    socket.take(length as u64).read_to_end(&mut body)?;
    if body.len() < length {
        return Err(Error::Protocol("the connection ended within a frame".to_owned()));
    }
    let (message, rest) = postcard::take_from_bytes(&body).map_err(|e| Error::Protocol(e.to_string()))?;
    if rest.is_empty() { Ok(Some(message)) } else { Err(Error::Protocol("trailing bytes".to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sampling;

    fn submit(text: String) -> ToWorker {
        let request = Request {
            prompt: Prompt::Text(text),
            sampling: Sampling::default(),
            cache_scope: CacheScope::default(),
            party: "p".to_owned(),
            priority: -7,
        };
        ToWorker::Submit { id: 3, request }
    }

    #[test]
    fn messages_survive_the_way() {
        let bytes = encode(&submit("größer".to_owned())).unwrap();
        let mut socket = bytes.as_slice();
        assert_eq!(read::<ToWorker>(&mut socket).unwrap(), Some(submit("größer".to_owned())));
        assert_eq!(read::<ToWorker>(&mut socket).unwrap(), None);
    }

    #[test]
    fn a_prompt_beyond_the_frame_is_invalid_input() {
        assert!(matches!(encode(&submit("x".repeat(MAX_FRAME))), Err(Error::Invalid { .. })));
    }

    #[test]
    fn lying_lengths_cut_frames_and_trailing_bytes_are_protocol_errors() {
        let good = encode(&ToWorker::Cancel { id: 1 }).unwrap();
        let mut long = good.clone();
        long[0] += 1;
        long.push(0);
        for bytes in [&[0xff; 8][..], &good[..good.len() - 1], &long] {
            assert!(matches!(read::<ToWorker>(&mut &bytes[..]), Err(Error::Protocol(_))), "{bytes:?}");
        }
    }
}
