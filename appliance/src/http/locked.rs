//! A start without a key: nothing is served, and whoever is at the console is asked for one.

use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::{self, Next};
use actix_web::web::{self, Data};
use actix_web::{HttpRequest, HttpResponse, HttpServer};
use redoubt_store::keys::{KeySlots, Slot};
use redoubt_store::{Clock, DataKey};
use tokio::sync::Notify;

use super::body::Body;
use super::boundary;
use super::connection::{Connection, Connections};
use super::error::{Code, Error};
use super::handlers::slots::{Given, refused};
use crate::refusals::Refusals;

/// A key that somebody gave.
#[derive(Debug)]
pub struct Unlocked {
    pub key: DataKey,
    /// What it was opened by.
    pub slot: Slot,
    /// How often something else was tried before.
    pub failures: u64,
}

struct Lock {
    data_dir: PathBuf,
    key: Mutex<Option<(DataKey, Slot)>>,
    failures: AtomicU64,
    opened: Notify,
}

/// Waits until somebody at the console gives what opens a slot of the data directory; `None` if `shutdown` comes first.
///
/// # Errors
/// The console cannot be listened on.
pub async fn wait_for_key(
    console: UnixListener,
    data_dir: &Path,
    clock: Arc<dyn Clock>,
    shutdown: impl Future<Output = ()>,
) -> std::io::Result<Option<Unlocked>> {
    let lock = Data::new(Lock {
        data_dir: data_dir.to_owned(),
        key: Mutex::default(),
        failures: AtomicU64::new(0),
        opened: Notify::new(),
    });
    let (connections, served) = (Connections::new(Refusals::default(), clock), lock.clone());
    let server = HttpServer::new(move || {
        actix_web::App::new()
            .wrap(middleware::from_fn(explain))
            .app_data(served.clone())
            .route("/api/v1/console/unlock", web::post().to(unlock))
            .default_service(web::to(is_locked))
    })
    .on_connect(move |io, extensions| connections.note(io, extensions))
    .workers(1)
    .disable_signals()
    .shutdown_timeout(1)
    .listen_uds(console)?
    .run();
    let handle = server.handle();
    let server = actix_web::rt::spawn(server);
    tokio::select! {
        () = lock.opened.notified() => {}
        () = shutdown => {}
    }
    // Whoever gave the key hears that it fits.
    handle.stop(true).await;
    server.await.map_err(std::io::Error::other)??;
    let failures = lock.failures.load(Ordering::Relaxed);
    let key = lock.key.lock().unwrap_or_else(PoisonError::into_inner).take();
    Ok(key.map(|(key, slot)| Unlocked { key, slot, failures }))
}

async fn unlock(request: HttpRequest, lock: Data<Lock>, body: Body<Given>) -> Result<HttpResponse, Error> {
    if !request.conn_data::<Connection>().is_some_and(|connection| connection.console) {
        return Err(Error::new(Code::Forbidden));
    }
    let secret = body.0.parse()?;
    let data_dir = lock.data_dir.clone();
    // Argon2id takes a moment.
    let tried = web::block(move || {
        let slots = KeySlots::load(&data_dir)?;
        slots.open(&secret).map(|(key, slot)| (key, slot.clone()))
    });
    match tried.await.map_err(Error::internal)? {
        Ok(opened) => {
            *lock.key.lock().unwrap_or_else(PoisonError::into_inner) = Some(opened);
            lock.opened.notify_one();
            Ok(HttpResponse::NoContent().finish())
        }
        Err(error) => {
            lock.failures.fetch_add(1, Ordering::Relaxed);
            Err(refused(error))
        }
    }
}

/// A failure gets the same body as where the store is open; nothing else is logged of it, so it has no number.
async fn explain(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let (request, response) = next.call(request).await?.into_parts();
    let error = response.error().and_then(|error| error.as_error::<Error>());
    let explained = error.map(|error| boundary::body(&request, error, "locked"));
    Ok(ServiceResponse::new(request, explained.unwrap_or_else(|| response.map_into_boxed_body())))
}

async fn is_locked() -> Result<&'static str, Error> {
    Err(Error::new(Code::Busy).title("The store is locked: `redoubt key unlock` opens it."))
}
