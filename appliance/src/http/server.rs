//! The HTTP server: the same application for the appliance and for the tests.

use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::time::Duration;

use actix_web::error::QueryPayloadError;
use actix_web::{HttpRequest, HttpServer, middleware, web};
use rustls::ServerConfig;

use super::connection::Connections;
use super::error::{Code, Error};
use super::{assets, boundary, routes};
use crate::app::App;

/// Threads that serve; the engine's process has the rest of the machine.
const WORKERS: usize = 2;
const MAX_CONNECTIONS_PER_WORKER: usize = 6_000;
const TLS_HANDSHAKES_PER_WORKER: usize = 256;
const HEAD_DEADLINE: Duration = Duration::from_secs(5);
const DISCONNECT_DEADLINE: Duration = Duration::from_secs(1);
const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(5);
const KEEP_ALIVE: Duration = Duration::from_secs(75);
const SHUTDOWN_SECONDS: u64 = 5;

/// Registers every route and what is around it.
pub fn configure(app: web::Data<App>) -> impl FnOnce(&mut web::ServiceConfig) {
    move |config| {
        config.app_data(app);
        config.app_data(web::QueryConfig::default().error_handler(refuse_query));
        routes::register(config);
        // An unknown address of an API is an error; everything else is the interface's to show.
        config.service(web::scope("/api").default_service(web::to(missing)));
        config.service(web::scope("/v1").default_service(web::to(missing)));
        config.default_service(web::to(assets::show));
    }
}

fn refuse_query(error: QueryPayloadError, _: &HttpRequest) -> actix_web::Error {
    let title = match error {
        QueryPayloadError::Deserialize(why) => format!("The query is not valid: {why}."),
        _ => "The query is not valid.".to_owned(),
    };
    Error::new(Code::Invalid).title(title).into()
}

async fn missing() -> Result<&'static str, Error> {
    Err(Error::not_found())
}

/// Where requests come from.
pub struct Listeners {
    /// The LAN's, with its certificate; none where a command works on a store that nobody serves.
    pub lan: Option<(TcpListener, ServerConfig)>,
    /// The command line's: [`crate::control`].
    pub console: UnixListener,
}

/// Serves, and ends what loses its right, until `shutdown` resolves; then lets running requests end for a few seconds.
pub async fn run(
    app: App,
    listeners: Listeners,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let connections = Connections::new(app.refusals.clone(), app.clock.clone());
    let (following, runs) = (app.clone(), app.access.runs().clone());
    let data = web::Data::new(app);
    let mut server = HttpServer::new(move || {
        actix_web::App::new().wrap(middleware::from_fn(boundary::around)).configure(configure(data.clone()))
    })
    .on_connect(move |io, extensions| connections.note(io, extensions))
    .workers(WORKERS)
    .max_connections(MAX_CONNECTIONS_PER_WORKER)
    .max_connection_rate(TLS_HANDSHAKES_PER_WORKER)
    .client_request_timeout(HEAD_DEADLINE)
    .client_disconnect_timeout(DISCONNECT_DEADLINE)
    .tls_handshake_timeout(HANDSHAKE_DEADLINE)
    .keep_alive(KEEP_ALIVE)
    // A client that has gone must not leave its stream, and with it a completion, running.
    .h1_allow_half_closed(false)
    .disable_signals()
    .shutdown_timeout(SHUTDOWN_SECONDS)
    .listen_uds(listeners.console)?;
    if let Some((listener, tls)) = listeners.lan {
        server = server.listen_rustls_0_23(listener, tls)?;
    }
    let server = server.run();
    let handle = server.handle();
    actix_web::rt::spawn(async move {
        shutdown.await;
        // While there is still somebody to record it.
        runs.shut().await;
        handle.stop(true).await;
    });
    let following = actix_web::rt::spawn(async move { following.follow_rights().await });
    let served = server.await;
    following.abort();
    served
}
