//! Purges after a spill: an admin asks, an auditor decides and gets the statement.

use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::{Data, Json, Path, Query};
use redoubt_store::audit_log::Deeds;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::clock::rfc3339;
use crate::http::body::Body;
use crate::http::error::Error;
use crate::http::handlers::audit::record_look;
use crate::http::handlers::chats::PageQuery;
use crate::identity::{Admin, Administrator, Auditor, Caller, Proven};
use crate::retention::{PurgeDetail, Stage};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPurge {
    /// Its id.
    chat: String,
    /// For the auditor; in no record. Say what happened, not what was spilled.
    reason: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Approval {
    approve: bool,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = PurgeState)]
pub(crate) enum StageView {
    Asked,
    /// Nobody decided it within seven days.
    Expired,
    Refused,
    /// The chat is out of the store; other traces are being erased.
    Approved,
    Done,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Purge)]
pub(crate) struct PurgeView {
    id: String,
    chat: String,
    owner: String,
    workspace: String,
    reason: String,
    state: StageView,
    /// When the chat was begun.
    created_at: String,
    messages: u64,
    bytes: u64,
    asked_at: String,
    asked_by: String,
    expires_at: String,
    #[schema(required)]
    decided_at: Option<String>,
    #[schema(required)]
    decided_by: Option<String>,
    #[schema(required)]
    done_at: Option<String>,
    /// Whether a legal hold keeps the chat.
    held: bool,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct PurgePage {
    items: Vec<PurgeView>,
    #[schema(required)]
    next: Option<String>,
}

/// As an auditor sees it: with who has read the chat.
#[derive(Serialize, ToSchema)]
pub(crate) struct PurgeCase {
    purge: PurgeView,
    readers: Vec<Reading>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct PurgeCasePage {
    items: Vec<PurgeCase>,
    #[schema(required)]
    next: Option<String>,
}

/// What somebody did to the chat, and how often.
#[derive(Serialize, ToSchema)]
pub(crate) struct Reading {
    person: String,
    /// `chat.open` or `chat.export`.
    act: String,
    count: u64,
    first_at: String,
    last_at: String,
}

impl From<Stage> for StageView {
    fn from(stage: Stage) -> Self {
        match stage {
            Stage::Asked => Self::Asked,
            Stage::Expired => Self::Expired,
            Stage::Refused => Self::Refused,
            Stage::Approved => Self::Approved,
            Stage::Done => Self::Done,
        }
    }
}

impl From<PurgeDetail> for PurgeCase {
    fn from(detail: PurgeDetail) -> Self {
        let PurgeDetail { purge, stage, owner, workspace, asked_by, decided_by, expires_at, held, readers } =
            detail;
        let purge = PurgeView {
            id: purge.id,
            chat: purge.chat_id,
            owner,
            workspace,
            reason: purge.reason,
            state: stage.into(),
            created_at: rfc3339(purge.created_at),
            messages: purge.messages,
            bytes: purge.bytes,
            asked_at: rfc3339(purge.asked_at),
            asked_by,
            expires_at: rfc3339(expires_at),
            decided_at: purge.decided_at.map(rfc3339),
            decided_by,
            done_at: purge.done_at.map(rfc3339),
            held,
        };
        Self { purge, readers: readers.into_iter().map(Reading::from).collect() }
    }
}

impl From<Deeds> for Reading {
    fn from(deeds: Deeds) -> Self {
        Self {
            person: deeds.name,
            act: deeds.act,
            count: deeds.count,
            first_at: rfc3339(deeds.first.time_us),
            last_at: rfc3339(deeds.last.time_us),
        }
    }
}

/// `GET /api/v1/admin/purges`
pub(crate) async fn list(
    _: Administrator,
    app: Data<App>,
    query: Query<PageQuery>,
) -> Result<Json<PurgePage>, Error> {
    let page = app.retention.purges(query.limit(), query.cursor()).await?;
    let items = page.items.into_iter().map(|detail| PurgeCase::from(detail).purge).collect();
    Ok(Json(PurgePage { items, next: page.next }))
}

/// `POST /api/v1/admin/purges`: a person, never the console, so that two people are two people.
pub(crate) async fn ask(
    admin: Proven<Admin>,
    app: Data<App>,
    body: Body<NewPurge>,
) -> Result<HttpResponse, Error> {
    let NewPurge { chat, reason } = body.0;
    let purge = app.retention.ask_purge(&admin, chat.trim(), reason).await?;
    Ok(HttpResponse::Created().json(PurgeCase::from(purge).purge))
}

/// `GET /api/v1/audit/purges`
pub(crate) async fn cases(
    auditor: Caller<Auditor>,
    app: Data<App>,
    query: Query<PageQuery>,
) -> Result<Json<PurgeCasePage>, Error> {
    let page = app.retention.purges(query.limit(), query.cursor()).await?;
    record_look(&app, auditor, "purges", page.items.len()).await?;
    let items = page.items.into_iter().map(PurgeCase::from).collect();
    Ok(Json(PurgeCasePage { items, next: page.next }))
}

/// `POST /api/v1/audit/purges/{id}/approval`
pub(crate) async fn decide(
    auditor: Proven<Auditor>,
    app: Data<App>,
    id: Path<String>,
    body: Body<Approval>,
) -> Result<Json<PurgeCase>, Error> {
    Ok(Json(app.retention.decide_purge(&auditor, &id, body.0.approve).await?.into()))
}

/// `GET /api/v1/audit/purges/{id}/statement`
pub(crate) async fn statement(
    auditor: Caller<Auditor>,
    app: Data<App>,
    id: Path<String>,
) -> Result<HttpResponse, Error> {
    let text = app.retention.statement(&auditor, &id).await?;
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "text/plain; charset=utf-8"))
        .insert_header((header::CONTENT_DISPOSITION, "attachment; filename=\"purge-statement.txt\""))
        .body(text))
}
