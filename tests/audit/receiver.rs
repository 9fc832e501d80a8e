//! A collector as rsyslog is one: TLS, messages with their length before them (RFC 5425).

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::support::authority::Issued;

/// Messages by connection, in the order in which they came.
type Heard = Arc<Mutex<Vec<Vec<String>>>>;

/// Listens until it is dropped.
pub(super) struct Receiver {
    pub(super) heard: Heard,
    ending: Arc<AtomicBool>,
    connections: Arc<Mutex<Vec<TcpStream>>>,
    listening: Option<JoinHandle<()>>,
}

impl Receiver {
    /// On this port of this machine, as whoever has this certificate.
    pub(super) fn listen(port: u16, issued: &Issued) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let (heard, ending, connections) =
            (Heard::default(), Arc::new(AtomicBool::new(false)), Arc::default());
        let (hearing, over, kept) = (Arc::clone(&heard), Arc::clone(&ending), Arc::clone(&connections));
        let config = configuration(issued);
        let listening = thread::spawn(move || {
            while !over.load(Ordering::Relaxed) {
                let Ok((connection, _)) = listener.accept() else {
                    thread::sleep(Duration::from_millis(20));
                    continue;
                };
                connection.set_nonblocking(false).unwrap();
                let keep =
                    |kept: &Mutex<Vec<TcpStream>>| kept.lock().unwrap().push(connection.try_clone().unwrap());
                keep(&kept);
                let (hearing, config) = (Arc::clone(&hearing), Arc::clone(&config));
                thread::spawn(move || hear(connection, config, &hearing));
            }
        });
        Self { heard, ending, connections, listening: Some(listening) }
    }

    /// Everything heard until now.
    pub(super) fn messages(&self) -> Vec<Vec<String>> {
        self.heard.lock().unwrap().clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::Relaxed);
        self.listening.take().unwrap().join().unwrap();
        for connection in self.connections.lock().unwrap().iter() {
            // It may have ended by itself.
            let _ended = connection.shutdown(Shutdown::Both);
        }
    }
}

fn configuration(issued: &Issued) -> Arc<ServerConfig> {
    let chain = CertificateDer::pem_slice_iter(issued.chain.as_bytes()).collect::<Result<_, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_slice(issued.key.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    Arc::new(config.with_no_client_auth().with_single_cert(chain, key).unwrap())
}

fn hear(connection: TcpStream, config: Arc<ServerConfig>, heard: &Mutex<Vec<Vec<String>>>) {
    let tls = ServerConnection::new(config).unwrap();
    let mut stream = BufReader::new(StreamOwned::new(tls, connection));
    let number = {
        let mut heard = heard.lock().unwrap();
        heard.push(Vec::new());
        heard.len() - 1
    };
    loop {
        let mut length = Vec::new();
        // The end of the connection, wherever it comes, is the end of what was heard.
        if !stream.read_until(b' ', &mut length).is_ok_and(|read| read > 0) || length.pop() != Some(b' ') {
            return;
        }
        let mut message = vec![0; String::from_utf8(length).unwrap().parse().unwrap()];
        if stream.read_exact(&mut message).is_err() {
            return;
        }
        heard.lock().unwrap()[number].push(String::from_utf8(message).unwrap());
    }
}
