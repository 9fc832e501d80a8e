//! JSON bodies: the only kind of body that the appliance reads, bounded in size and in time.

use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use bytes::BytesMut;
use futures_util::StreamExt;
use futures_util::future::LocalBoxFuture;
use serde::de::DeserializeOwned;

use super::error::{Code, Error};

/// The largest body of any route, in bytes; a route with less to say sets less.
pub(super) const MAX_BYTES: usize = 1 << 20;
/// A body that has not arrived whole by then is given up (it drips, or its sender is gone).
const DEADLINE: Duration = Duration::from_secs(30);

/// A JSON body read into `T`. Whether unknown fields are refused is `T`'s to say (`deny_unknown_fields`).
pub(super) struct Body<T>(pub T);

impl<T: DeserializeOwned> FromRequest for Body<T> {
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self, Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let declared = declared_length(request);
        let json = request.content_type().eq_ignore_ascii_case("application/json");
        let payload = payload.take();
        Box::pin(async move {
            if !json {
                return Err(Error::new(Code::UnsupportedMediaType));
            }
            if declared.is_some_and(|length| length > MAX_BYTES) {
                return Err(too_large());
            }
            let bytes = tokio::time::timeout(DEADLINE, read(payload))
                .await
                .map_err(|_| Error::new(Code::Timeout))??;
            parse(&bytes).map(Self)
        })
    }
}

fn declared_length(request: &HttpRequest) -> Option<usize> {
    request.headers().get("content-length")?.to_str().ok()?.parse().ok()
}

fn too_large() -> Error {
    Error::new(Code::TooLarge).title(format!("The request is larger than {} KiB.", MAX_BYTES >> 10))
}

async fn read(mut payload: Payload) -> Result<BytesMut, Error> {
    let mut bytes = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|error| {
            Error::new(Code::Invalid)
                .title("The request body broke off.")
                .caused_by(anyhow::anyhow!("{error}"))
        })?;
        if bytes.len() + chunk.len() > MAX_BYTES {
            return Err(too_large());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(bytes).map_err(|error| {
        // serde_json's messages name the field and the place; they quote none of the values we keep secret
        // beyond a type's name, except for "invalid type/value", whose literal is cut off.
        let text = error.to_string();
        let safe = text.split(": string ").next().unwrap_or_default().to_owned();
        Error::new(Code::Invalid).title(format!("The JSON body is not valid: {safe}."))
    })
}
