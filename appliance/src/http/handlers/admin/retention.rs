//! How long chats are kept: what would go, that it goes now, and what was archived.

use actix_web::HttpResponse;
use actix_web::web::{Data, Json, Path, Query};
use serde::Serialize;
use utoipa::ToSchema;

use super::workspaces::ExpiryView;
use crate::app::App;
use crate::clock::rfc3339;
use crate::http::error::Error;
use crate::http::handlers::chats::PageQuery;
use crate::identity::{Administrator, ProvenAdministrator};
use crate::retention::{ArchiveDetail, Outlook, Run};

/// What a run would do now, workspace by workspace; those that keep everything are not named.
#[derive(Serialize, ToSchema)]
pub(crate) struct RetentionPreview {
    items: Vec<OutlookView>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = RetentionOutlook)]
pub(crate) struct OutlookView {
    workspace: String,
    name: String,
    days: u32,
    action: ExpiryView,
    /// Chats that would go.
    due: u64,
    /// Chats that a legal hold keeps.
    held: u64,
    /// When the one that goes first was changed last.
    #[schema(required)]
    oldest: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct RetentionRun {
    items: Vec<RunView>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = RetentionOutcome)]
pub(crate) struct RunView {
    workspace: String,
    name: String,
    deleted: u64,
    archived: u64,
    held: u64,
    /// Chats that stay because no archive of them could be written; the log says why.
    failed: u64,
}

/// A chat in a sealed file. Nothing here says what it is about.
#[derive(Serialize, ToSchema)]
#[schema(as = Archive)]
pub(crate) struct ArchiveView {
    /// The chat's.
    id: String,
    owner: String,
    workspace: String,
    archived_at: String,
    messages: u64,
    bytes: u64,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct ArchivePage {
    items: Vec<ArchiveView>,
    #[schema(required)]
    next: Option<String>,
}

impl From<Outlook> for OutlookView {
    fn from(outlook: Outlook) -> Self {
        Self {
            action: outlook.workspace.retention_action.into(),
            workspace: outlook.workspace.id,
            name: outlook.workspace.name,
            days: outlook.days,
            due: outlook.due,
            held: outlook.held,
            oldest: outlook.oldest.map(rfc3339),
        }
    }
}

impl From<Run> for RunView {
    fn from(run: Run) -> Self {
        let Run { workspace, deleted, archived, held, failed } = run;
        Self { workspace: workspace.id, name: workspace.name, deleted, archived, held, failed }
    }
}

impl From<ArchiveDetail> for ArchiveView {
    fn from(detail: ArchiveDetail) -> Self {
        let ArchiveDetail { archive, owner, workspace } = detail;
        Self {
            id: archive.chat_id,
            owner,
            workspace,
            archived_at: rfc3339(archive.archived_at),
            messages: archive.messages,
            bytes: archive.bytes,
        }
    }
}

/// `GET /api/v1/admin/retention/preview`
pub(crate) async fn preview(_: Administrator, app: Data<App>) -> Result<Json<RetentionPreview>, Error> {
    let outlooks = app.retention.preview().await?;
    Ok(Json(RetentionPreview { items: outlooks.into_iter().map(OutlookView::from).collect() }))
}

/// `POST /api/v1/admin/retention/run`
pub(crate) async fn run(admin: ProvenAdministrator, app: Data<App>) -> Result<Json<RetentionRun>, Error> {
    let runs = app.retention.run(admin.by()).await?;
    Ok(Json(RetentionRun { items: runs.into_iter().map(RunView::from).collect() }))
}

/// `GET /api/v1/admin/archives`
pub(crate) async fn archives(
    _: Administrator,
    app: Data<App>,
    query: Query<PageQuery>,
) -> Result<Json<ArchivePage>, Error> {
    let page = app.retention.archives(query.limit(), query.cursor()).await?;
    Ok(Json(ArchivePage { items: page.items.into_iter().map(ArchiveView::from).collect(), next: page.next }))
}

/// `POST /api/v1/admin/archives/{id}/restore`
pub(crate) async fn restore(
    admin: ProvenAdministrator,
    app: Data<App>,
    id: Path<String>,
) -> Result<HttpResponse, Error> {
    app.retention.restore(admin.by(), &id).await?;
    Ok(HttpResponse::NoContent().finish())
}
