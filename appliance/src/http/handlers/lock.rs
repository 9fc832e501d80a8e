//! The present session: locked, opened again, proved; and new recovery codes, which ask for a proof.

use actix_web::web::{Data, Json};
use actix_web::{HttpRequest, HttpResponse};
use redoubt_store::sessions::FirstFactor;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::clock::SECOND_US;
use crate::http::body::Body;
use crate::http::error::Error;
use crate::http::extract::{self, SESSION_COOKIE};
use crate::identity::{Again, Anyone, Caller, Proven, Purpose, SessionHolder};

/// One of the two.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Unlocking {
    #[schema(nullable = false)]
    password: Option<String>,
    #[schema(nullable = false)]
    code: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Proving {
    /// Left out where a certificate came first at sign-in, which the connection must have shown again a moment ago.
    #[schema(nullable = false)]
    password: Option<String>,
    code: String,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct RecoveryCodes {
    /// Shown once; the earlier ones are void.
    recovery_codes: Vec<String>,
}

/// `POST /api/v1/session/lock`
pub(crate) async fn lock(caller: Caller<Anyone>, app: Data<App>) -> Result<HttpResponse, Error> {
    app.identity.lock(&caller).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// `POST /api/v1/session/unlock`
pub(crate) async fn unlock(
    holder: SessionHolder,
    app: Data<App>,
    body: Body<Unlocking>,
) -> Result<HttpResponse, Error> {
    let Unlocking { password, code } = body.0;
    renew(&holder, &app, Again { password, code, certificate: None }, Purpose::Unlock).await
}

/// `POST /api/v1/session/proof`
pub(crate) async fn prove(
    request: HttpRequest,
    caller: Caller<Anyone>,
    app: Data<App>,
    body: Body<Proving>,
) -> Result<HttpResponse, Error> {
    let Proving { password, code } = body.0;
    let certificate = match caller.session.factor {
        FirstFactor::Certificate => Some(extract::certificate(&request)?),
        FirstFactor::Password => None,
    };
    let again = Again { password, code: Some(code), certificate };
    renew(&SessionHolder::from(&caller), &app, again, Purpose::Proof).await
}

/// The session goes on under a new token.
async fn renew(
    holder: &SessionHolder,
    app: &App,
    again: Again,
    purpose: Purpose,
) -> Result<HttpResponse, Error> {
    let token = app.identity.reauthenticate(holder, again, purpose).await?;
    let left = (holder.session.expires_at - app.clock.now_us()) / SECOND_US;
    let cookie = extract::cookie(SESSION_COOKIE, token.as_str().to_owned(), left.max(1));
    Ok(HttpResponse::NoContent().cookie(cookie).finish())
}

/// `POST /api/v1/me/recovery-codes`
pub(crate) async fn issue_recovery_codes(
    caller: Proven<Anyone>,
    app: Data<App>,
) -> Result<Json<RecoveryCodes>, Error> {
    Ok(Json(RecoveryCodes { recovery_codes: app.identity.issue_recovery_codes(&caller).await? }))
}
