//! Signing in, in two steps, and out.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use redoubt_store::users::User;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::http::body::Body;
use crate::http::error::{Code, Error};
use crate::http::extract::{self, PENDING_COOKIE, SESSION_COOKIE};
use crate::identity::{self, Anyone, Caller, Factor, Next, PENDING_SECONDS};
use crate::records::Via;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Credentials {
    username: String,
    password: String,
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
    size: u32,
    path: String,
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
    role: RoleView,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RoleView {
    Analyst,
    Admin,
    Auditor,
}

impl From<&User> for UserView {
    fn from(user: &User) -> Self {
        use redoubt_store::users::Role;
        let role = match user.role {
            Role::Analyst => RoleView::Analyst,
            Role::Admin => RoleView::Admin,
            Role::Auditor => RoleView::Auditor,
        };
        Self { id: user.id.clone(), username: user.name.clone(), role }
    }
}

/// `POST /api/v1/session`
pub(crate) async fn create(
    request: HttpRequest,
    app: Data<App>,
    body: Body<Credentials>,
) -> Result<HttpResponse, Error> {
    let Credentials { username, password } = body.0;
    let via = Via { typed_name: Some(username.clone()), ..extract::via(&request) };
    let (token, next) = app.identity.begin(&username, password, &via).await?;
    let next = match next {
        Next::Totp => NextStep::Totp,
        Next::Enrol(enrolment) => NextStep::Enrol {
            secret: enrolment.secret,
            otpauth: enrolment.otpauth,
            qr: Qr { size: enrolment.qr_size, path: enrolment.qr_path },
        },
    };
    let cookie = extract::cookie(PENDING_COOKIE, token.as_str().to_owned(), PENDING_SECONDS);
    Ok(HttpResponse::Ok().cookie(cookie).json(next))
}

/// `POST /api/v1/session/totp`
pub(crate) async fn complete(
    request: HttpRequest,
    app: Data<App>,
    body: Body<SecondFactor>,
) -> Result<HttpResponse, Error> {
    let factor = match body.0 {
        SecondFactor { code: Some(code), recovery_code: None } => Factor::Code(code),
        SecondFactor { code: None, recovery_code: Some(code) } => Factor::RecoveryCode(code),
        _ => return Err(Error::invalid("code", "Send either code or recovery_code.")),
    };
    let pending = extract::token(&request, PENDING_COOKIE)?.ok_or_else(|| Error::new(Code::NotSignedIn))?;
    let signed_in = app.identity.finish(&pending, factor, &extract::via(&request)).await?;
    let seconds = i64::from(signed_in.absolute_seconds);
    let cookie = extract::cookie(SESSION_COOKIE, signed_in.token.as_str().to_owned(), seconds);
    let view = SignedInView { user: (&signed_in.user).into(), recovery_codes: signed_in.recovery_codes };
    Ok(HttpResponse::Ok().cookie(cookie).cookie(extract::forget(PENDING_COOKIE)).json(view))
}

/// `DELETE /api/v1/session`
pub(crate) async fn delete(caller: Caller<Anyone>, app: Data<App>) -> Result<HttpResponse, Error> {
    let ended =
        app.identity.end_session(&caller.user, &caller.session, &caller.session.id, &caller.via).await;
    match ended {
        // Ended by somebody else meanwhile: what was asked for is the case.
        Ok(()) | Err(identity::Error::NoSuchSession) => {}
        Err(error) => return Err(error.into()),
    }
    app.chats.stop_session(&caller.session.id);
    Ok(HttpResponse::NoContent().cookie(extract::forget(SESSION_COOKIE)).finish())
}
