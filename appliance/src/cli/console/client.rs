//! One request at a time over `control.sock`: HTTP/1.1, a connection each.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::Value;

use super::alone::Alone;
use super::download::Body;

/// Longer than anything that the appliance itself waits for.
const DEADLINE: Duration = Duration::from_secs(30);
/// The longest answer, in bytes.
const MAX_ANSWER: u64 = 64 << 20;
const MAX_HEADERS: usize = 64;
/// Pages of a list that are read at most.
const MAX_PAGES: usize = 1000;

/// The way to an appliance.
pub(in super::super) struct Console {
    data_dir: PathBuf,
    /// The appliance of this command, where nobody else serves the directory.
    _alone: Option<Alone>,
}

impl Console {
    pub(super) fn served(data_dir: &Path) -> Self {
        Self { data_dir: data_dir.to_owned(), _alone: None }
    }

    /// The appliance that serves a data directory; `None` if nobody does.
    pub(in super::super) fn served_at(data_dir: &Path) -> anyhow::Result<Option<Self>> {
        let connected = crate::control::connect(data_dir)
            .with_context(|| format!("the data directory {}", data_dir.display()))?;
        Ok(connected.map(|_| Self::served(data_dir)))
    }

    pub(super) fn alone(data_dir: &Path, alone: Alone) -> Self {
        Self { data_dir: data_dir.to_owned(), _alone: Some(alone) }
    }

    pub(in super::super) fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.call("GET", path, None)
    }

    pub(in super::super) fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.call("POST", path, Some(body))
    }

    pub(super) fn patch(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.call("PATCH", path, Some(body))
    }

    pub(super) fn put(&self, path: &str) -> anyhow::Result<Value> {
        self.call("PUT", path, None)
    }

    pub(in super::super) fn delete(&self, path: &str) -> anyhow::Result<Value> {
        self.call("DELETE", path, None)
    }

    /// Every item of a list, page by page.
    pub(super) fn list(&self, path: &str) -> anyhow::Result<Vec<Value>> {
        let mut items = Vec::new();
        let mut cursor: Option<String> = None;
        for _ in 0..MAX_PAGES {
            let joint = if path.contains('?') { '&' } else { '?' };
            let page = match &cursor {
                Some(cursor) => self.get(&format!("{path}{joint}cursor={}", escape(cursor)))?,
                None => self.get(path)?,
            };
            items.extend(page["items"].as_array().cloned().unwrap_or_default());
            match page["next"].as_str() {
                Some(next) => cursor = Some(next.to_owned()),
                None => return Ok(items),
            }
        }
        bail!("the list at {path} does not end")
    }

    fn call(&self, method: &str, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        let answer = self.exchange(method, path, body).context("the appliance did not answer")?;
        let (status, body) = parse(&answer).context("the appliance's answer cannot be read")?;
        let value = if body.is_empty() { Value::Null } else { serde_json::from_slice(body)? };
        if status < 400 {
            return Ok(value);
        }
        bail!("{}", value["title"].as_str().unwrap_or("the appliance refused without a word"))
    }

    /// Asks for something long, which is read as it comes.
    pub(in super::super) fn download(&self, path: &str, body: &Value) -> anyhow::Result<Body> {
        Body::begin(self.send("POST", path, Some(body)).context("the appliance did not answer")?)
    }

    fn exchange(&self, method: &str, path: &str, body: Option<&Value>) -> anyhow::Result<Vec<u8>> {
        let mut answer = Vec::new();
        self.send(method, path, body)?.take(MAX_ANSWER).read_to_end(&mut answer)?;
        Ok(answer)
    }

    fn send(&self, method: &str, path: &str, body: Option<&Value>) -> anyhow::Result<UnixStream> {
        let mut stream = crate::control::connect(&self.data_dir)?.context("nobody serves it any more")?;
        stream.set_read_timeout(Some(DEADLINE))?;
        stream.set_write_timeout(Some(DEADLINE))?;
        let body = body.map(Value::to_string).unwrap_or_default();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: console\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes())?;
        stream.write_all(body.as_bytes())?;
        Ok(stream)
    }
}

/// Status and body. The appliance sends every body of its API with its length.
fn parse(answer: &[u8]) -> anyhow::Result<(u16, &[u8])> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(start) = response.parse(answer)? else { bail!("it breaks off") };
    let length = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let length: usize = match length {
        Some(header) => std::str::from_utf8(header.value)?.parse()?,
        None => 0,
    };
    let body = answer[start..].get(..length).context("it breaks off")?;
    Ok((response.code.unwrap_or_default(), body))
}

/// A name within a path or a query (RFC 3986 section 2.1).
pub(super) fn escape(text: &str) -> String {
    let escaped = text.bytes().map(|byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    });
    escaped.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_and_cut_ones_refused() {
        let whole = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
        assert_eq!(parse(whole).unwrap(), (200, &b"{}"[..]));
        assert_eq!(parse(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap(), (204, &b""[..]));
        for end in 0..whole.len() {
            assert!(parse(&whole[..end]).is_err(), "{end}");
        }
    }

    #[test]
    fn names_are_escaped() {
        assert_eq!(escape("Zoë/a b?"), "Zo%C3%AB%2Fa%20b%3F");
    }
}
