//! A reader that takes one byte a second: it costs the others nothing.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use serde_json::json;

use crate::support::{Client, shared};

/// Sends a question over a connection with the smallest buffer, and takes the answer's bytes as they come
/// off the wire, one a second.
fn read_slowly(client: &Client, chat: &str, sent: &AtomicBool, over: &AtomicBool) -> usize {
    let demo = shared();
    let address = demo.told("url").strip_prefix("https://").unwrap().to_owned();
    #[expect(clippy::disallowed_methods, reason = "a client of the appliance")]
    let mut socket = TcpStream::connect(&address).unwrap();
    rustix::net::sockopt::set_socket_recv_buffer_size(&socket, 1).unwrap();
    let mut roots = RootCertStore::empty();
    let ca = fs::read(demo.told("ca")).unwrap();
    roots.add(CertificateDer::from_pem_slice(&ca).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots).with_no_client_auth();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let mut tls = ClientConnection::new(Arc::new(config), name).unwrap();

    let body =
        json!({"content": "Write a very long story.", "params": {"temperature": 0, "max_tokens": 120}});
    let (body, cookie) =
        (body.to_string(), client.cookies.iter().map(|(name, value)| format!("{name}={value}")));
    let head = format!(
        "POST /api/v1/chats/{chat}/messages HTTP/1.1\r\nhost: {address}\r\ncookie: {}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        cookie.collect::<Vec<_>>().join("; "),
        body.len()
    );
    rustls::Stream::new(&mut tls, &mut socket).write_all(head.as_bytes()).unwrap();
    sent.store(true, Ordering::SeqCst);
    let mut taken = 0;
    while !over.load(Ordering::SeqCst) {
        taken += socket.read(&mut [0]).unwrap();
        thread::sleep(Duration::from_secs(1));
    }
    taken
}

#[test]
fn a_reader_of_one_byte_a_second_hinders_nobody() {
    let demo = shared();
    let (slow, other) = (demo.analyst(), demo.analyst());
    let (slow_chat, chat) = (slow.new_chat(), other.new_chat());
    let (sent, over) = (AtomicBool::new(false), AtomicBool::new(false));
    thread::scope(|scope| {
        let reader = scope.spawn(|| read_slowly(&slow, &slow_chat, &sent, &over));
        crate::support::await_some("the question", || sent.load(Ordering::SeqCst).then_some(()));
        for _ in 0..3 {
            let started = Instant::now();
            assert_eq!(other.ask(&chat, "Say yes.").end["status"], "done");
            other.get("/healthz").is(200);
            assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
        }
        // Nor its own answer: that is written as fast as the model goes.
        let answer = crate::support::await_some("the slow reader's answer", || {
            let open = slow.chat(&slow_chat);
            let answer = open["messages"].as_array().unwrap().get(1)?.clone();
            (answer["status"] != "streaming").then_some(answer)
        });
        over.store(true, Ordering::SeqCst);
        assert_eq!(answer["status"], "done");
        let taken = reader.join().unwrap();
        let text = answer["content"].as_str().unwrap().len();
        assert!(taken < text, "{taken} bytes were taken of an answer of {text}: it was not slow");
    });
}
