//! Somebody outside who waits for what gets out: TCP and UDP of both families at one port, UDP where name servers listen,
//! and Unix sockets with a name and with a path.

use std::io::Read;
use std::net::{TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use tempfile::TempDir;

const NAME_SERVER: u16 = 53;

/// Waits in the network of whoever made it, until the end of the test.
pub(super) struct Trap {
    folder: TempDir,
    port: u16,
    caught: Caught,
}

#[derive(Clone, Default)]
struct Caught {
    bytes: Arc<AtomicUsize>,
    by: Arc<Mutex<Vec<&'static str>>>,
}

impl Caught {
    fn note(&self, by: &'static str, bytes: usize) {
        self.bytes.fetch_add(bytes, Ordering::SeqCst);
        self.by.lock().unwrap().push(by);
    }
}

impl Trap {
    pub(super) fn set() -> Self {
        let (folder, caught) = (tempfile::tempdir().unwrap(), Caught::default());
        let tcp = TcpListener::bind("[::]:0").unwrap();
        let port = tcp.local_addr().unwrap().port();
        take_connections(&caught, "tcp", move || tcp.accept().map(|(connection, _)| connection));
        for at in [port, NAME_SERVER] {
            take_datagrams(&caught, UdpSocket::bind(("::", at)).unwrap());
        }
        let by_path = UnixListener::bind(folder.path().join("socket")).unwrap();
        take_connections(&caught, "unix", move || by_path.accept().map(|(connection, _)| connection));
        let name = SocketAddr::from_abstract_name(port.to_string()).unwrap();
        let by_name = UnixListener::bind_addr(&name).unwrap();
        take_connections(&caught, "abstract", move || by_name.accept().map(|(connection, _)| connection));
        Self { folder, port, caught }
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Bytes that arrived.
    pub(super) fn bytes(&self) -> usize {
        self.caught.bytes.load(Ordering::SeqCst)
    }

    /// By which doors somebody came, even without a byte.
    pub(super) fn doors(&self) -> Vec<&'static str> {
        let mut doors = self.caught.by.lock().unwrap().clone();
        doors.sort_unstable();
        doors.dedup();
        doors
    }
}

fn take_connections<C: Read>(
    caught: &Caught,
    door: &'static str,
    mut accept: impl FnMut() -> std::io::Result<C> + Send + 'static,
) {
    let caught = caught.clone();
    thread::spawn(move || {
        while let Ok(mut connection) = accept() {
            let mut buffer = [0; 4096];
            // Whoever connects sends at once, or is gone.
            caught.note(door, connection.read(&mut buffer).unwrap_or_default());
        }
    });
}

fn take_datagrams(caught: &Caught, socket: UdpSocket) {
    let caught = caught.clone();
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok((length, _)) = socket.recv_from(&mut buffer) {
            caught.note("udp", length);
        }
    });
}
