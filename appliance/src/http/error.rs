//! What a client is told when a request fails: a stable code and a sentence; never an internal text.

use std::fmt;

use actix_web::HttpResponse;
use actix_web::http::{StatusCode, header};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The stable part of an error. Clients decide by it, people read the title.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    SignInFailed,
    CertificateRefused,
    /// The client showed none. The connection ends, so that the next one asks for it.
    CertificateNeeded,
    /// It was shown too long ago. The connection ends, so that the next one asks for it anew: try again at once.
    CertificateStale,
    CodeRefused,
    NotSignedIn,
    SessionExpired,
    SessionLocked,
    Forbidden,
    ProofNeeded,
    WorkspaceNeeded,
    Conflict,
    /// A legal hold keeps it.
    Held,
    NotFound,
    MethodNotAllowed,
    TooLarge,
    UnsupportedMediaType,
    Invalid,
    NoticeRequired,
    ContextExceeded,
    Locked,
    Quota,
    Timeout,
    Internal,
    Busy,
    AuditUnavailable,
}

impl Code {
    pub fn status(self) -> StatusCode {
        match self {
            Self::SignInFailed
            | Self::CertificateRefused
            | Self::CertificateNeeded
            | Self::CertificateStale
            | Self::CodeRefused
            | Self::NotSignedIn
            | Self::SessionExpired
            | Self::SessionLocked => StatusCode::UNAUTHORIZED,
            Self::Forbidden | Self::ProofNeeded | Self::WorkspaceNeeded | Self::Held => StatusCode::FORBIDDEN,
            Self::Conflict => StatusCode::CONFLICT,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Timeout => StatusCode::REQUEST_TIMEOUT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Invalid | Self::NoticeRequired | Self::ContextExceeded => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Locked | Self::Quota => StatusCode::TOO_MANY_REQUESTS,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Busy | Self::AuditUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// Whether the client can do better only on another connection.
    pub(super) fn ends_connection(self) -> bool {
        matches!(self, Self::CertificateNeeded | Self::CertificateStale)
    }

    /// What a person is told where the error brings no more particular sentence.
    fn default_title(self) -> &'static str {
        match self {
            Self::SignInFailed => "The user name or the password is not right.",
            Self::CertificateRefused => "Nobody signs in here with this certificate at present.",
            Self::CertificateNeeded => {
                "Your browser showed no certificate of an authority that is accepted here."
            }
            Self::CertificateStale => "Your browser is asked for its certificate once more. Try again.",
            Self::CodeRefused => {
                "The code was not accepted. Codes change every 30 seconds and work once; check the clock of \
                 your authenticator."
            }
            Self::NotSignedIn => "Sign in first.",
            Self::SessionExpired => "The session has ended. Sign in again.",
            Self::SessionLocked => "The session is locked. Unlock it with your password or a code.",
            Self::Forbidden => "Your role does not allow this.",
            Self::ProofNeeded => "Confirm with your password and a code.",
            Self::WorkspaceNeeded => "Choose a workspace first.",
            Self::Conflict => "It cannot be done as things are.",
            Self::Held => "This is kept for a legal reason and cannot be deleted now.",
            Self::NotFound => "There is nothing here.",
            Self::MethodNotAllowed => "This address does not take that method.",
            Self::TooLarge => "The request is too large.",
            Self::UnsupportedMediaType => "Send application/json.",
            Self::Invalid => "The request is not valid.",
            Self::NoticeRequired => "Accept the notice first.",
            Self::ContextExceeded => "The message is longer than the model's context.",
            Self::Locked => "Too many failed attempts. The account is locked for a while.",
            Self::Quota => "The quota is used up.",
            Self::Timeout => "The request did not arrive in time.",
            Self::Internal => "Something went wrong on the appliance. Its log has the details.",
            Self::Busy => "The model is busy. Try again in a moment.",
            Self::AuditUnavailable => "The action could not be recorded, so it was not done. Try again.",
        }
    }
}

/// A failed request. The `source` goes to the log, once, at the boundary; never to the client.
pub struct Error {
    pub code: Code,
    pub title: String,
    /// The field or parameter at fault.
    pub field: Option<String>,
    pub retry_after_seconds: Option<u64>,
    pub source: Option<anyhow::Error>,
}

impl Error {
    pub fn new(code: Code) -> Self {
        let title = code.default_title().to_owned();
        Self { code, title, field: None, retry_after_seconds: None, source: None }
    }

    pub fn invalid(field: &str, why: impl Into<String>) -> Self {
        Self { title: why.into(), field: Some(field.to_owned()), ..Self::new(Code::Invalid) }
    }

    pub fn not_found() -> Self {
        Self::new(Code::NotFound)
    }

    pub fn internal(source: impl Into<anyhow::Error>) -> Self {
        Self { source: Some(source.into()), ..Self::new(Code::Internal) }
    }

    #[must_use]
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }

    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_seconds = Some(seconds.max(1));
        self
    }

    #[must_use]
    pub fn caused_by(mut self, source: impl Into<anyhow::Error>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The error as the clients of `/api/v1` get it (RFC 9457).
    pub fn problem(&self, request_id: &str) -> Problem {
        Problem {
            status: self.code.status().as_u16(),
            code: self.code,
            title: self.title.clone(),
            request_id: request_id.to_owned(),
            field: self.field.clone(),
            retry_after: self.retry_after_seconds,
        }
    }

    /// The same as the clients of `/v1` get it, in OpenAI's shape.
    pub fn openai(&self) -> serde_json::Value {
        let kind = match self.code {
            Code::NotSignedIn | Code::SessionExpired | Code::SessionLocked => "authentication_error",
            Code::Forbidden | Code::ProofNeeded | Code::WorkspaceNeeded | Code::Held => "permission_error",
            Code::Locked | Code::Quota => "rate_limit_error",
            Code::Internal | Code::Busy | Code::AuditUnavailable => "server_error",
            _ => "invalid_request_error",
        };
        let code = match (self.code, self.field.as_deref()) {
            // OpenAI's own name: programs look for it.
            (Code::NotFound, Some("model")) => serde_json::json!("model_not_found"),
            (code, _) => serde_json::json!(code),
        };
        serde_json::json!({
            "error": {"message": self.title, "type": kind, "code": code, "param": self.field}
        })
    }
}

/// `application/problem+json`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    pub code: Code,
    /// A sentence for people.
    pub title: String,
    /// Quote it when you ask the operator; the log has the same.
    pub request_id: String,
    /// The field at fault, where one is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub field: Option<String>,
    /// Seconds after which a new attempt makes sense.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub retry_after: Option<u64>,
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.title)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}: {}", self.code, self.title)?;
        self.source.iter().try_for_each(|source| write!(formatter, " ({source:#})"))
    }
}

impl actix_web::ResponseError for Error {
    fn status_code(&self) -> StatusCode {
        self.code.status()
    }

    /// Only the status: the boundary, which knows the request's id and path, writes the body.
    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        if let Some(seconds) = self.retry_after_seconds {
            response.insert_header((header::RETRY_AFTER, seconds));
        }
        response.finish()
    }
}
