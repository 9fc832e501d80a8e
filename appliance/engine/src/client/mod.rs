//! The front's side of an engine's process: requests out, events back, one connection for all of them.
//!
//! Two threads carry the bytes, so that callers only ever wait on channels. No model knowledge here.

mod embed;
mod routes;

use crate::protocol::{self, Event, FromWorker, Measure, PROTOCOL_VERSION, Prompt, Ready, Request, ToWorker};
use crate::{CacheScope, EmbeddingInfo, End, Error, ModelInfo};
use routes::{Route, Routes};
use std::io::Write;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use tokio::sync::{mpsc as async_mpsc, oneshot};

/// A connection to one engine's process. Clones share it; the last one closes it, which ends the process.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
}

struct Shared {
    model: ModelInfo,
    embedding: Option<EmbeddingInfo>,
    outbox: mpsc::Sender<Vec<u8>>,
    routes: Arc<Routes>,
    next_id: AtomicU64,
}

impl Engine {
    /// Greets the process at the other end and waits until its model is loaded. Blocks for that long.
    ///
    /// # Errors
    /// [`Error::Protocol`] for another version, [`Error::Start`] where the model could not be loaded,
    /// [`Error::Gone`] where the process ended.
    pub fn connect(mut socket: UnixStream) -> Result<Engine, Error> {
        // A process that could not start has left its reason, but takes no greeting any more.
        let _taken = socket.write_all(&protocol::encode(&ToWorker::Hello { version: PROTOCOL_VERSION })?);
        match protocol::read(&mut socket)? {
            Some(FromWorker::Hello { version: PROTOCOL_VERSION }) => {}
            Some(FromWorker::Hello { version }) => {
                let why = format!("the engine speaks version {version}, not {PROTOCOL_VERSION}");
                return Err(Error::Protocol(why));
            }
            Some(_) => return Err(Error::Protocol("no greeting".to_owned())),
            None => return Err(Error::Gone),
        }
        let Ready { model, embedding } = match protocol::read(&mut socket)? {
            Some(FromWorker::Ready(ready)) => ready,
            Some(FromWorker::Failed(why)) => return Err(Error::Start(why)),
            Some(_) => return Err(Error::Protocol("neither ready nor failed".to_owned())),
            None => return Err(Error::Gone),
        };
        let routes = Arc::new(Routes::new());
        let (outbox, frames) = mpsc::channel::<Vec<u8>>();
        let reading = socket.try_clone()?;
        let incoming = Arc::clone(&routes);
        thread::Builder::new().name("engine-read".to_owned()).spawn(move || receive(reading, &incoming))?;
        thread::Builder::new().name("engine-write".to_owned()).spawn(move || send(socket, &frames))?;
        let next_id = AtomicU64::new(1);
        Ok(Engine { shared: Arc::new(Shared { model, embedding, outbox, routes, next_id }) })
    }

    /// The model this engine runs.
    pub fn model(&self) -> &ModelInfo {
        &self.shared.model
    }

    /// How many tokens `prompt` has when up to `max_tokens` are to follow, and how many turns it loses.
    ///
    /// # Errors
    /// [`Error::ContextExceeded`] when even the last turn alone does not fit.
    pub async fn measure(&self, prompt: Prompt, max_tokens: u32) -> Result<Measure, Error> {
        let id = self.shared.next_id.fetch_add(1, Ordering::Relaxed);
        let frame = protocol::encode(&ToWorker::Measure { id, prompt, max_tokens })?;
        let (answer, answered) = oneshot::channel();
        self.shared.routes.insert(id, Route::Measure(answer))?;
        self.shared.outbox.send(frame).map_err(|_| Error::Gone)?;
        answered.await.map_err(|_| Error::Gone)?.map_err(Error::from)
    }

    /// Hands a request over; resolves when the engine has taken or refused it.
    ///
    /// # Errors
    /// [`Error::ContextExceeded`], [`Error::Busy`], [`Error::Quota`], [`Error::Invalid`], [`Error::Template`] or
    /// [`Error::Gone`].
    pub async fn submit(&self, request: Request) -> Result<Reply, Error> {
        request.sampling.validate()?;
        let id = self.shared.next_id.fetch_add(1, Ordering::Relaxed);
        let frame = protocol::encode(&ToWorker::Submit { id, request })?;
        let (accept, accepted) = oneshot::channel();
        let (events, receiver) = async_mpsc::unbounded_channel();
        self.shared.routes.insert(id, Route::Reply { accept: Some(accept), events })?;
        // From here on, giving up (even before the engine has answered) cancels.
        let mut reply = Reply { id, shared: Arc::clone(&self.shared), events: receiver, ended: false };
        self.shared.outbox.send(frame).map_err(|_| Error::Gone)?;
        match accepted.await.map_err(|_| Error::Gone)? {
            Ok(()) => Ok(reply),
            Err(refusal) => {
                reply.ended = true;
                Err(refusal.into())
            }
        }
    }

    /// Has the engine drop what the prompts of one person have left in its memory; what is common stays. Resolves when that
    /// is overwritten, but for blocks that a running answer of the same person stands on: these go with it.
    ///
    /// # Errors
    /// [`Error::Gone`]: then nothing is left of them either.
    pub async fn forget(&self, scope: CacheScope) -> Result<(), Error> {
        let id = self.shared.next_id.fetch_add(1, Ordering::Relaxed);
        let frame = protocol::encode(&ToWorker::Forget { id, scope })?;
        let (answer, answered) = oneshot::channel();
        self.shared.routes.insert(id, Route::Forget(answer))?;
        self.shared.outbox.send(frame).map_err(|_| Error::Gone)?;
        answered.await.map_err(|_| Error::Gone)
    }

    /// Whether the process is still there.
    pub fn is_alive(&self) -> bool {
        self.shared.routes.is_open()
    }

    /// Resolves when the process is gone.
    pub async fn closed(&self) {
        self.shared.routes.closed().await;
    }
}

/// The events of one request. Dropping it cancels the request.
pub struct Reply {
    id: u64,
    shared: Arc<Shared>,
    events: async_mpsc::UnboundedReceiver<Event>,
    ended: bool,
}

impl Reply {
    /// The next event; `None` after [`Event::End`]. If the process dies, the end is one with an error.
    pub async fn next(&mut self) -> Option<Event> {
        if self.ended {
            return None;
        }
        let event =
            self.events.recv().await.unwrap_or_else(|| Event::End(End::failed("the engine has stopped")));
        self.ended = matches!(event, Event::End(_));
        Some(event)
    }

    /// Asks the engine to end this answer; its [`Event::End`] follows after at most one more token.
    pub fn cancel(&self) {
        if let Ok(frame) = protocol::encode(&ToWorker::Cancel { id: self.id }) {
            // A closed outbox means that the process is gone, and with it the request.
            let _gone = self.shared.outbox.send(frame);
        }
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        if !self.ended {
            self.cancel();
        }
    }
}

/// Hands every incoming message to whom it is for, until the connection ends.
fn receive(mut socket: UnixStream, routes: &Routes) {
    let end = loop {
        match protocol::read(&mut socket) {
            Ok(Some(message)) => routes.deliver(message),
            Ok(None) => break None,
            Err(error) => break Some(error),
        }
    };
    if let Some(error) = end {
        tracing::error!(%error, "the engine's connection failed");
    }
    // Half a connection is of no use: let the writer (and the process) notice as well.
    let _already_closed = socket.shutdown(Shutdown::Both);
    routes.close();
}

/// Writes frames until the last handle is dropped or the other side is gone.
fn send(mut socket: UnixStream, frames: &mpsc::Receiver<Vec<u8>>) {
    while let Ok(frame) = frames.recv() {
        if socket.write_all(&frame).is_err() {
            break;
        }
    }
    let _already_closed = socket.shutdown(Shutdown::Both);
}
