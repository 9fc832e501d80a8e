//! The appliance of one command: where nobody serves the data directory, the command opens the store, listens on
//! `control.sock` itself and asks itself. No engine, no LAN; it ends with the command.

use std::sync::Arc;
use std::thread::JoinHandle;

use anyhow::anyhow;
use redoubt_store::{Clock, Store};
use ring::rand::SystemRandom;
use tokio::sync::oneshot;

use super::client::Console;
use crate::app::{App, Parts};
use crate::chat::Engines;
use crate::clock::SystemClock;
use crate::config::Config;
use crate::front::open_store;
use crate::http::{self, Listeners};
use crate::random::Random;
use crate::self_tests::SelfTests;
use crate::{control, models};

/// Ends its server and closes the store when dropped.
pub(super) struct Alone {
    store: Store,
    stop: Option<oneshot::Sender<()>>,
    server: Option<JoinHandle<()>>,
}

pub(super) fn open(config: Config) -> anyhow::Result<Console> {
    let data_dir = config.data.dir.clone();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let random: Arc<dyn Random> = Arc::new(SystemRandom::new());
    // The store's lock comes first: whoever has it is the only one to listen.
    let software = super::super::software()?;
    let store = open_store(
        &data_dir,
        &super::super::ask::configured(&config)?,
        &software,
        clock.clone(),
        random.as_ref(),
    )?;
    let console = control::listen(&data_dir)?;
    let manifests = models::named(&config.models)?;
    let app = App::build(Parts {
        config,
        store: store.clone(),
        clock,
        random,
        engines: Engines::default(),
        model: manifests.chat,
        embedding: manifests.embedding,
        // Asked by a process of its own, which belongs to an appliance that is served; `check --bind` needs none.
        directory: None,
        certificates: None,
        self_tests: SelfTests::default(),
    })?;
    let (stop, stopped) = oneshot::channel::<()>();
    let server = std::thread::Builder::new().name("console".to_owned()).spawn(move || {
        let shutdown = async move {
            // Dropped or used: either way it is over.
            let _over = stopped.await;
        };
        let served =
            actix_web::rt::System::new().block_on(http::run(app, Listeners { lan: None, console }, shutdown));
        if let Err(error) = served {
            tracing::error!(%error, "the command's own server ended");
        }
    })?;
    // The socket listens already; whatever connects now is served once the thread has come so far.
    Ok(Console::alone(&data_dir, Alone { store, stop: Some(stop), server: Some(server) }))
}

impl Drop for Alone {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // Fails only where the server has ended.
            let _ended = stop.send(());
        }
        if let Some(server) = self.server.take() {
            let _panicked = server.join();
        }
        if let Err(error) = self.store.close() {
            tracing::error!("{:#}", anyhow!(error));
        }
    }
}
