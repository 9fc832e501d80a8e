//! The way to a dialler: asks it for a connection to one of its targets, by their number.

use std::collections::HashMap;
use std::io;
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use crate::processes::message;

/// To the dialler.
#[derive(Debug, Serialize, Deserialize)]
pub struct DialRequest {
    pub id: u32,
    /// Which of its targets, from 0.
    pub server: usize,
    pub within_ms: u64,
}

/// From the dialler, with the socket where there is one.
#[derive(Debug, Serialize, Deserialize)]
pub struct DialAnswer {
    pub id: u32,
    /// The addresses of the target's name that were tried.
    pub addresses: Vec<String>,
    /// Why there is no connection.
    pub failure: Option<String>,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Dialled {
    pub(crate) addresses: Vec<String>,
    pub(crate) socket: Result<TcpStream, String>,
}

type Waiting = Arc<Mutex<Option<HashMap<u32, oneshot::Sender<Dialled>>>>>;

/// The way to the dialler.
pub(crate) struct Dialler {
    socket: Mutex<UnixStream>,
    waiting: Waiting,
    next_id: AtomicU32,
}

impl Dialler {
    pub(crate) fn new(socket: UnixStream) -> io::Result<Self> {
        let waiting: Waiting = Arc::new(Mutex::new(Some(HashMap::new())));
        let (reading, passing) = (socket.try_clone()?, Arc::clone(&waiting));
        thread::Builder::new().name("dialler-read".to_owned()).spawn(move || {
            pass_on(&reading, &passing);
            // Whoever waits hears that the dialler is gone.
            passing.lock().unwrap_or_else(PoisonError::into_inner).take();
        })?;
        Ok(Self { socket: Mutex::new(socket), waiting, next_id: AtomicU32::new(1) })
    }

    /// A connection to the target of this number. The dialler gives up by itself after `within`.
    pub(crate) async fn dial(&self, server: usize, within: Duration) -> Dialled {
        let gone = || Dialled { addresses: Vec::new(), socket: Err("the dialler is gone".to_owned()) };
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let (answer, answered) = oneshot::channel();
        {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(waiting) = waiting.as_mut() else { return gone() };
            waiting.retain(|_, waiting| !waiting.is_closed());
            waiting.insert(id, answer);
        }
        let within_ms = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
        {
            let socket = self.socket.lock().unwrap_or_else(PoisonError::into_inner);
            if message::send(&socket, &DialRequest { id, server, within_ms }, &[]).is_err() {
                return gone();
            }
        }
        answered.await.unwrap_or_else(|_| gone())
    }
}

/// Gives each connection to whoever asked for it. One that nobody waits for any more is closed.
fn pass_on(socket: &UnixStream, waiting: &Waiting) {
    while let Ok(Some((answer, files))) = message::receive::<DialAnswer>(socket) {
        let DialAnswer { id, addresses, failure } = answer;
        let socket = match (files.into_iter().next(), failure) {
            (Some(file), None) => Ok(TcpStream::from(file)),
            (_, failure) => Err(failure.unwrap_or_else(|| "no connection came".to_owned())),
        };
        let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(asked) = waiting.as_mut().and_then(|waiting| waiting.remove(&id)) {
            let _given_up = asked.send(Dialled { addresses, socket });
        }
    }
}
