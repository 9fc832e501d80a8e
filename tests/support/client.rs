//! A plain HTTP client with cookies kept by hand, so that the tests see what a browser would hide.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use serde_json::Value;
use ureq::SendBody;
use ureq::http::{HeaderMap, Request};
use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem};

use super::authority::Issued;
use super::events::{Asked, Events};

/// A long answer takes a while; nothing may take for ever.
const DEADLINE: Duration = Duration::from_secs(180);

#[derive(Clone)]
pub(crate) struct Client {
    agent: ureq::Agent,
    url: String,
    pub(crate) cookies: BTreeMap<String, String>,
    pub(crate) bearer: Option<String>,
}

/// A whole response.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        let text = String::from_utf8_lossy(&self.body);
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {} {text:?}", self.status))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The answer, if it has this status.
    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        self
    }

    /// A refusal in the form of RFC 9457, with this status and code.
    #[track_caller]
    pub(crate) fn refuses(self, status: u16, code: &str) -> Self {
        let answer = self.is(status);
        let problem = answer.json();
        assert_eq!(problem["code"], code, "{problem}");
        assert_eq!(problem["status"], status, "{problem}");
        assert!(problem["title"].as_str().is_some_and(|title| !title.is_empty()), "{problem}");
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        assert_eq!(answer.header("x-request-id"), problem["request_id"].as_str());
        answer
    }
}

/// A body that is sent after something else was done.
struct Withheld<F> {
    body: Vec<u8>,
    sent: usize,
    meanwhile: F,
}

impl<F: FnMut()> Read for Withheld<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.sent == 0 {
            // The head is with the appliance, which has asked who this is.
            thread::sleep(Duration::from_millis(300));
            (self.meanwhile)();
        }
        let piece = (&self.body[self.sent..]).read(buffer)?;
        self.sent += piece;
        Ok(piece)
    }
}

impl Client {
    pub(crate) fn new(url: &str, ca: &Path) -> Self {
        let ca = Certificate::from_pem(&fs::read(ca).unwrap()).unwrap();
        let tls = TlsConfig::builder().root_certs(RootCerts::Specific(Arc::new(vec![ca]))).build();
        let config = ureq::Agent::config_builder().tls_config(tls).timeout_global(Some(DEADLINE));
        // A connection to a front that was killed must not be taken for one to the next.
        let config = config.max_idle_connections(0).http_status_as_error(false).max_redirects(0);
        let agent = config.build().new_agent();
        Self { agent, url: url.to_owned(), cookies: BTreeMap::new(), bearer: None }
    }

    /// The same client, who shows a certificate.
    pub(crate) fn showing(&self, issued: &Issued) -> Self {
        let chain: Vec<_> = parse_pem(issued.chain.as_bytes())
            .filter_map(|item| match item.unwrap() {
                PemItem::Certificate(certificate) => Some(certificate),
                _ => None,
            })
            .collect();
        let key = PrivateKey::from_pem(issued.key.as_bytes()).unwrap();
        let config = self.agent.config();
        let roots = config.tls_config().root_certs().clone();
        let certificate = Some(ClientCert::new_with_certs(&chain, key));
        let tls = TlsConfig::builder().root_certs(roots).client_cert(certificate).build();
        // A connection is kept for the next request, as browsers do.
        let config = ureq::Agent::config_builder().tls_config(tls).timeout_global(Some(DEADLINE));
        let config = config.http_status_as_error(false).max_redirects(0);
        Self { agent: config.build().new_agent(), ..self.clone() }
    }

    /// The same client, who has signed in nowhere.
    pub(crate) fn stranger(&self) -> Self {
        Self { cookies: BTreeMap::new(), bearer: None, ..self.clone() }
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], None)
    }

    pub(crate) fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, &[], None)
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        self.json("POST", path, body)
    }

    pub(crate) fn patch(&self, path: &str, body: &Value) -> Answer {
        self.json("PATCH", path, body)
    }

    pub(crate) fn put(&self, path: &str) -> Answer {
        self.send("PUT", path, &[], None)
    }

    pub(crate) fn json(&self, method: &str, path: &str, body: &Value) -> Answer {
        self.send(method, path, &[("content-type", "application/json")], Some(body.to_string().into_bytes()))
    }

    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Vec<u8>>,
    ) -> Answer {
        self.try_send(method, path, headers, body).unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// With a header that need not be text.
    pub(crate) fn send_bytes(&self, method: &str, path: &str, name: &str, value: &[u8]) -> Answer {
        let request =
            Request::builder().method(method).uri(format!("{}{path}", self.url)).header(name, value);
        let (parts, mut body) = self.agent.run(request.body(()).unwrap()).unwrap().into_parts();
        Answer { status: parts.status.as_u16(), headers: parts.headers, body: body.read_to_vec().unwrap() }
    }

    /// An error where the connection broke or none came about.
    pub(crate) fn try_send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Vec<u8>>,
    ) -> Result<Answer, ureq::Error> {
        let response = self.run(method, path, headers, body)?;
        let (parts, mut body) = response.into_parts();
        let body = body.with_config().limit(1 << 30).read_to_vec()?;
        Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body })
    }

    /// Status and id of a response whose body nobody reads; `None` where the connection broke or none came about.
    pub(crate) fn try_head(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Vec<u8>>,
    ) -> Option<(u16, String)> {
        let response = self.run(method, path, headers, body).ok()?;
        let id = response.headers().get("x-request-id")?.to_str().ok()?.to_owned();
        Some((response.status().as_u16(), id))
    }

    /// Asks, waits so long and goes away; whether it was without an answer.
    pub(crate) fn gives_up(&self, path: &str, body: &Value, after: Duration) -> bool {
        self.hangs_up("POST", path, Some(body), after)
    }

    /// The same with any method.
    pub(crate) fn hangs_up(&self, method: &str, path: &str, body: Option<&Value>, after: Duration) -> bool {
        let tls = self.agent.config().tls_config().clone();
        let config = ureq::Agent::config_builder().tls_config(tls).timeout_global(Some(after));
        let hasty = Self { agent: config.build().new_agent(), ..self.clone() };
        let body = body.map(|body| body.to_string().into_bytes());
        hasty.run(method, path, &[("content-type", "application/json")], body).is_err()
    }

    /// Sends the head of a request, does something else, and only then sends the body.
    pub(crate) fn withholds(
        &self,
        method: &str,
        path: &str,
        body: &Value,
        meanwhile: impl FnMut(),
    ) -> Answer {
        let mut body = Withheld { body: body.to_string().into_bytes(), sent: 0, meanwhile };
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header("content-type", "application/json")
            .header("cookie", cookies.join("; "));
        if let Some(key) = &self.bearer {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        let response = self.agent.run(request.body(SendBody::from_reader(&mut body)).unwrap()).unwrap();
        let (parts, mut body) = response.into_parts();
        Answer { status: parts.status.as_u16(), headers: parts.headers, body: body.read_to_vec().unwrap() }
    }

    /// A response that is read event by event.
    #[track_caller]
    pub(crate) fn stream(&self, method: &str, path: &str, body: Option<&Value>) -> Events {
        let body = body.map(|body| body.to_string().into_bytes());
        let headers = [("content-type", "application/json")];
        let mut response = self.run(method, path, &headers, body).unwrap();
        let kind = response.headers().get("content-type").map(|kind| kind.to_str().unwrap().to_owned());
        if kind.as_deref() != Some("text/event-stream") {
            let status = response.status();
            panic!("{method} {path}: {status} {:?}", response.body_mut().read_to_string());
        }
        Events::new(response.into_body())
    }

    /// The events of a response; none where the connection broke or another answer came.
    pub(crate) fn try_stream(&self, method: &str, path: &str, body: Option<&Value>) -> Option<Events> {
        let body = body.map(|body| body.to_string().into_bytes());
        let response = self.run(method, path, &[("content-type", "application/json")], body).ok()?;
        let is_stream =
            response.headers().get("content-type").is_some_and(|kind| kind == "text/event-stream");
        is_stream.then(|| Events::new(response.into_body()))
    }

    fn run(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Vec<u8>>,
    ) -> Result<ureq::http::Response<ureq::Body>, ureq::Error> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if !cookies.is_empty() {
            request = request.header("cookie", cookies.join("; "));
        }
        if let Some(key) = &self.bearer {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        match body {
            None => self.agent.run(request.body(()).unwrap()),
            Some(body) => self.agent.run(request.body(body).unwrap()),
        }
    }

    /// Takes over the cookies that a response sets, as a browser does.
    pub(crate) fn keep_cookies(&mut self, answer: &Answer) {
        for cookie in answer.headers.get_all("set-cookie") {
            let cookie = cookie.to_str().unwrap();
            let (pair, attributes) = cookie.split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            if attributes.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }

    /// The first step of signing in; the pending cookie is kept.
    pub(crate) fn offer_password(&mut self, username: &str, password: &str) -> Answer {
        let body = serde_json::json!({"username": username, "password": password});
        let answer = self.post("/api/v1/session", &body);
        self.keep_cookies(&answer);
        answer
    }

    /// The second step.
    pub(crate) fn offer_code(&mut self, code: &str) -> Answer {
        let answer = self.post("/api/v1/session/totp", &serde_json::json!({"code": code}));
        self.keep_cookies(&answer);
        answer
    }

    /// A new chat's id.
    pub(crate) fn new_chat(&self) -> String {
        self.post("/api/v1/chats", &serde_json::json!({})).is(201).json()["id"].as_str().unwrap().to_owned()
    }

    /// Starts an answer; `message` is the body of the request.
    #[track_caller]
    pub(crate) fn begin(&self, chat: &str, message: &Value) -> Events {
        self.stream("POST", &format!("/api/v1/chats/{chat}/messages"), Some(message))
    }

    /// Asks, greedily and for a short answer, and reads it to its end.
    #[track_caller]
    pub(crate) fn ask(&self, chat: &str, content: &str) -> Asked {
        let params = serde_json::json!({"temperature": 0, "max_tokens": 12});
        self.begin(chat, &serde_json::json!({"content": content, "params": params})).finish()
    }

    /// A chat as the API shows it.
    pub(crate) fn chat(&self, id: &str) -> Value {
        self.get(&format!("/api/v1/chats/{id}")).is(200).json()
    }

    /// A message of a chat.
    pub(crate) fn message(&self, chat: &str, id: &str) -> Value {
        let chat = self.chat(chat);
        let found = chat["messages"].as_array().unwrap().iter().find(|message| message["id"] == id);
        found.unwrap_or_else(|| panic!("{id} is not in {chat}")).clone()
    }
}
