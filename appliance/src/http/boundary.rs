//! Around every request: its id, the same-origin rule, the fixed headers, the shape of errors, the record of
//! refusals, the log of failures.

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{HttpMessage, HttpRequest, HttpResponse, web};

use super::error::{Code, Error};
use super::extract::{self, KnownActor, KnownKey};
use super::headers;
use crate::app::App;
use crate::random;
use crate::space::Demand;
use redoubt_store::alerts::Rule;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// After which time there may be room again on a full disk.
const FULL_RETRY_SECONDS: u64 = 10;

/// The id by which a request's answer, records and log lines name it.
#[derive(Clone)]
pub(super) struct RequestId(pub(super) String);

pub(super) async fn around(
    app: web::Data<App>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let id = random::id(app.random.as_ref()).map_err(Error::internal)?;
    request.extensions_mut().insert(RequestId(id.clone()));
    // The request is shared only once it has been routed: routing writes into it.
    let (http_request, response) = match check_origin(&request) {
        Ok(()) => next.call(request).await?.map_into_boxed_body().into_parts(),
        // `into_response` would forget the error, and `finish` needs it.
        Err(error) => (request.into_parts().0, HttpResponse::from_error(error)),
    };
    let mut response = finish(&app, &http_request, response, &id).await;
    headers::add(response.headers_mut());
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    Ok(ServiceResponse::new(http_request, response))
}

/// Refuses what there is no space for, before anybody asks who wants it.
pub(super) async fn spare_the_disk(
    demand: Demand,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let admitted = extract::app(request.request())?.space.admit(demand).await;
    if let Err(no_space) = admitted {
        let error =
            Error::new(Code::AuditUnavailable).title(no_space.to_string()).retry_after(FULL_RETRY_SECONDS);
        return Ok(ServiceResponse::new(request.into_parts().0, HttpResponse::from_error(error)));
    }
    Ok(next.call(request).await?.map_into_boxed_body())
}

/// A write from another origin is refused; cookies being `SameSite=Strict` is the second wall.
fn check_origin(request: &ServiceRequest) -> Result<(), Error> {
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return Ok(());
    }
    let text = |name: &str| request.headers().get(name).map(|value| value.to_str().unwrap_or("?").to_owned());
    let host = text("host").unwrap_or_default();
    let foreign_origin = text("origin").is_some_and(|origin| origin != format!("https://{host}"));
    let foreign_fetch = text("sec-fetch-site").is_some_and(|site| site != "same-origin");
    if foreign_origin || foreign_fetch {
        return Err(Error::new(Code::Forbidden).title("Requests from other sites are refused."));
    }
    Ok(())
}

/// Turns a failure into its body, recorded where it is a refusal and logged where it is a fault.
async fn finish(app: &App, request: &HttpRequest, response: HttpResponse, id: &str) -> HttpResponse {
    let status = response.status();
    let own = response.error().and_then(|error| error.as_error::<Error>());
    count(app, request, status, own.map(|error| error.code));
    if !status.is_client_error() && !status.is_server_error() {
        return response;
    }
    let mut replacement = None;
    if let Some(error) = own {
        log(request, error, id);
        if let Err(unrecorded) = record_refusal(app, request, error.code).await {
            log(request, &unrecorded, id);
            replacement = Some(unrecorded);
        }
    }
    match (replacement, own) {
        (Some(error), _) => body(request, &error, id),
        (None, Some(error)) => body(request, error, id),
        // A handler that wrote its own body (`/readyz`) is left alone.
        (None, None) if matches!(response.body().size(), BodySize::Sized(1..)) => response,
        (None, None) => body(request, &Error::new(from_status(status)), id),
    }
}

/// What metrics and alert rules are made from.
fn count(app: &App, request: &HttpRequest, status: StatusCode, code: Option<Code>) {
    let (method, route) = (request.method().as_str(), route(request));
    app.metrics.request(method, &route, status.as_u16());
    if method == "POST" && route == "/api/v1/session/totp" && status.is_success() {
        app.metrics.sign_in("ok");
    }
    let (rule, refusal) = match code {
        Some(Code::SignInFailed | Code::CertificateRefused | Code::CodeRefused | Code::Locked) => {
            (Rule::FailedSignIns, "sign_in")
        }
        Some(Code::NotSignedIn) => (Rule::Refusals, "not_signed_in"),
        Some(Code::SessionExpired) => (Rule::Refusals, "session_expired"),
        Some(Code::Forbidden) => (Rule::Refusals, "forbidden"),
        Some(Code::NotFound) if route.contains('{') => (Rule::Refusals, "not_found_or_foreign"),
        Some(Code::Quota) => (Rule::Quota, "quota"),
        _ => return,
    };
    match rule {
        Rule::FailedSignIns => app.metrics.sign_in("refused"),
        Rule::Refusals | Rule::Quota | Rule::Storage => app.metrics.refusal(refusal),
    }
    app.access.watch().note(rule, app.clock.now_us());
}

fn log(request: &HttpRequest, error: &Error, id: &str) {
    let route = route(request);
    let method = request.method().as_str();
    match &error.source {
        Some(source) if error.code == Code::Internal => {
            tracing::error!(request = id, method, route, code = ?error.code, "{source:#}");
        }
        Some(source) => tracing::warn!(request = id, method, route, code = ?error.code, "{source:#}"),
        None => tracing::debug!(request = id, method, route, code = ?error.code),
    }
}

/// The pattern of the route, which holds no id and nothing typed.
fn route(request: &HttpRequest) -> String {
    request.match_pattern().unwrap_or_else(|| "(none)".to_owned())
}

async fn record_refusal(app: &App, request: &HttpRequest, code: Code) -> Result<(), Error> {
    let reason = match code {
        Code::NotSignedIn => "not_signed_in",
        Code::SessionExpired => "session_expired",
        Code::SessionLocked => "session_locked",
        Code::ProofNeeded => "proof_needed",
        Code::Forbidden => "forbidden",
        // Somebody else's chat looks like a missing one; whoever tries ids shows here.
        Code::NotFound if route(request).contains('{') => "not_found_or_foreign",
        // Failed sign-ins are recorded with their counters, by `identity`.
        _ => return Ok(()),
    };
    let via = extract::via(request);
    let actor = request.extensions().get::<KnownActor>().map(|known| known.0.clone());
    let recorded_always = actor.is_some() && code == Code::Forbidden;
    if !recorded_always && !app.refusals.admit(&via.source.ip, app.clock.now_us()) {
        return Ok(());
    }
    let method = request.method().as_str();
    let draft = match request.extensions().get::<KnownKey>() {
        Some(KnownKey(reason, key)) => {
            crate::records::rights::key_refused(actor.as_ref(), key.as_deref(), reason, &via)
        }
        None => crate::records::refused(actor.as_ref(), reason, method, &route(request), &via),
    };
    app.store.write(move |tx| tx.audit(draft).map(|_| ())).await.map_err(Error::from)
}

/// Answers that actix-web made itself.
fn from_status(status: StatusCode) -> Code {
    match status {
        StatusCode::NOT_FOUND => Code::NotFound,
        StatusCode::METHOD_NOT_ALLOWED => Code::MethodNotAllowed,
        StatusCode::PAYLOAD_TOO_LARGE => Code::TooLarge,
        StatusCode::REQUEST_TIMEOUT => Code::Timeout,
        status if status.is_server_error() => Code::Internal,
        _ => Code::Invalid,
    }
}

/// What a client is told of a failure.
pub(super) fn body(request: &HttpRequest, error: &Error, id: &str) -> HttpResponse {
    let mut response = HttpResponse::build(error.code.status());
    if let Some(seconds) = error.retry_after_seconds {
        response.insert_header((header::RETRY_AFTER, seconds));
    }
    if error.code.ends_connection() {
        response.force_close();
    }
    if request.path().starts_with("/v1/") {
        return response.json(error.openai());
    }
    response.content_type("application/problem+json");
    response.body(serde_json::to_string(&error.problem(id)).unwrap_or_default())
}
