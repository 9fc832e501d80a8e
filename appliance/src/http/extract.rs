//! Callers as handler arguments: who is not who the handler asks for does not reach it.

use actix_web::cookie::{Cookie, SameSite};
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};
use futures_util::future::LocalBoxFuture;
use redoubt_audit::{Actor, Source};

use super::boundary::RequestId;
use super::connection::Connection;
use super::error::{Code, Error};
use crate::access::{self, Lapse, Member};
use crate::app::App;
use crate::audit::export;
use crate::identity::certificate::Shown;
use crate::identity::{
    self, Admin, Administrator, Analyst, Anyone, ApiCaller, Auditor, Caller, Console, PlainApiKey,
    PlainToken, Proven, ProvenAdministrator, ProvenAuditor, RefusedKey, RoleSet, SessionHolder,
};
use crate::records::Via;

pub(super) const SESSION_COOKIE: &str = "__Host-redoubt";
pub(super) const PENDING_COOKIE: &str = "__Host-redoubt-pending";
/// The part of a user agent that is kept for the list of sessions, in characters.
const AGENT_CHARACTERS: usize = 200;

/// Who a refused request turned out to be, for the record of its refusal.
pub(super) struct KnownActor(pub(super) Actor);

/// An API key that was refused, for the record of its refusal: why, and which key if it was ever one of ours.
pub(super) struct KnownKey(pub(super) &'static str, pub(super) Option<String>);

/// The request as records name it.
pub(super) fn via(request: &HttpRequest) -> Via {
    let peer = request.peer_addr();
    let agent = request.headers().get("user-agent").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let digest = |text: &str| {
        let hash = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
        data_encoding::HEXLOWER.encode(hash.as_ref())
    };
    Via {
        request: request.extensions().get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default(),
        source: Source {
            ip: peer.map(|peer| peer.ip().to_string()).unwrap_or_default(),
            port: peer.map(|peer| peer.port()).unwrap_or_default(),
            tls: request.conn_data::<Connection>().and_then(|connection| connection.tls).map(str::to_owned),
            agent_sha256: (!agent.is_empty()).then(|| digest(agent)),
        },
        agent: agent.chars().filter(|c| !c.is_control()).take(AGENT_CHARACTERS).collect(),
        typed_name: None,
    }
}

/// The certificate that the client showed in this connection's handshake.
pub(super) fn certificate(request: &HttpRequest) -> Result<Shown, Error> {
    let connection = request.conn_data::<Connection>().ok_or_else(|| Error::new(Code::CertificateNeeded))?;
    connection.certificate().map_err(Error::new)
}

pub(super) fn app(request: &HttpRequest) -> Result<web::Data<App>, Error> {
    let app = request.app_data::<web::Data<App>>().cloned();
    app.ok_or_else(|| Error::internal(anyhow::anyhow!("the application is not registered")))
}

/// The token in a cookie; a cookie that cannot hold one is none.
pub(super) fn token(request: &HttpRequest, cookie: &str) -> Result<Option<PlainToken>, Error> {
    match request.cookie(cookie) {
        None => Ok(None),
        Some(cookie) => match PlainToken::parse(cookie.value()) {
            Some(token) => Ok(Some(token)),
            None => Err(Error::new(Code::SessionExpired)),
        },
    }
}

fn session_token(request: &HttpRequest) -> Result<PlainToken, Error> {
    token(request, SESSION_COOKIE)?.ok_or_else(|| Error::new(Code::NotSignedIn))
}

pub(super) fn cookie(name: &'static str, value: String, seconds: i64) -> Cookie<'static> {
    Cookie::build(name, value)
        .path("/")
        .secure(true)
        .http_only(true)
        .same_site(SameSite::Strict)
        .max_age(time::Duration::seconds(seconds))
        .finish()
}

/// A cookie that makes the browser forget the one of that name.
pub(super) fn forget(name: &'static str) -> Cookie<'static> {
    cookie(name, String::new(), 0)
}

impl<R: RoleSet> FromRequest for Caller<R> {
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let token = session_token(&request)?;
            let (user, session) = app(&request)?.identity.authenticate(&token).await?;
            let actor = crate::records::actor(&user, Some(&session.token_hash));
            request.extensions_mut().insert(KnownActor(actor));
            Self::admit(user, session, via(&request)).ok_or_else(|| Error::new(Code::Forbidden))
        })
    }
}

impl FromRequest for SessionHolder {
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let token = session_token(&request)?;
            let (user, session) = app(&request)?.identity.authenticate_holder(&token).await?;
            let holder = Self { user, session, via: via(&request) };
            request.extensions_mut().insert(KnownActor(holder.actor()));
            Ok(holder)
        })
    }
}

impl<R: RoleSet> FromRequest for Proven<R> {
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self, Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, caller) = (request.clone(), Caller::<R>::from_request(request, payload));
        Box::pin(async move { Ok(app(&request)?.identity.require_proof(caller.await?).await?) })
    }
}

impl FromRequest for Member {
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self, Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, caller) = (request.clone(), Caller::<Analyst>::from_request(request, payload));
        Box::pin(async move { Ok(app(&request)?.access.member(caller.await?).await?) })
    }
}

impl FromRequest for Administrator {
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self, Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        console_or::<Self, Caller<Admin>>(request, payload, Self::console)
    }
}

impl FromRequest for ProvenAdministrator {
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self, Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        console_or::<Self, Proven<Admin>>(request, payload, Self::console)
    }
}

impl FromRequest for Console {
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self, Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        if is_console(request) {
            return Box::pin(async { Ok(Self::here()) });
        }
        // Whoever else asks is told what they would be told as somebody in the wrong role.
        let caller = Caller::<Anyone>::from_request(request, payload);
        Box::pin(async move { Err(caller.await.err().unwrap_or_else(|| Error::new(Code::Forbidden))) })
    }
}

impl FromRequest for ProvenAuditor {
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self, Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        console_or::<Self, Proven<Auditor>>(request, payload, Self::console)
    }
}

/// Whether the request came by `control.sock`, which is then who it turned out to be.
fn is_console(request: &HttpRequest) -> bool {
    let is_console = request.conn_data::<Connection>().is_some_and(|connection| connection.console);
    if is_console {
        request.extensions_mut().insert(KnownActor(Actor::console()));
    }
    is_console
}

/// Whoever is on the console, else whose session it is.
fn console_or<A, C>(
    request: &HttpRequest,
    payload: &mut Payload,
    on_console: fn() -> A,
) -> LocalBoxFuture<'static, Result<A, Error>>
where
    A: From<C> + 'static,
    C: FromRequest<Error = Error, Future = LocalBoxFuture<'static, Result<C, Error>>> + 'static,
{
    if is_console(request) {
        return Box::pin(async move { Ok(on_console()) });
    }
    let caller = C::from_request(request, payload);
    Box::pin(async move { Ok(caller.await?.into()) })
}

impl FromRequest for ApiCaller {
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let refused = || Error::new(Code::NotSignedIn).title("The API key is missing or not valid.");
            let header = request.headers().get("authorization").and_then(|value| value.to_str().ok());
            let (scheme, key) = header.and_then(|value| value.split_once(' ')).ok_or_else(refused)?;
            let key = PlainApiKey::parse(key.trim()).filter(|_| scheme.eq_ignore_ascii_case("bearer"));
            let key = key.ok_or_else(refused)?;
            match app(&request)?.identity.authenticate_key(&key, &via(&request)).await {
                Ok(caller) => {
                    request.extensions_mut().insert(KnownActor(caller.actor()));
                    Ok(caller)
                }
                Err(identity::Error::KeyRefused(refusal)) => {
                    let RefusedKey { reason, known } = *refusal;
                    let (id, user) = known.unzip();
                    if let Some(user) = user {
                        request.extensions_mut().insert(KnownActor(crate::records::actor(&user, None)));
                    }
                    request.extensions_mut().insert(KnownKey(reason, id));
                    Err(refused())
                }
                Err(other) => Err(other.into()),
            }
        })
    }
}

impl From<identity::Error> for Error {
    fn from(error: identity::Error) -> Self {
        use identity::Error as E;
        match error {
            E::SignInFailed => Self::new(Code::SignInFailed),
            E::CertificateRefused(None) => Self::new(Code::CertificateRefused),
            E::CertificateRefused(Some(fault)) => Self::new(Code::CertificateRefused).title(fault.sentence()),
            E::CodeRefused => Self::new(Code::CodeRefused),
            E::Locked { seconds } => Self::new(Code::Locked).retry_after(seconds),
            E::TooManyAttempts { seconds } => Self::new(Code::Locked)
                .title("Too many attempts to sign in come from your address. Wait a moment.")
                .retry_after(seconds),
            E::NotSignedIn | E::KeyRefused(_) => Self::new(Code::NotSignedIn),
            E::SessionExpired => Self::new(Code::SessionExpired),
            E::Forbidden => Self::new(Code::Forbidden),
            E::ProofNeeded => Self::new(Code::ProofNeeded),
            E::SessionLocked => Self::new(Code::SessionLocked),
            E::NoticeRequired => Self::new(Code::NoticeRequired),
            E::Incomplete => Self::invalid("password", "Send what this asks for: password, code or both."),
            E::NoSuchSession | E::NoSuchPerson | E::NoSuchMapping => Self::not_found(),
            E::DirectoryAway => Self::new(Code::Busy)
                .title("This needs a word from the directory, which does not answer. Try again in a moment.")
                .retry_after(5),
            E::BadGroupName => Self::invalid("directory_group", capital(&error.to_string())),
            E::NoSuchGroup => Self::invalid("group", capital(&error.to_string())),
            E::BadName(_) => Self::invalid("username", capital(&error.to_string())),
            E::BadDisplayName => Self::invalid("display_name", capital(&error.to_string())),
            E::Weak(_) => Self::new(Code::Invalid).title(capital(&error.to_string())),
            E::NameTaken | E::OwnAccount | E::LastAdmin | E::NotLocal | E::MappingExists | E::Configured => {
                Self::new(Code::Conflict).title(capital(&error.to_string()))
            }
            E::Store(error) => error.into(),
            E::Password(_) | E::Recovery(_) | E::Totp(_) | E::NoRandomness(_) | E::Qr(_) => {
                Self::internal(error)
            }
        }
    }
}

impl From<export::Error> for Error {
    fn from(error: export::Error) -> Self {
        use export::Error as E;
        let text = capital(&error.to_string());
        match error {
            E::BadNonce => Self::invalid("nonce", text),
            E::Empty => Self::invalid("from", text),
            E::NoCheckpoint(_) | E::TooManyExtended => Self::invalid("extends", text),
            E::NoKey | E::Expired => Self::new(Code::AuditUnavailable).title(text),
            E::NotConfirmed(access::NotConfirmed::Lapsed(lapse)) => lapse.into(),
            E::NotConfirmed(access::NotConfirmed::Store(error)) => error.into(),
            E::Store(error) => error.into(),
            other => Self::internal(other),
        }
    }
}

impl From<redoubt_store::Error> for Error {
    fn from(error: redoubt_store::Error) -> Self {
        match error {
            redoubt_store::Error::Unavailable(_) => {
                Self::new(Code::AuditUnavailable).retry_after(2).caused_by(error)
            }
            redoubt_store::Error::BadCursor => Self::invalid("cursor", "The cursor is not one of ours."),
            other => Self::internal(other),
        }
    }
}

impl From<crate::chat::Error> for Error {
    fn from(error: crate::chat::Error) -> Self {
        use crate::chat::Error as E;
        match error {
            E::Access(error) => error.into(),
            E::Lapsed(lapse) => lapse.into(),
            E::NoSuchChat | E::NoSuchMessage => Self::not_found(),
            E::NoSuchModel => Self::invalid("model", "There is no such model."),
            E::NotThere(why) => Self::invalid("parent", format!("{why}.")),
            E::StillAnswering => Self::new(Code::Invalid).title(capital(&error.to_string())),
            E::Invalid { field, why } => Self::invalid(&field, capital(&why)),
            E::ContextExceeded { tokens, context } => Self::new(Code::ContextExceeded).title(format!(
                "The message has {tokens} tokens; the model reads at most {context}. Shorten it."
            )),
            E::Busy { retry_after_seconds } => Self::new(Code::Busy).retry_after(retry_after_seconds),
            E::Quota { retry_after_seconds } => Self::new(Code::Quota)
                .title("You have as many answers under way as one person may. Wait for one of them.")
                .retry_after(retry_after_seconds),
            E::NoRandomness(error) => Self::internal(error),
            E::Store(error) => error.into(),
        }
    }
}

impl From<access::Error> for Error {
    fn from(error: access::Error) -> Self {
        use access::Error as E;
        match error {
            E::Lapsed(lapse) => lapse.into(),
            E::NoWorkspace => Self::new(Code::WorkspaceNeeded),
            E::Missing(permission) => Self {
                field: Some(permission.to_string()),
                ..Self::new(Code::Forbidden).title(format!("You do not have the permission {permission}."))
            },
            E::MissingScope(scope) => Self {
                field: Some(scope.to_owned()),
                ..Self::new(Code::Forbidden).title(format!("This key may not be used for {scope}."))
            },
            E::Quota { quota, retry_after_seconds } => Self {
                field: Some(quota.as_str().to_owned()),
                ..Self::new(Code::Quota).title(quota_title(quota)).retry_after(retry_after_seconds)
            },
            E::NoSuch(_) => Self::not_found(),
            E::Held => Self::new(Code::Held),
            E::Archive { .. } => Self::internal(error),
            E::Conflict(why) => Self::new(Code::Conflict).title(capital(why)),
            E::Invalid { field, why } => Self::invalid(field, capital(&why)),
            E::NoRandomness(error) => Self::internal(error),
            E::Store(error) => error.into(),
        }
    }
}

impl From<Lapse> for Error {
    fn from(lapse: Lapse) -> Self {
        match lapse {
            Lapse::Session | Lapse::Disabled | Lapse::DirectoryAway | Lapse::Role => {
                Self::new(Code::SessionExpired)
            }
            Lapse::Locked => Self::new(Code::SessionLocked),
            Lapse::Revoked | Lapse::Expired | Lapse::Permission => {
                Self::new(Code::NotSignedIn).title("The API key is not valid any more.")
            }
            Lapse::Workspace => Self::new(Code::WorkspaceNeeded),
            Lapse::Shutdown => {
                Self::new(Code::Busy).title("The appliance stops. Ask again when it is back.").retry_after(5)
            }
            Lapse::Model => Self::new(Code::Forbidden).title("You may not use this model any more."),
        }
    }
}

fn quota_title(quota: access::Quota) -> &'static str {
    match quota {
        access::Quota::Requests => "The day's requests are used up. They begin anew at midnight (UTC).",
        access::Quota::Tokens => {
            "The day's tokens are used up, or promised to what you have under way. They begin anew at midnight (UTC)."
        }
        access::Quota::Parallel => "You have as many answers under way as you may. Wait for one of them.",
    }
}

/// An error's text as a sentence.
fn capital(text: &str) -> String {
    let mut characters = text.chars();
    characters
        .next()
        .map(|first| format!("{}{}.", first.to_uppercase(), characters.as_str()))
        .unwrap_or_default()
}
