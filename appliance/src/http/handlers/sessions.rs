//! The signed-in person and their sessions.

use actix_web::HttpResponse;
use actix_web::web::{Data, Json, Path};
use redoubt_store::sessions::{FirstFactor, Session, Stage};
use serde::Serialize;
use utoipa::ToSchema;

use super::me::RightsView;
use super::session::UserView;
use crate::app::App;
use crate::clock::rfc3339;
use crate::http::error::Error;
use crate::identity::{Anyone, Caller};

#[derive(Serialize, ToSchema)]
pub(crate) struct Me {
    user: UserView,
    session: PresentView,
    /// Unused recovery codes.
    recovery_codes_left: usize,
    #[serde(flatten)]
    rights: RightsView,
}

/// The present session.
#[derive(Serialize, ToSchema)]
pub(crate) struct PresentView {
    #[serde(flatten)]
    session: SessionView,
    /// When both factors were last given in it.
    proved_at: String,
    /// What came before the code.
    factor: FactorView,
    /// After how many seconds without use it ends.
    idle_seconds: u32,
    /// After how many seconds without use it locks.
    lock_seconds: u32,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum FactorView {
    Password,
    Certificate,
}

impl From<FirstFactor> for FactorView {
    fn from(factor: FirstFactor) -> Self {
        match factor {
            FirstFactor::Password => Self::Password,
            FirstFactor::Certificate => Self::Certificate,
        }
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct SessionPage {
    items: Vec<SessionView>,
    #[schema(required)]
    next: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct SessionView {
    id: String,
    created_at: String,
    last_seen_at: String,
    /// When it ends at the latest.
    expires_at: String,
    address: String,
    /// The browser's own name for itself.
    agent: String,
    /// Whether it is the one that asks; not told in an admin's list.
    current: bool,
    /// Since when it is locked.
    #[schema(required)]
    locked_at: Option<String>,
}

impl SessionView {
    pub(crate) fn new(session: &Session, current_id: Option<&str>) -> Self {
        Self {
            id: session.id.clone(),
            created_at: rfc3339(session.created_at),
            last_seen_at: rfc3339(session.last_seen_at),
            expires_at: rfc3339(session.expires_at),
            address: session.address.clone(),
            agent: session.agent.clone(),
            current: Some(session.id.as_str()) == current_id,
            locked_at: session.locked_at.map(rfc3339),
        }
    }
}

/// `GET /api/v1/me`
pub(crate) async fn me(caller: Caller<Anyone>, app: Data<App>) -> Result<Json<Me>, Error> {
    let sessions = app.identity.sessions(caller.id()).await?;
    let present = sessions.iter().find(|session| session.id == caller.session.id);
    let present = present.ok_or_else(Error::not_found)?;
    let session = PresentView {
        session: SessionView::new(present, Some(&caller.session.id)),
        proved_at: rfc3339(present.proved_at),
        factor: present.factor.into(),
        idle_seconds: app.identity.idle_seconds(caller.user.role),
        lock_seconds: app.identity.screen_lock_seconds(),
    };
    let recovery_codes_left = app.identity.recovery_codes_left(caller.id()).await?;
    let rights = RightsView::of(&app, &caller).await?;
    Ok(Json(Me { user: (&caller.user).into(), session, recovery_codes_left, rights }))
}

/// `GET /api/v1/sessions`
pub(crate) async fn list(caller: Caller<Anyone>, app: Data<App>) -> Result<Json<SessionPage>, Error> {
    let sessions = app.identity.sessions(caller.id()).await?;
    let complete = sessions.iter().filter(|session| session.stage == Stage::Full);
    let items = complete.map(|session| SessionView::new(session, Some(&caller.session.id))).collect();
    Ok(Json(SessionPage { items, next: None }))
}

/// `DELETE /api/v1/sessions/{id}`
pub(crate) async fn delete(
    caller: Caller<Anyone>,
    app: Data<App>,
    id: Path<String>,
) -> Result<HttpResponse, Error> {
    app.identity.end_session(&caller.user, &caller.session, &id, &caller.via).await?;
    Ok(HttpResponse::NoContent().finish())
}
