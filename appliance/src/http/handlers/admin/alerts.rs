//! What the alert rules raised.

use actix_web::HttpResponse;
use actix_web::web::{Data, Json, Path, Query};
use redoubt_store::alerts::Alert;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::clock::rfc3339;
use crate::http::error::Error;
use crate::http::handlers::chats::PageQuery;
use crate::identity::Administrator;

#[derive(Serialize, ToSchema)]
#[schema(as = Alert)]
pub(crate) struct AlertView {
    id: String,
    /// `failed_sign_ins`, `refusals`, `quota` or `storage`.
    rule: &'static str,
    raised_at: String,
    /// How many there were within the window; of storage, how many per cent are taken.
    count: u64,
    threshold: u64,
    /// 0 of storage.
    window_seconds: u32,
    #[schema(required)]
    acknowledged_at: Option<String>,
    #[schema(required)]
    acknowledged_by: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct AlertPage {
    items: Vec<AlertView>,
    #[schema(required)]
    next: Option<String>,
}

impl From<Alert> for AlertView {
    fn from(alert: Alert) -> Self {
        Self {
            id: alert.id,
            rule: alert.rule.as_str(),
            raised_at: rfc3339(alert.raised_at),
            count: alert.count,
            threshold: alert.threshold,
            window_seconds: alert.window_seconds,
            acknowledged_at: alert.acknowledged_at.map(rfc3339),
            acknowledged_by: alert.acknowledged_by,
        }
    }
}

/// `GET /api/v1/admin/alerts`
pub(crate) async fn list(
    _: Administrator,
    app: Data<App>,
    query: Query<PageQuery>,
) -> Result<Json<AlertPage>, Error> {
    let page = app.access.alerts(query.limit(), query.cursor()).await?;
    Ok(Json(AlertPage { items: page.items.into_iter().map(AlertView::from).collect(), next: page.next }))
}

/// `POST /api/v1/admin/alerts/{id}/acknowledge`
pub(crate) async fn acknowledge(
    admin: Administrator,
    app: Data<App>,
    id: Path<String>,
) -> Result<HttpResponse, Error> {
    app.access.acknowledge_alert(admin.by(), &id).await?;
    Ok(HttpResponse::NoContent().finish())
}
