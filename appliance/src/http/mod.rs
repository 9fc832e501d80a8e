//! The web interface and the two APIs. Translates HTTP to `identity` and `chat`; no SQL, no policy of its own
//! beyond the list of routes.

mod assets;
mod body;
mod boundary;
mod client_certificate;
mod connection;
mod error;
mod extract;
mod handlers;
mod headers;
mod locked;
mod openapi;
mod routes;
mod server;
mod sse;
pub mod tls;

pub use connection::MAX_CONNECTIONS_PER_ADDRESS;
pub use error::{Code, Error, Problem};
pub use headers::CONTENT_SECURITY_POLICY;
pub use locked::{Unlocked, wait_for_key};
pub use openapi::document as openapi_document;
pub use routes::{Access, Route, Trace, all as routes};
pub use server::{Listeners, configure, run};
