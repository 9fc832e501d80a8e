//! Everybody's sessions, for admins.

use actix_web::HttpResponse;
use actix_web::web::{Data, Json, Path};
use redoubt_store::sessions::Session;
use redoubt_store::users::User;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::http::error::Error;
use crate::http::handlers::session::UserView;
use crate::http::handlers::sessions::SessionView;
use crate::identity::Administrator;

#[derive(Serialize, ToSchema)]
pub(crate) struct PersonSessionPage {
    pub(crate) items: Vec<PersonSession>,
    #[schema(required)]
    pub(crate) next: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct PersonSession {
    person: UserView,
    #[serde(flatten)]
    session: SessionView,
}

impl PersonSession {
    pub(crate) fn new(person: &User, session: &Session) -> Self {
        Self { person: person.into(), session: SessionView::new(session, None) }
    }
}

/// `GET /api/v1/admin/sessions`
pub(crate) async fn list(admin: Administrator, app: Data<App>) -> Result<Json<PersonSessionPage>, Error> {
    let open = app.identity.all_sessions(admin.by()).await?;
    let view = |(person, open): &(User, Session)| PersonSession::new(person, open);
    Ok(Json(PersonSessionPage { items: open.iter().map(view).collect(), next: None }))
}

/// `DELETE /api/v1/admin/sessions/{id}`
pub(crate) async fn delete(
    admin: Administrator,
    app: Data<App>,
    id: Path<String>,
) -> Result<HttpResponse, Error> {
    app.identity.end_any_session(admin.by(), &id).await?;
    Ok(HttpResponse::NoContent().finish())
}
