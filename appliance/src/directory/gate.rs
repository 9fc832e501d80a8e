//! What stands between a server and ldap3: takes whole messages off the wire and lets the harmless ones through.
//!
//! ldap3 takes messages of any size and depth, and panics over many that are not as it expects. So each is counted and
//! looked at here first, in the form that RFC 4511 section 4 gives it; whatever fits no form ends the connection.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::ber::{self, BOOLEAN, ENUMERATED, Elements, INTEGER, Malformed, OCTET_STRING, SEQUENCE};

/// The longest message, in bytes.
pub(super) const MAX_MESSAGE: usize = 1 << 20;
/// All messages of one question together, in bytes.
const MAX_QUESTION: usize = 8 << 20;
/// An entry has a depth of 6: message, entry, attributes, attribute, values, value.
const MAX_DEPTH: usize = 12;
/// Each element costs memory beside its bytes.
const MAX_ELEMENTS: usize = 1 << 16;
/// How much is read at once, so that a length that lies costs nothing.
const CHUNK: usize = 16 << 10;

const BIND_RESPONSE: u8 = 0x61;
const SEARCH_ENTRY: u8 = 0x64;
const SEARCH_DONE: u8 = 0x65;
const SEARCH_REFERENCE: u8 = 0x73;
const EXTENDED_RESPONSE: u8 = 0x78;
const CONTROLS: u8 = 0xa0;

/// Why a connection was ended at the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    #[error("a reply of more than 1 MiB")]
    TooLong,
    #[error("replies of more than 8 MiB to one question")]
    TooMuch,
    #[error("a malformed reply")]
    Malformed,
    #[error("the connection broke")]
    Broken,
    #[error("the server ended the connection")]
    Ended,
}

impl From<Malformed> for Fault {
    fn from(Malformed: Malformed) -> Self {
        Self::Malformed
    }
}

/// What both sides of a gate know of it.
#[derive(Clone, Default)]
pub(super) struct Gate {
    /// Bytes that came in over the present question.
    spent: Arc<AtomicUsize>,
    fault: Arc<Mutex<Option<Fault>>>,
}

impl Gate {
    /// Counts anew, for the next question on the same connection.
    pub(super) fn begin_question(&self) {
        self.spent.store(0, Ordering::Relaxed);
    }

    /// Why it was closed, once it is.
    pub(super) fn fault(&self) -> Option<Fault> {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Carries messages both ways until one side ends or the server says what cannot be let through.
    pub(super) async fn carry(
        self,
        server: impl AsyncRead + AsyncWrite,
        client: impl AsyncRead + AsyncWrite,
    ) {
        let (mut from_server, mut to_server) = tokio::io::split(server);
        let (mut from_client, mut to_client) = tokio::io::split(client);
        let fault = tokio::select! {
            _ = tokio::io::copy(&mut from_client, &mut to_server) => Fault::Ended,
            fault = self.let_through(&mut from_server, &mut to_client) => fault,
        };
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(fault);
        // Only now does ldap3 hear of it, so whoever waits there finds the reason here.
        drop((to_client, from_client));
        // A proper end of TLS is a courtesy; the server may be gone.
        let _gone = to_server.shutdown().await;
    }

    async fn let_through(
        &self,
        server: &mut (impl AsyncRead + Unpin),
        client: &mut (impl AsyncWrite + Unpin),
    ) -> Fault {
        loop {
            let message = match read_message(server).await {
                Ok(message) => message,
                Err(fault) => return fault,
            };
            if self.spent.fetch_add(message.len(), Ordering::Relaxed) + message.len() > MAX_QUESTION {
                return Fault::TooMuch;
            }
            if let Err(fault) = check(&message) {
                return fault;
            }
            if client.write_all(&message).await.is_err() {
                return Fault::Ended;
            }
        }
    }
}

/// Reads one message and not a byte more.
pub(super) async fn read_message(server: &mut (impl AsyncRead + Unpin)) -> Result<Vec<u8>, Fault> {
    let mut message = vec![0; 2];
    match server.read(&mut message[..1]).await {
        Ok(0) => return Err(Fault::Ended),
        Ok(_) => read_exact(server, &mut message[1..]).await?,
        Err(_) => return Err(Fault::Broken),
    }
    if message[0] != SEQUENCE {
        return Err(Fault::Malformed);
    }
    let length = loop {
        if let Some((length, taken)) = ber::length(&message[1..])? {
            // A long length was read digit by digit, so nothing of the content is here yet.
            debug_assert_eq!(message.len(), 1 + taken);
            break length;
        }
        let at = message.len();
        message.push(0);
        read_exact(server, &mut message[at..]).await?;
    };
    if length > MAX_MESSAGE {
        return Err(Fault::TooLong);
    }
    let whole = message.len() + length;
    while message.len() < whole {
        let at = message.len();
        message.resize((at + CHUNK).min(whole), 0);
        read_exact(server, &mut message[at..]).await?;
    }
    Ok(message)
}

async fn read_exact(server: &mut (impl AsyncRead + Unpin), into: &mut [u8]) -> Result<(), Fault> {
    server.read_exact(into).await.map(|_| ()).map_err(|_| Fault::Broken)
}

/// Whether a message is one of those that we may get, in the form that ldap3 expects.
pub(super) fn check(message: &[u8]) -> Result<(), Fault> {
    ber::count(message, MAX_DEPTH, MAX_ELEMENTS)?;
    let mut outer = Elements::of(message);
    let mut parts = Elements::of(outer.expect(SEQUENCE)?);
    if !outer.is_empty() {
        return Err(Fault::Malformed);
    }
    let id = ber::number(parts.expect(INTEGER)?)?;
    let operation = parts.next()?.ok_or(Malformed)?;
    if id == 0 {
        // Nothing but a notice of disconnection comes without a question (RFC 4511 section 4.4).
        return Err(if operation.tag == EXTENDED_RESPONSE { Fault::Ended } else { Fault::Malformed });
    }
    match operation.tag {
        BIND_RESPONSE | SEARCH_DONE | EXTENDED_RESPONSE => check_result(operation.content)?,
        SEARCH_ENTRY => check_entry(operation.content)?,
        SEARCH_REFERENCE => check_texts(operation.content)?,
        _ => return Err(Fault::Malformed),
    }
    if let Some(controls) = parts.next()? {
        if controls.tag != CONTROLS || !parts.is_empty() {
            return Err(Fault::Malformed);
        }
        check_controls(controls.content)?;
    }
    Ok(())
}

/// `LDAPResult` (RFC 4511 section 4.1.9) with what bind and extended responses add to it.
fn check_result(content: &[u8]) -> Result<(), Malformed> {
    let mut parts = Elements::of(content);
    ber::number(parts.expect(ENUMERATED)?)?;
    check_text(parts.expect(OCTET_STRING)?)?;
    check_text(parts.expect(OCTET_STRING)?)?;
    while let Some(part) = parts.next()? {
        match part.tag {
            // referral, and the name of an extended response
            0xa3 => check_texts(part.content)?,
            0x8a => check_text(part.content)?,
            // serverSaslCreds, and the value of an extended response
            0x87 | 0x8b => {}
            _ => return Err(Malformed),
        }
    }
    Ok(())
}

fn check_entry(content: &[u8]) -> Result<(), Malformed> {
    let mut parts = Elements::of(content);
    check_text(parts.expect(OCTET_STRING)?)?;
    let mut attributes = Elements::of(parts.expect(SEQUENCE)?);
    if parts.is_empty() { Ok(()) } else { Err(Malformed) }?;
    while !attributes.is_empty() {
        let mut attribute = Elements::of(attributes.expect(SEQUENCE)?);
        check_text(attribute.expect(OCTET_STRING)?)?;
        let mut values = Elements::of(attribute.expect(0x31)?);
        while !values.is_empty() {
            values.expect(OCTET_STRING)?;
        }
    }
    Ok(())
}

fn check_controls(content: &[u8]) -> Result<(), Malformed> {
    let mut controls = Elements::of(content);
    while !controls.is_empty() {
        let mut control = Elements::of(controls.expect(SEQUENCE)?);
        check_text(control.expect(OCTET_STRING)?)?;
        let mut part = control.next()?;
        if let Some(critical) = part.filter(|part| part.tag == BOOLEAN) {
            if critical.content.len() != 1 {
                return Err(Malformed);
            }
            part = control.next()?;
        }
        if part.is_some_and(|part| part.tag != OCTET_STRING) || !control.is_empty() {
            return Err(Malformed);
        }
    }
    Ok(())
}

fn check_texts(content: &[u8]) -> Result<(), Malformed> {
    let mut texts = Elements::of(content);
    while !texts.is_empty() {
        check_text(texts.expect(OCTET_STRING)?)?;
    }
    Ok(())
}

fn check_text(content: &[u8]) -> Result<(), Malformed> {
    std::str::from_utf8(content).map(|_| ()).map_err(|_| Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = u32::try_from(content.len()).unwrap().to_be_bytes();
        [&[tag, 0x84][..], &length, content].concat()
    }

    fn message(id: u8, operation: &[u8], controls: &[u8]) -> Vec<u8> {
        element(SEQUENCE, &[&[INTEGER, 1, id], operation, controls].concat())
    }

    fn result(tag: u8, code: u8, text: &[u8]) -> Vec<u8> {
        element(tag, &[&[ENUMERATED, 1, code, OCTET_STRING, 0][..], &element(OCTET_STRING, text)].concat())
    }

    async fn read(bytes: &[u8]) -> Result<Vec<u8>, Fault> {
        let mut server = bytes;
        let message = read_message(&mut server).await;
        if message.is_ok() {
            assert_eq!(server, b"next", "not a byte more, not a byte less");
        }
        message
    }

    #[tokio::test]
    async fn messages_are_cut_where_they_end() {
        let message = message(1, &result(BIND_RESPONSE, 0, b"well"), b"");
        assert_eq!(read(&[&message[..], b"next"].concat()).await, Ok(message));
        let short = [SEQUENCE, 5, INTEGER, 1, 1, 5, 0];
        assert_eq!(read(&[&short[..], b"next"].concat()).await.unwrap(), short);
        assert_eq!(read(b"").await, Err(Fault::Ended));
        assert_eq!(read(&[SEQUENCE, 5, 1]).await, Err(Fault::Broken));
        assert_eq!(read(b"HTTP/1.1 200").await, Err(Fault::Malformed));
    }

    #[tokio::test]
    async fn cve_2026_9801_a_length_that_lies_costs_nothing() {
        assert_eq!(read(&[SEQUENCE, 0x84, 0xff, 0xff, 0xff, 0xff, 0]).await, Err(Fault::TooLong));
        assert_eq!(read(&[SEQUENCE, 0x83, 0x10, 0, 1, 0]).await, Err(Fault::TooLong));
        assert_eq!(read(&[SEQUENCE, 0x83, 0x10, 0, 0, 0]).await, Err(Fault::Broken));
        assert_eq!(read(&[SEQUENCE, 0x80, 0, 0]).await, Err(Fault::Malformed));
    }

    #[test]
    fn replies_in_their_form_pass() {
        let attribute =
            [element(OCTET_STRING, b"cn"), element(0x31, &element(OCTET_STRING, b"\xff"))].concat();
        let entry =
            [element(OCTET_STRING, b"cn=a"), element(SEQUENCE, &element(SEQUENCE, &attribute))].concat();
        let control =
            element(CONTROLS, &element(SEQUENCE, &element(OCTET_STRING, b"1.3.6.1.4.1.42.2.27.8.5.1")));
        for (operation, controls) in [
            (result(BIND_RESPONSE, 49, b"wrong"), &control[..]),
            (result(SEARCH_DONE, 0, b""), b""),
            (result(EXTENDED_RESPONSE, 0, b""), b""),
            (element(SEARCH_ENTRY, &entry), b""),
            (element(SEARCH_REFERENCE, &element(OCTET_STRING, b"ldap://other/")), b""),
        ] {
            assert_eq!(check(&message(1, &operation, controls)), Ok(()), "{operation:?}");
        }
    }

    #[test]
    fn whatever_ldap3_would_panic_over_does_not_pass() {
        let well = result(BIND_RESPONSE, 0, b"");
        let no_value = element(CONTROLS, &element(SEQUENCE, b""));
        let empty_flag = element(
            CONTROLS,
            &element(SEQUENCE, &[element(OCTET_STRING, b"1.2"), vec![BOOLEAN, 0]].concat()),
        );
        let odd_entry = element(SEARCH_ENTRY, &element(OCTET_STRING, b"cn=a"));
        for (what, reply) in [
            ("no operation", element(SEQUENCE, &[INTEGER, 1, 1])),
            ("no id", element(SEQUENCE, &well)),
            ("a long id", element(SEQUENCE, &[&[INTEGER, 5, 1, 1, 1, 1, 1][..], &well].concat())),
            ("a negative id", message(0x80, &well, b"")),
            ("an unknown operation", message(1, &element(0x6f, b""), b"")),
            ("an intermediate response", message(1, &element(0x79, b""), b"")),
            ("an empty result", message(1, &element(BIND_RESPONSE, b""), b"")),
            ("a text that is none", message(1, &result(BIND_RESPONSE, 0, b"\xff"), b"")),
            ("an entry without attributes", message(1, &odd_entry, b"")),
            ("a control without a type", message(1, &well, &no_value)),
            ("a control with an empty flag", message(1, &well, &empty_flag)),
            (
                "something after the controls",
                message(1, &well, &[no_value.clone(), no_value.clone()].concat()),
            ),
            ("something after the message", [message(1, &well, b""), vec![5, 0]].concat()),
        ] {
            assert_eq!(check(&reply), Err(Fault::Malformed), "{what}");
        }
        assert_eq!(check(&message(0, &result(EXTENDED_RESPONSE, 52, b""), b"")), Err(Fault::Ended));
    }
}
