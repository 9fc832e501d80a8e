//! What was exported so far, as the log itself says it.

use actix_web::web::{Data, Json, Query};
use redoubt_audit::{Fields, Outcome, Value, catalogue};
use redoubt_store::audit_log::{self, Filter};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::http::error::Error;
use crate::http::handlers::chats::PageQuery;
use crate::identity::{Auditor, Caller};
use crate::records;

#[derive(Serialize, ToSchema)]
pub(crate) struct ExportPage {
    items: Vec<ExportView>,
    #[schema(required)]
    next: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = AuditExport)]
pub(crate) struct ExportView {
    /// Of the exports, from 1.
    number: u64,
    /// The record of the export, the last of its bundle.
    seq: u64,
    time: String,
    /// Who made it, by name; null for one from the console.
    #[schema(required)]
    by: Option<String>,
    /// The first record of the range.
    from: u64,
    /// The first record after the range.
    to: u64,
    #[schema(required)]
    nonce: Option<String>,
    /// How many records the bundle's newest checkpoint covers.
    size: u64,
}

impl From<&Fields> for ExportView {
    fn from(fields: &Fields) -> Self {
        let number = |name: &str| match fields.d.get(name) {
            Some(Value::Int(number)) => u64::try_from(*number).ok(),
            _ => None,
        };
        let nonce = match fields.d.get("nonce") {
            Some(Value::Str(nonce)) => Some(nonce.clone()),
            _ => None,
        };
        // The record of an export is the last that its newest checkpoint covers.
        let size = fields.seq.saturating_add(1);
        Self {
            number: number("export").unwrap_or_default(),
            seq: fields.seq,
            time: fields.time.clone(),
            by: fields.actor.name.clone(),
            from: number("from").unwrap_or_default(),
            to: number("to").unwrap_or(size),
            nonce,
            size,
        }
    }
}

/// `GET /api/v1/audit/exports`
pub(crate) async fn list(
    caller: Caller<Auditor>,
    app: Data<App>,
    query: Query<PageQuery>,
) -> Result<Json<ExportPage>, Error> {
    let act = Some(catalogue::AUDIT_EXPORT.act().to_owned());
    let filter = Filter { act, outcome: Some(Outcome::Ok), ..Filter::default() };
    let (cursor, limit) = (query.cursor(), query.limit());
    let page =
        app.store.read(move |reader| audit_log::list(reader, &filter, cursor.as_deref(), limit)).await?;
    let count = page.items.len();
    app.store.write(move |tx| tx.audit(records::log_read(&caller, "exports", count))).await?;
    let items = page.items.iter().map(|entry| ExportView::from(entry.record.fields())).collect();
    Ok(Json(ExportPage { items, next: page.next }))
}
