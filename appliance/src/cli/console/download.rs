//! A long answer over `control.sock`, read as it comes: HTTP/1.1 with chunks or a length (RFC 9112 section 7).

use std::io::{self, BufRead as _, BufReader, ErrorKind, Read};
use std::os::unix::net::UnixStream;

use anyhow::{Context as _, bail};
use serde_json::Value;

const MAX_HEAD: u64 = 64 << 10;
const MAX_CHUNK_LINE: u64 = 128;
const MAX_HEADERS: usize = 64;
/// The longest answer that only says why there is none.
const MAX_PROBLEM: u64 = 1 << 20;

/// The body of an answer. Its end is an error unless the answer was whole.
pub(in super::super) struct Body {
    stream: BufReader<UnixStream>,
    /// Of the present chunk, or of the whole where there is one.
    left: u64,
    chunked: bool,
    done: bool,
}

impl Body {
    /// Reads the head of an answer.
    pub(super) fn begin(stream: UnixStream) -> anyhow::Result<Self> {
        let mut stream = BufReader::new(stream);
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let read = stream.by_ref().take(MAX_HEAD).read_until(b'\n', &mut head)?;
            if read == 0 || head.len() as u64 > MAX_HEAD {
                bail!("the appliance's answer cannot be read");
            }
        }
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut response = httparse::Response::new(&mut headers);
        response.parse(&head).context("the appliance's answer cannot be read")?;
        let header = |name: &str| {
            let found = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
            found.and_then(|header| std::str::from_utf8(header.value).ok())
        };
        let chunked = header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked"));
        let left = header("content-length").and_then(|value| value.parse().ok()).unwrap_or(0);
        let status = response.code.unwrap_or_default();
        let mut body = Self { stream, left, chunked, done: !chunked && left == 0 };
        if status < 400 {
            return Ok(body);
        }
        let mut problem = Vec::new();
        body.by_ref().take(MAX_PROBLEM).read_to_end(&mut problem)?;
        let problem: Value = serde_json::from_slice(&problem).unwrap_or_default();
        bail!("{}", problem["title"].as_str().unwrap_or("the appliance refused without a word"))
    }

    /// The length of the next chunk; the line end of the one before is read here, too.
    fn next_chunk(&mut self) -> io::Result<()> {
        let broken = || io::Error::new(ErrorKind::InvalidData, "the appliance's answer is broken");
        let mut line = Vec::new();
        while line.iter().all(|byte| matches!(byte, b'\r' | b'\n')) {
            line.clear();
            if self.stream.by_ref().take(MAX_CHUNK_LINE).read_until(b'\n', &mut line)? == 0 {
                return Err(io::Error::new(ErrorKind::UnexpectedEof, "the appliance's answer breaks off"));
            }
        }
        match httparse::parse_chunk_size(&line) {
            Ok(httparse::Status::Complete((_, length))) => {
                (self.left, self.done) = (length, length == 0);
                Ok(())
            }
            _ => Err(broken()),
        }
    }
}

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 && self.chunked && !self.done {
            self.next_chunk()?;
        }
        if self.done || buffer.is_empty() {
            return Ok(0);
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.stream.read(&mut buffer[..most])?;
        if read == 0 {
            return Err(io::Error::new(ErrorKind::UnexpectedEof, "the appliance's answer breaks off"));
        }
        self.left -= read as u64;
        self.done = self.left == 0 && !self.chunked;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn answer(bytes: &[u8]) -> anyhow::Result<Vec<u8>> {
        let (mut server, client) = UnixStream::pair()?;
        server.write_all(bytes)?;
        drop(server);
        let mut body = Vec::new();
        Body::begin(client)?.read_to_end(&mut body)?;
        Ok(body)
    }

    #[test]
    fn chunks_are_joined_and_whatever_breaks_off_is_an_error() {
        let whole =
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\na\r\n0123456789\r\n0\r\n\r\n";
        assert_eq!(answer(whole).unwrap(), b"abc0123456789");
        let last_chunk = whole.len() - 2;
        for end in 0..last_chunk - 2 {
            assert!(answer(&whole[..end]).is_err(), "{end}");
        }
        assert!(answer(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nx\r\n").is_err());
        assert_eq!(answer(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nab").unwrap(), b"ab");
        assert!(answer(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nab").is_err());
    }

    #[test]
    fn a_refusal_is_told_in_its_own_words() {
        let refused = b"HTTP/1.1 422 No\r\ncontent-length: 19\r\n\r\n{\"title\":\"Not so.\"}";
        assert_eq!(answer(refused).unwrap_err().to_string(), "Not so.");
    }
}
