//! Legal holds, for auditors.

use actix_web::HttpResponse;
use actix_web::web::{Data, Json, Path, Query};
use redoubt_store::holds::Kind;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::clock::rfc3339;
use crate::http::body::Body;
use crate::http::error::Error;
use crate::http::handlers::audit::record_look;
use crate::http::handlers::chats::PageQuery;
use crate::identity::{Auditor, Caller, Proven};
use crate::retention::{self, HoldDetail};

#[derive(Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = HoldKind)]
pub(crate) enum KindView {
    Person,
    Workspace,
    Chat,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewHold {
    kind: KindView,
    /// Id or name of a person or a workspace; id of a chat.
    target: String,
    /// For auditors; in no record.
    reason: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Hold)]
pub(crate) struct HoldView {
    id: String,
    kind: KindView,
    /// The id of what is held.
    target: String,
    /// The name that it had then.
    label: String,
    reason: String,
    placed_at: String,
    placed_by: String,
    /// `null`: it holds.
    #[schema(required)]
    lifted_at: Option<String>,
    #[schema(required)]
    lifted_by: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct HoldPage {
    items: Vec<HoldView>,
    #[schema(required)]
    next: Option<String>,
}

impl From<KindView> for Kind {
    fn from(view: KindView) -> Self {
        match view {
            KindView::Person => Self::Person,
            KindView::Workspace => Self::Workspace,
            KindView::Chat => Self::Chat,
        }
    }
}

impl From<Kind> for KindView {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Person => Self::Person,
            Kind::Workspace => Self::Workspace,
            Kind::Chat => Self::Chat,
        }
    }
}

impl From<HoldDetail> for HoldView {
    fn from(detail: HoldDetail) -> Self {
        let HoldDetail { hold, placed_by, lifted_by } = detail;
        Self {
            id: hold.id,
            kind: hold.kind.into(),
            target: hold.target,
            label: hold.label,
            reason: hold.reason,
            placed_at: rfc3339(hold.placed_at),
            placed_by,
            lifted_at: hold.lifted_at.map(rfc3339),
            lifted_by,
        }
    }
}

/// `GET /api/v1/audit/holds`
pub(crate) async fn list(
    auditor: Caller<Auditor>,
    app: Data<App>,
    query: Query<PageQuery>,
) -> Result<Json<HoldPage>, Error> {
    let page = app.retention.holds(query.limit(), query.cursor()).await?;
    record_look(&app, auditor, "holds", page.items.len()).await?;
    Ok(Json(HoldPage { items: page.items.into_iter().map(HoldView::from).collect(), next: page.next }))
}

/// `POST /api/v1/audit/holds`
pub(crate) async fn create(
    auditor: Proven<Auditor>,
    app: Data<App>,
    body: Body<NewHold>,
) -> Result<HttpResponse, Error> {
    let NewHold { kind, target, reason } = body.0;
    let new = retention::NewHold { kind: kind.into(), target, reason };
    let hold = app.retention.place_hold(&auditor, new).await?;
    Ok(HttpResponse::Created().json(HoldView::from(hold)))
}

/// `DELETE /api/v1/audit/holds/{id}`
pub(crate) async fn delete(
    auditor: Proven<Auditor>,
    app: Data<App>,
    id: Path<String>,
) -> Result<HttpResponse, Error> {
    app.retention.lift_hold(&auditor, &id).await?;
    Ok(HttpResponse::NoContent().finish())
}
