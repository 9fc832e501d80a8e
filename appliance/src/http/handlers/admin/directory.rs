//! The directory, for admins: how it is, and a test that takes every step of a sign-in.

use actix_web::web::{Data, Json};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::clock::rfc3339;
use crate::config::Method;
use crate::directory::Report;
use crate::http::body::Body;
use crate::http::error::{Code, Error};
use crate::identity::{Administrator, Heard};

/// Whom to ask about; nobody in particular where it is absent.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AskedPerson)]
pub(crate) struct Asked {
    pub(crate) username: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Directory)]
pub(crate) struct DirectoryView {
    configured: bool,
    /// In the order in which they are tried.
    servers: Vec<String>,
    method: MethodView,
    /// Below this, people are searched.
    base: String,
    #[schema(required)]
    last_answer_at: Option<String>,
    state: DirectoryState,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum MethodView {
    Search,
    Direct,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum DirectoryState {
    /// It answered when it was asked last, or was not asked yet.
    Well,
    Away,
    /// There is none.
    Off,
}

/// `GET /api/v1/admin/directory`
pub(crate) async fn show(_: Administrator, app: Data<App>) -> Json<DirectoryView> {
    let Heard { last_answer_us, silent_since_us } = app.identity.directory_heard();
    let directory = &app.config.directory;
    let state = match (app.directory.is_some(), silent_since_us) {
        (false, _) => DirectoryState::Off,
        (true, None) => DirectoryState::Well,
        (true, Some(_)) => DirectoryState::Away,
    };
    Json(DirectoryView {
        configured: app.directory.is_some(),
        servers: directory.targets().iter().map(ToString::to_string).collect(),
        method: match directory.method {
            Method::Search => MethodView::Search,
            Method::Direct => MethodView::Direct,
        },
        base: directory.base.clone(),
        last_answer_at: last_answer_us.map(rfc3339),
        state,
    })
}

/// `POST /api/v1/admin/directory/test`
pub(crate) async fn test(
    admin: Administrator,
    app: Data<App>,
    body: Body<Asked>,
) -> Result<Json<Report>, Error> {
    let directory = app.directory.as_ref().ok_or_else(|| {
        Error::new(Code::Conflict).title("No directory is configured: [directory] servers is empty.")
    })?;
    let report = directory.test(body.0.username.as_deref()).await;
    app.identity.directory_tested(admin.by(), report.ok).await?;
    Ok(Json(report))
}
