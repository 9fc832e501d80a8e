//! The engine's process: one model, one socket, and the threads between them; and beside the model one for embeddings,
//! if there is one.
//!
//! ```text
//! socket ─► read ─┬─ submit, measure ─► prepare (template, tokens, context) ─► schedule (every step) ─► write ─► socket
//!                 ├─ cancel ───────────────── a flag ────────────────────────────┤
//!                 └─ embed ──────────────► embed (tokens, a piece at a time) ────┘
//! ```
//! Nothing that takes long happens on the reading thread, so a cancel never waits behind a long prompt.

mod backlog;
mod desk;
mod embed;
mod files;
mod prepare;

pub use files::Files;

use crate::embedding::Embedder;
use crate::model::{Model, Options};
use crate::protocol::{self, FromWorker, PROTOCOL_VERSION, Ready, ToWorker};
use crate::schedule::{Limits, Scheduler, Turns};
use crate::{Device, Error};
use desk::Desk;
use prepare::Preparer;
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, mpsc};
use std::thread;

/// How an engine's process works. Serialisable, because the supervisor sends it there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Threads that compute; 0 takes one for each processor.
    pub threads: usize,
    /// Positions of one sequence; never more than the model was made for, which is also the default.
    pub context: Option<u32>,
    /// Answers that run at once.
    pub max_parallel: usize,
    /// Requests that may wait beyond those.
    pub queue: usize,
    /// Answers of one party that run at once.
    pub running_each: usize,
    /// Requests of one party that may wait beyond those.
    pub waiting_each: usize,
    /// Where to run.
    pub device: Device,
    /// Most memory for keys and values, in bytes; one whole context always fits.
    pub cache_bytes: u64,
    /// Most tokens of a text to embed, further ones are left out; never more than the embedding model was made
    /// for, which is also the default.
    pub embedding_tokens: Option<u32>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            threads: 0,
            context: None,
            max_parallel: 32,
            queue: 64,
            running_each: 32,
            waiting_each: 32,
            device: Device::Auto,
            cache_bytes: 2 << 30,
            embedding_tokens: None,
        }
    }
}

/// Loads what is in `files` and answers requests until the socket closes.
///
/// # Errors
/// What kept a model from loading (told to the other side, too), and failures of the socket.
pub fn serve(mut socket: UnixStream, files: impl Into<Files>, settings: Settings) -> Result<(), Error> {
    socket.write_all(&protocol::encode(&FromWorker::Hello { version: PROTOCOL_VERSION })?)?;
    let (model, embedder) = match load(files.into(), &settings) {
        Ok(loaded) => loaded,
        Err(error) => {
            socket.write_all(&protocol::encode(&FromWorker::Failed(error.to_string()))?)?;
            return Err(error);
        }
    };
    tracing::info!(model = model.info().name, load_ms = model.info().load_ms, "model loaded");
    let embedding = embedder.as_ref().map(|embedder| embedder.info().clone());
    let ready = Ready { model: model.info().clone(), embedding };
    socket.write_all(&protocol::encode(&FromWorker::Ready(ready))?)?;
    greet(&mut socket)?;
    run(socket, Arc::new(model), embedder, &settings)
}

/// Both models, the smaller one beside the other.
fn load(files: Files, settings: &Settings) -> Result<(Model, Option<Embedder>), Error> {
    let options = Options::try_from(settings)?;
    let Files { model, embedding } = files;
    thread::scope(|scope| {
        let embedder = scope.spawn(|| embedding.map(|files| Embedder::load(&files, settings)).transpose());
        let model = Model::load(&model, &options)?;
        let embedder = embedder.join().unwrap_or_else(|_| Err(Error::Model("loading failed".to_owned())));
        Ok((model, embedder?))
    })
}

/// The other side's greeting, which it sent before it began to wait for ours.
fn greet(socket: &mut UnixStream) -> Result<(), Error> {
    match protocol::read(socket)? {
        Some(ToWorker::Hello { version: PROTOCOL_VERSION }) => Ok(()),
        Some(ToWorker::Hello { version }) => {
            Err(Error::Protocol(format!("the front speaks version {version}, not {PROTOCOL_VERSION}")))
        }
        Some(_) => Err(Error::Protocol("no greeting".to_owned())),
        None => Err(Error::Gone),
    }
}

fn run(
    socket: UnixStream,
    model: Arc<Model>,
    embedder: Option<Embedder>,
    settings: &Settings,
) -> Result<(), Error> {
    let (answers, outgoing) = mpsc::channel();
    let (orders, incoming) = mpsc::channel();
    let (jobs, to_prepare) = mpsc::channel();
    let turns = Turns::default();
    let preparer = Preparer::new(Arc::clone(&model), answers.clone(), orders);
    let limits = Limits {
        running: settings.max_parallel,
        running_each: settings.running_each,
        cache_bytes: settings.cache_bytes,
    };
    let mut scheduler = Scheduler::new(model, limits, turns.clone());
    let (reception, embedding) = embed::start(embedder, scheduler.cores(), answers.clone())?;
    let mut desk = Desk::new(answers.clone(), jobs, settings, turns, reception);
    let writing = socket.try_clone()?;
    let writer =
        thread::Builder::new().name("engine-write".to_owned()).spawn(move || write(writing, &outgoing))?;
    let prepared =
        thread::Builder::new().name("engine-prepare".to_owned()).spawn(move || preparer.run(&to_prepare))?;
    let reader = thread::Builder::new().name("engine-read".to_owned()).spawn(move || {
        let end = desk.run(&socket);
        // Whatever still runs has no reader any more.
        desk.cancel_all();
        let _already_closed = socket.shutdown(Shutdown::Both);
        end
    })?;
    // Ends when the reader and the preparer have dropped their ends of the channels.
    scheduler.run(&incoming, &answers);
    drop(answers);
    drop(scheduler);
    let end = reader.join().unwrap_or_else(|_| Err(Error::Protocol("the reading thread failed".to_owned())));
    let embedded = embedding.is_none_or(|thread| thread.join().is_ok());
    if !embedded || prepared.join().is_err() || writer.join().is_err() {
        return Err(Error::Protocol("a thread of the engine failed".to_owned()));
    }
    end
}

/// Writes answers until nobody can send any more, or nobody reads them.
fn write(mut socket: UnixStream, outgoing: &mpsc::Receiver<FromWorker>) {
    while let Ok(message) = outgoing.recv() {
        let sent = protocol::encode(&message).and_then(|frame| Ok(socket.write_all(&frame)?));
        if let Err(error) = sent {
            tracing::warn!(%error, "answers can no longer be delivered");
            break;
        }
    }
    let _already_closed = socket.shutdown(Shutdown::Both);
}
