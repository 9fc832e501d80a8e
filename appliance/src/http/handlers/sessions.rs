//! The signed-in person and their sessions.

use actix_web::HttpResponse;
use actix_web::web::{Data, Json, Path};
use redoubt_store::sessions::{Session, Stage};
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
    session: SessionView,
    /// Unused recovery codes.
    recovery_codes_left: usize,
    #[serde(flatten)]
    rights: RightsView,
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
    /// Whether it is the one that asks.
    current: bool,
}

impl SessionView {
    fn new(session: &Session, current_id: &str) -> Self {
        Self {
            id: session.id.clone(),
            created_at: rfc3339(session.created_at),
            last_seen_at: rfc3339(session.last_seen_at),
            expires_at: rfc3339(session.expires_at),
            address: session.address.clone(),
            agent: session.agent.clone(),
            current: session.id == current_id,
        }
    }
}

/// `GET /api/v1/me`
pub(crate) async fn me(caller: Caller<Anyone>, app: Data<App>) -> Result<Json<Me>, Error> {
    let sessions = app.identity.sessions(caller.id()).await?;
    let present = sessions.iter().find(|session| session.id == caller.session.id);
    let session = SessionView::new(present.ok_or_else(Error::not_found)?, &caller.session.id);
    let recovery_codes_left = app.identity.recovery_codes_left(caller.id()).await?;
    let rights = RightsView::of(&app, &caller).await?;
    Ok(Json(Me { user: (&caller.user).into(), session, recovery_codes_left, rights }))
}

/// `GET /api/v1/sessions`
pub(crate) async fn list(caller: Caller<Anyone>, app: Data<App>) -> Result<Json<SessionPage>, Error> {
    let sessions = app.identity.sessions(caller.id()).await?;
    let complete = sessions.iter().filter(|session| session.stage == Stage::Full);
    let items = complete.map(|session| SessionView::new(session, &caller.session.id)).collect();
    Ok(Json(SessionPage { items, next: None }))
}

/// `DELETE /api/v1/sessions/{id}`
pub(crate) async fn delete(
    caller: Caller<Anyone>,
    app: Data<App>,
    id: Path<String>,
) -> Result<HttpResponse, Error> {
    app.identity.end_session(&caller.user, &caller.session, &id, &caller.via).await?;
    app.chats.stop_session(&id);
    Ok(HttpResponse::NoContent().finish())
}
