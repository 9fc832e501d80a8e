//! What is known of a connection, and the way to end it from outside.
//!
//! actix-web has no limit on how slowly a client may read. The socket's handle kept here lets a guard close
//! a connection whose client has stopped reading.

use std::any::Any;
use std::collections::HashMap;
use std::net::IpAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use actix_tls::accept::rustls_0_23::TlsStream;
use actix_web::dev::Extensions;
use actix_web::rt::net::{TcpStream, UnixStream};
use rustix::net::{Shutdown, shutdown};
use rustix::process::geteuid;

use super::error::Code;
use crate::clock::Clock;
use crate::identity::certificate::Shown;
use crate::refusals::Refusals;

/// For how long after its handshake a connection stands for somebody at the other end who has the certificate's key. Browsers
/// keep connections for hours, and a card is pulled out in a second.
const CERTIFICATE_STANDS: Duration = Duration::from_secs(10);

/// Connections that one address may have open; a person's browser keeps about six.
pub const MAX_CONNECTIONS_PER_ADDRESS: usize = 256;

/// Open connections by address.
#[derive(Clone)]
pub(super) struct Connections {
    open: Arc<Mutex<HashMap<IpAddr, usize>>>,
    refusals: Refusals,
    clock: Arc<dyn Clock>,
}

/// One open connection.
#[derive(Clone)]
pub(super) struct Connection {
    pub(super) tls: Option<&'static str>,
    /// Whether it is one of the command line: [`crate::control`].
    pub(super) console: bool,
    certificate: Option<(Shown, Instant)>,
    socket: Option<Arc<OwnedFd>>,
    _place: Option<Arc<Place>>,
}

impl Connections {
    pub(super) fn new(refusals: Refusals, clock: Arc<dyn Clock>) -> Self {
        Self { open: Arc::default(), refusals, clock }
    }

    /// For `HttpServer::on_connect`: notes the connection, and ends it if its address has too many.
    pub(super) fn note(&self, io: &dyn Any, extensions: &mut Extensions) {
        if let Some(stream) = io.downcast_ref::<UnixStream>() {
            extensions.insert(Connection::of_console(stream));
            return;
        }
        let Some(stream) = io.downcast_ref::<TlsStream<TcpStream>>() else { return };
        let (tcp, session) = stream.get_ref();
        let socket = tcp.as_fd().try_clone_to_owned().ok().map(Arc::new);
        let tls = match session.protocol_version() {
            Some(rustls::ProtocolVersion::TLSv1_3) => Some("1.3"),
            Some(rustls::ProtocolVersion::TLSv1_2) => Some("1.2"),
            _ => None,
        };
        let address = tcp.peer_addr().ok().map(|address| address.ip());
        let place = address.map(|address| self.take_place(address));
        let crowded = address.filter(|_| place.as_ref().is_some_and(Option::is_none));
        let shown = session.peer_certificates().and_then(Shown::new);
        let certificate = shown.map(|shown| (shown, Instant::now()));
        let _place = place.flatten().map(Arc::new);
        let connection = Connection { tls, console: false, certificate, socket, _place };
        if let Some(address) = crowded {
            self.refusals.count_connection(&address.to_string(), self.clock.now_us());
            connection.close();
        }
        extensions.insert(connection);
    }

    fn take_place(&self, address: IpAddr) -> Option<Place> {
        let mut open = self.open();
        let count = open.entry(address).or_default();
        if *count >= MAX_CONNECTIONS_PER_ADDRESS {
            return None;
        }
        *count += 1;
        Some(Place { connections: self.clone(), address })
    }

    fn open(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One of an address's places; given back when the connection is gone.
struct Place {
    connections: Connections,
    address: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.connections.open();
        if let Some(count) = open.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.address);
            }
        }
    }
}

impl Connection {
    /// Whoever is not of this user is closed out. In the front's user namespace root has no number of its own and shows
    /// as the overflow id (user_namespaces(7)), which nobody else who can open the socket does.
    fn of_console(stream: &UnixStream) -> Self {
        const OVERFLOW: u32 = 65534;
        let socket = stream.as_fd().try_clone_to_owned().ok().map(Arc::new);
        let peer = stream.peer_cred().map(|peer| peer.uid());
        let known = peer.is_ok_and(|uid| [geteuid().as_raw(), 0, OVERFLOW].contains(&uid));
        let connection = Self { tls: None, console: known, certificate: None, socket, _place: None };
        if !known {
            connection.close();
        }
        connection
    }

    /// The certificate that the client showed a moment ago.
    ///
    /// # Errors
    /// [`Code::CertificateStale`] where that is longer ago, [`Code::CertificateNeeded`] where it showed none.
    pub(super) fn certificate(&self) -> Result<Shown, Code> {
        let (shown, since) = self.certificate.as_ref().ok_or(Code::CertificateNeeded)?;
        if since.elapsed() > CERTIFICATE_STANDS { Err(Code::CertificateStale) } else { Ok(shown.clone()) }
    }

    /// Ends the connection, whatever is still to be written.
    pub(super) fn close(&self) {
        if let Some(socket) = &self.socket {
            // It may be closed already; then there is nothing to do.
            let _ = shutdown(socket, Shutdown::Both);
        }
    }
}
