//! The signals that end the appliance.

use std::io;
use std::sync::mpsc::Sender;
use std::thread;

use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

/// Sends `event()` for each SIGTERM, SIGINT and SIGHUP from now on, instead of dying by them.
pub(super) fn watch<T: Send + 'static>(tell: Sender<T>, event: fn() -> T) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_io().build()?;
    let (mut terminate, mut interrupt, mut hangup) = {
        let _inside = runtime.enter();
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?, signal(SignalKind::hangup())?)
    };
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        runtime.block_on(async move {
            loop {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                    _ = hangup.recv() => {}
                }
                if tell.send(event()).is_err() {
                    return;
                }
            }
        });
    })?;
    Ok(())
}
