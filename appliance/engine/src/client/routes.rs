//! Which waiting caller an incoming message belongs to.

use crate::protocol::{Embeddings, Event, FromWorker, Measure, Refusal};
use crate::{End, Error};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::{mpsc, oneshot, watch};

/// One waiting caller.
pub(super) enum Route {
    Measure(oneshot::Sender<Result<Measure, Refusal>>),
    Embed(oneshot::Sender<Result<Embeddings, Refusal>>),
    Forget(oneshot::Sender<()>),
    Reply { accept: Option<oneshot::Sender<Result<(), Refusal>>>, events: mpsc::UnboundedSender<Event> },
}

/// All of them, until the connection ends.
pub(super) struct Routes {
    /// `None` once the connection has ended: nobody can start to wait then.
    waiting: Mutex<Option<HashMap<u64, Route>>>,
    ended: watch::Sender<bool>,
}

impl Routes {
    pub(super) fn new() -> Routes {
        Routes { waiting: Mutex::new(Some(HashMap::new())), ended: watch::Sender::new(false) }
    }

    /// Adds a caller, or says that the connection has ended.
    pub(super) fn insert(&self, id: u64, route: Route) -> Result<(), Error> {
        let mut waiting = self.lock();
        waiting.as_mut().ok_or(Error::Gone)?.insert(id, route);
        Ok(())
    }

    pub(super) fn is_open(&self) -> bool {
        self.lock().is_some()
    }

    pub(super) async fn closed(&self) {
        // The sender lives as long as `self`, so waiting cannot fail.
        let mut ended = self.ended.subscribe();
        let _sender_is_here = ended.wait_for(|ended| *ended).await;
    }

    /// Passes a message on. Callers that have gone away are not an error: they have cancelled.
    pub(super) fn deliver(&self, message: FromWorker) {
        let mut waiting = self.lock();
        let Some(routes) = waiting.as_mut() else { return };
        match message {
            FromWorker::Accepted { id } => {
                if let Some(Route::Reply { accept, .. }) = routes.get_mut(&id)
                    && let Some(accept) = accept.take()
                {
                    let _gave_up = accept.send(Ok(()));
                }
            }
            FromWorker::Refused { id, why } => match routes.remove(&id) {
                Some(Route::Measure(answer)) => drop(answer.send(Err(why))),
                Some(Route::Embed(answer)) => drop(answer.send(Err(why))),
                Some(Route::Reply { accept: Some(accept), .. }) => drop(accept.send(Err(why))),
                Some(Route::Reply { accept: None, .. } | Route::Forget(_)) | None => {}
            },
            FromWorker::Measured { id, measure } => {
                if let Some(Route::Measure(answer)) = routes.remove(&id) {
                    let _gave_up = answer.send(Ok(measure));
                }
            }
            FromWorker::Embedded { id, embeddings } => {
                if let Some(Route::Embed(answer)) = routes.remove(&id) {
                    let _gave_up = answer.send(Ok(embeddings));
                }
            }
            FromWorker::Forgotten { id } => {
                if let Some(Route::Forget(answer)) = routes.remove(&id) {
                    let _gave_up = answer.send(());
                }
            }
            FromWorker::Event { id, event } => {
                let last = matches!(event, Event::End(_));
                if let Some(Route::Reply { events, .. }) = routes.get(&id) {
                    let _gave_up = events.send(event);
                }
                if last {
                    routes.remove(&id);
                }
            }
            FromWorker::Hello { .. } | FromWorker::Ready(_) | FromWorker::Failed(_) => {
                tracing::warn!("the engine greeted twice");
            }
        }
    }

    /// Tells everybody who waits that nothing more will come.
    pub(super) fn close(&self) {
        let routes = self.lock().take();
        for (_, route) in routes.into_iter().flatten() {
            if let Route::Reply { accept: None, events } = route {
                let _gave_up = events.send(Event::End(End::failed("the engine has stopped")));
            }
            // Dropping the other senders wakes their callers.
        }
        self.ended.send_replace(true);
    }

    fn lock(&self) -> MutexGuard<'_, Option<HashMap<u64, Route>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
