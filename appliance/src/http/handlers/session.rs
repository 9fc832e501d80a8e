//! Signing in, in two steps, and out.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use redoubt_store::users::{Role, User};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::http::body::Body;
use crate::http::error::{Code, Error};
use crate::http::extract::{self, PENDING_COOKIE, SESSION_COOKIE};
use crate::identity::{self, Attempt, Factor, Next, PENDING_SECONDS, PlainToken, SessionHolder};
use crate::records::Via;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Credentials {
    username: String,
    password: String,
    /// The SHA-256 of the notice that was accepted, as `/api/v1/appliance` gives it; needed where there is a notice.
    #[schema(nullable = false)]
    notice_sha256: Option<String>,
}

/// What goes with the certificate that the connection showed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WithCertificate {
    /// As with name and password.
    #[schema(nullable = false)]
    notice_sha256: Option<String>,
}

/// What the second step asks for.
#[derive(Serialize, ToSchema)]
#[serde(tag = "next", rename_all = "lowercase")]
pub(crate) enum NextStep {
    Totp,
    Enrol {
        /// Base32, to be typed into an authenticator.
        secret: String,
        /// The same as an address, for a QR code.
        otpauth: String,
        qr: Qr,
    },
}

/// A QR code as the dark modules' SVG path in a view box of `size` × `size`.
#[derive(Serialize, ToSchema)]
pub(crate) struct Qr {
    pub(super) size: u32,
    pub(super) path: String,
}

/// One of the two.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SecondFactor {
    #[schema(nullable = false)]
    code: Option<String>,
    #[schema(nullable = false)]
    recovery_code: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct SignedInView {
    user: UserView,
    /// Shown once, after an authenticator was enrolled.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    recovery_codes: Option<Vec<String>>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct UserView {
    id: String,
    username: String,
    /// May be empty.
    display_name: String,
    role: RoleView,
}

#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RoleView {
    Analyst,
    Admin,
    Auditor,
}

impl From<Role> for RoleView {
    fn from(role: Role) -> Self {
        match role {
            Role::Analyst => Self::Analyst,
            Role::Admin => Self::Admin,
            Role::Auditor => Self::Auditor,
        }
    }
}

impl From<RoleView> for Role {
    fn from(view: RoleView) -> Self {
        match view {
            RoleView::Analyst => Self::Analyst,
            RoleView::Admin => Self::Admin,
            RoleView::Auditor => Self::Auditor,
        }
    }
}

impl From<&User> for UserView {
    fn from(user: &User) -> Self {
        Self {
            id: user.id.clone(),
            username: user.name.clone(),
            display_name: user.display_name.clone(),
            role: user.role.into(),
        }
    }
}

/// `POST /api/v1/session`
pub(crate) async fn create(
    request: HttpRequest,
    app: Data<App>,
    body: Body<Credentials>,
) -> Result<HttpResponse, Error> {
    let Credentials { username, password, notice_sha256 } = body.0;
    let via = Via { typed_name: Some(username.clone()), ..extract::via(&request) };
    app.identity.admit_attempt(&via).await?;
    let attempt = Attempt { username, password, notice_sha256 };
    Ok(second_step(app.identity.begin(attempt, &via).await?))
}

/// `POST /api/v1/session/certificate`
pub(crate) async fn create_with_certificate(
    request: HttpRequest,
    app: Data<App>,
    body: Body<WithCertificate>,
) -> Result<HttpResponse, Error> {
    if !app.identity.takes_certificates() {
        return Err(Error::not_found());
    }
    let via = extract::via(&request);
    app.identity.admit_attempt(&via).await?;
    let shown = extract::certificate(&request)?;
    Ok(second_step(app.identity.begin_with_certificate(shown, body.0.notice_sha256, &via).await?))
}

fn second_step((token, next): (PlainToken, Next)) -> HttpResponse {
    let next = match next {
        Next::Totp => NextStep::Totp,
        Next::Enrol(enrolment) => NextStep::Enrol {
            secret: enrolment.secret,
            otpauth: enrolment.otpauth,
            qr: Qr { size: enrolment.qr_size, path: enrolment.qr_path },
        },
    };
    let cookie = extract::cookie(PENDING_COOKIE, token.as_str().to_owned(), PENDING_SECONDS);
    HttpResponse::Ok().cookie(cookie).json(next)
}

/// `POST /api/v1/session/totp`
pub(crate) async fn complete(
    request: HttpRequest,
    app: Data<App>,
    body: Body<SecondFactor>,
) -> Result<HttpResponse, Error> {
    let via = extract::via(&request);
    app.identity.admit_attempt(&via).await?;
    let factor = match body.0 {
        SecondFactor { code: Some(code), recovery_code: None } => Factor::Code(code),
        SecondFactor { code: None, recovery_code: Some(code) } => Factor::RecoveryCode(code),
        _ => return Err(Error::invalid("code", "Send either code or recovery_code.")),
    };
    let pending = extract::token(&request, PENDING_COOKIE)?.ok_or_else(|| Error::new(Code::NotSignedIn))?;
    let signed_in = app.identity.finish(&pending, factor, &via).await?;
    let seconds = i64::from(signed_in.absolute_seconds);
    let cookie = extract::cookie(SESSION_COOKIE, signed_in.token.as_str().to_owned(), seconds);
    let view = SignedInView { user: (&signed_in.user).into(), recovery_codes: signed_in.recovery_codes };
    Ok(HttpResponse::Ok().cookie(cookie).cookie(extract::forget(PENDING_COOKIE)).json(view))
}

/// `DELETE /api/v1/session`
pub(crate) async fn delete(holder: SessionHolder, app: Data<App>) -> Result<HttpResponse, Error> {
    let SessionHolder { user, session, via } = &holder;
    match app.identity.end_session(user, session, &session.id, via).await {
        // Ended by somebody else meanwhile: what was asked for is the case.
        Ok(()) | Err(identity::Error::NoSuchSession) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(HttpResponse::NoContent().cookie(extract::forget(SESSION_COOKIE)).finish())
}
