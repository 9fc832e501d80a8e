//! The engine's process: takes the model and one socket, locks itself in, computes.

use std::fs::File;
use std::io;

use anyhow::{Context, bail};
use redoubt_engine::worker;
use tracing_subscriber::filter::LevelFilter;

use super::entry;
use super::message::{self, EngineCaged, EngineStart};
use crate::lockdown::{self, Cage};

/// The body of the hidden verb `@engine`; ends when the front closes its end of the socket.
///
/// # Errors
/// The process cannot be locked in, the model cannot be loaded, or the socket fails.
pub fn run_engine() -> anyhow::Result<()> {
    let socket = entry::take_socket().context("the supervisor's socket")?;
    let received = message::receive::<EngineStart>(&socket).context("the engine's settings")?;
    let Some((start, Some(model))) = received else { bail!("the engine is started by the appliance only") };
    let report = lockdown::enter(&Cage::Engine, start.policy)?;
    entry::check_parent(start.supervisor)?;
    message::send(&socket, &EngineCaged { report }, None)?;
    tracing_subscriber::fmt().json().with_max_level(LevelFilter::WARN).with_writer(io::stderr).init();
    worker::serve(socket, File::from(model), start.settings)?;
    Ok(())
}
