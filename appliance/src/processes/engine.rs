//! The engine's process: takes the models and one socket, locks itself in, computes.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;

use anyhow::{Context, bail};
use redoubt_engine::{embedding, worker};
use tracing_subscriber::filter::LevelFilter;

use super::entry;
use super::message::{self, Caged, EngineStart};
use crate::lockdown::{self, Cage};

/// The body of the hidden verb `@engine`; ends when the front closes its end of the socket.
///
/// # Errors
/// The process cannot be locked in, the model cannot be loaded, or the socket fails.
pub fn run_engine() -> anyhow::Result<()> {
    let socket = entry::take_socket().context("the supervisor's socket")?;
    let received = message::receive::<EngineStart>(&socket).context("the engine's settings")?;
    let Some((start, files)) = received else { bail!("the engine is started by the appliance only") };
    let Some(files) = models(files) else { bail!("the engine got no model") };
    let report = lockdown::enter(&Cage::Engine, start.policy)?;
    entry::check_parent(start.supervisor)?;
    message::send(&socket, &Caged { report }, &[])?;
    tracing_subscriber::fmt().json().with_max_level(LevelFilter::WARN).with_writer(io::stderr).init();
    worker::serve(socket, files, start.settings)?;
    Ok(())
}

/// What came with the settings, in the order of [`EngineStart`].
fn models(files: Vec<OwnedFd>) -> Option<worker::Files> {
    let mut files = files.into_iter().map(File::from);
    let model = files.next()?;
    let embedding = match (files.next(), files.next(), files.next()) {
        (Some(weights), Some(tokenizer), Some(config)) => {
            Some(embedding::Files { weights, tokenizer, config })
        }
        _ => None,
    };
    Some(worker::Files { model, embedding })
}
