//! A directory that does what it is told: it answers as a well-behaved one would, unless a test says otherwise.
//!
//! Its BER is written by hand, so that nothing here has the faults of what it is to test.

mod ber;
mod replies;
mod world;

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::authority::Issued;

pub(crate) use ber::{Filter, Operation, Request, element, read_message};
pub(crate) use replies::{bind, bind_with, done, entry, extended, reference, referral};
pub(crate) use world::{SERVICE, Somebody, World};

/// What a test says to a request: bytes to send, or `None` for what the world answers.
type Script = dyn Fn(&Request) -> Option<Vec<u8>> + Send + Sync;

/// What a server does before TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Before {
    /// TLS at once.
    Ldaps,
    /// StartTLS as it should be.
    StartTls,
    /// StartTLS is refused with this code.
    Refuse(u8),
    /// StartTLS succeeds, and plain LDAP follows.
    Strip,
    /// StartTLS succeeds, and a reply in the clear comes with the answer, then TLS.
    Inject,
    /// StartTLS is not answered but by another message.
    Confuse,
    /// Nothing is ever answered.
    Silent,
}

pub(crate) struct Hostile {
    pub(crate) port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    before: Before,
    tls: Arc<ServerConfig>,
    world: World,
    script: Box<Script>,
    requests: Mutex<Vec<Request>>,
    /// Bytes that came without TLS.
    plain: Mutex<Vec<u8>>,
    connections: AtomicUsize,
    /// For hanging up.
    open: Mutex<HashMap<usize, TcpStream>>,
    ended: AtomicBool,
}

impl Hostile {
    pub(crate) fn start(before: Before, issued: &Issued, world: World) -> Self {
        Self::scripted(before, issued, world, |_| None)
    }

    pub(crate) fn scripted(
        before: Before,
        issued: &Issued,
        world: World,
        script: impl Fn(&Request) -> Option<Vec<u8>> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            open: Mutex::default(),
            before,
            tls: Arc::new(server_config(issued)),
            world,
            script: Box::new(script),
            requests: Mutex::default(),
            plain: Mutex::default(),
            connections: AtomicUsize::new(0),
            ended: AtomicBool::new(false),
        });
        let serving = Arc::clone(&shared);
        thread::spawn(move || {
            for connection in listener.incoming() {
                if serving.ended.load(Ordering::SeqCst) {
                    return;
                }
                let (connection, serving) = (connection.unwrap(), Arc::clone(&serving));
                let number = serving.connections.fetch_add(1, Ordering::SeqCst);
                serving.open.lock().unwrap().insert(number, connection.try_clone().unwrap());
                thread::spawn(move || {
                    // A client that goes away is no fault here.
                    let _gone = serving.serve(connection);
                    serving.open.lock().unwrap().remove(&number);
                });
            }
        });
        Self { port, shared }
    }

    /// Everything that was asked over TLS, in order.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.shared.requests.lock().unwrap().clone()
    }

    pub(crate) fn forget(&self) {
        self.shared.requests.lock().unwrap().clear();
    }

    /// What a listener on the wire could have read.
    pub(crate) fn plain(&self) -> Vec<u8> {
        self.shared.plain.lock().unwrap().clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Ends every connection that there is.
    pub(crate) fn hang_up(&self) {
        for connection in self.shared.open.lock().unwrap().values() {
            let _ended_already = connection.shutdown(Shutdown::Both);
        }
    }

    pub(crate) fn url(&self) -> String {
        let scheme = if self.shared.before == Before::Ldaps { "ldaps" } else { "ldap" };
        format!("{scheme}://127.0.0.1:{}", self.port)
    }
}

impl Drop for Hostile {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        self.hang_up();
        // Wakes the listener up.
        drop(TcpStream::connect_timeout(&([127, 0, 0, 1], self.port).into(), Duration::from_secs(1)));
    }
}

impl Shared {
    fn serve(&self, mut connection: TcpStream) -> io::Result<()> {
        let start_tls = |connection: &mut TcpStream| {
            let message = read_message(connection)?;
            self.plain.lock().unwrap().extend(&message);
            Ok::<_, io::Error>(())
        };
        match self.before {
            Before::Ldaps => {}
            Before::StartTls => {
                start_tls(&mut connection)?;
                connection.write_all(&extended(1, 0, ""))?;
            }
            Before::Refuse(code) => {
                start_tls(&mut connection)?;
                connection.write_all(&extended(1, code, "no"))?;
                return self.overhear(connection);
            }
            Before::Strip => {
                start_tls(&mut connection)?;
                connection.write_all(&extended(1, 0, ""))?;
                // Whatever comes is overheard, and answered as if it were a bind.
                let mut first = [0; 4096];
                let read = connection.read(&mut first)?;
                self.plain.lock().unwrap().extend(&first[..read]);
                connection.write_all(&bind(2, 0, ""))?;
                return self.overhear(connection);
            }
            Before::Inject => {
                start_tls(&mut connection)?;
                connection.write_all(&[extended(1, 0, ""), bind(2, 0, "injected")].concat())?;
            }
            Before::Confuse => {
                start_tls(&mut connection)?;
                connection.write_all(&bind(1, 0, ""))?;
                return self.overhear(connection);
            }
            Before::Silent => return self.overhear(connection),
        }
        let tls = ServerConnection::new(Arc::clone(&self.tls)).map_err(io::Error::other)?;
        let mut stream = StreamOwned::new(tls, connection);
        loop {
            let request = Request::parse(&read_message(&mut stream)?);
            let reply = (self.script)(&request).unwrap_or_else(|| self.world.answer(&request));
            let ends = matches!(request.operation, Operation::Unbind);
            self.requests.lock().unwrap().push(request);
            if ends {
                return stream.sock.shutdown(Shutdown::Both);
            }
            stream.write_all(&reply)?;
            stream.flush()?;
        }
    }

    /// Keeps what comes until the other side has had enough.
    fn overhear(&self, mut connection: TcpStream) -> io::Result<()> {
        let mut buffer = [0; 4096];
        loop {
            let read = connection.read(&mut buffer)?;
            if read == 0 {
                return Ok(());
            }
            self.plain.lock().unwrap().extend(&buffer[..read]);
        }
    }
}

fn server_config(issued: &Issued) -> ServerConfig {
    let chain = CertificateDer::pem_slice_iter(issued.chain.as_bytes()).collect::<Result<_, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_slice(issued.key.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap()
}
