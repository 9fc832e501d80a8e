//! Server-sent events: a stream that notices when its reader has stopped reading.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use futures_util::Stream;
use serde::Serialize;
use tokio::time::Instant;

use super::connection::Connection;

/// A reader that takes nothing for this long is cut off; the answer itself goes on.
const WRITE_DEADLINE: Duration = Duration::from_secs(30);
const CHECK_EVERY: Duration = Duration::from_secs(5);

/// One event, with its data as JSON on one line.
pub(super) fn event(name: &str, data: &impl Serialize) -> Bytes {
    let data = serde_json::to_string(data).unwrap_or_default();
    Bytes::from(format!("event: {name}\ndata: {data}\n\n"))
}

/// An event without a name, as OpenAI's streams have them.
pub(super) fn data(data: &str) -> Bytes {
    Bytes::from(format!("data: {data}\n\n"))
}

/// A comment that keeps the connection alive, and finds out that it is not.
pub(super) fn keep_alive() -> Bytes {
    Bytes::from_static(b": waiting\n\n")
}

/// The response that carries a stream of events.
pub(super) fn response(request: &HttpRequest, events: impl Stream<Item = Bytes> + 'static) -> HttpResponse {
    let progress = Arc::new(Progress::new());
    if let Some(connection) = request.conn_data::<Connection>() {
        tokio::spawn(watch(Arc::downgrade(&progress), connection.clone()));
    }
    HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "text/event-stream"))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .streaming(Guarded { events: Box::pin(events), progress })
}

/// When a piece was last handed to the connection, and whether the connection has come back for more.
struct Progress {
    started: Instant,
    handed_ms: AtomicU64,
    held: AtomicBool,
}

impl Progress {
    fn new() -> Self {
        Self { started: Instant::now(), handed_ms: AtomicU64::new(0), held: AtomicBool::new(false) }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// A piece was handed over and nobody has asked for the next one since.
    fn is_stuck(&self) -> bool {
        let since = self.now_ms().saturating_sub(self.handed_ms.load(Ordering::Relaxed));
        self.held.load(Ordering::Relaxed) && u128::from(since) > WRITE_DEADLINE.as_millis()
    }
}

/// The connection polls its body only while it can write, so a piece that nobody follows up on is stuck.
struct Guarded<S> {
    events: Pin<Box<S>>,
    progress: Arc<Progress>,
}

impl<S: Stream<Item = Bytes>> Stream for Guarded<S> {
    /// A failure has an event of its own; the stream itself cannot fail.
    type Item = Result<Bytes, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let polled = self.events.as_mut().poll_next(context);
        let handed = matches!(polled, Poll::Ready(Some(_)));
        self.progress.handed_ms.store(self.progress.now_ms(), Ordering::Relaxed);
        self.progress.held.store(handed, Ordering::Relaxed);
        polled.map(|piece| piece.map(Ok))
    }
}

async fn watch(progress: std::sync::Weak<Progress>, connection: Connection) {
    loop {
        tokio::time::sleep(CHECK_EVERY).await;
        let Some(progress) = progress.upgrade() else { return };
        if progress.is_stuck() {
            connection.close();
            return;
        }
    }
}
