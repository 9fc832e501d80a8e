//! Exports of the audit log, for auditors and the console.

use actix_web::HttpResponse;
use actix_web::web::{Data, Json, Query};
use redoubt_audit::{Fields, Outcome, Value, catalogue};
use redoubt_store::audit_log::{self, Filter};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::archive;
use crate::app::App;
use crate::audit::export::{self, Bound, Order};
use crate::clock::parse_rfc3339;
use crate::http::body::Body;
use crate::http::error::Error;
use crate::http::handlers::audit::record_look;
use crate::http::handlers::chats::PageQuery;
use crate::identity::{Auditor, Caller, ProvenAuditor};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExportOrder {
    /// The first record: a sequence number or an RFC 3339 time. The first there is, if left out.
    #[schema(value_type = Option<String>)]
    from: Option<Place>,
    /// The last record, likewise. The last there is, if left out.
    #[schema(value_type = Option<String>)]
    to: Option<Place>,
    /// Hex, the auditor's own.
    nonce: Option<String>,
    /// Sizes of older checkpoints that the auditor knows; the bundle proves that it extends them.
    extends: Option<Vec<u64>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Place {
    Number(u64),
    Text(String),
}

impl Place {
    fn bound(&self, field: &'static str) -> Result<Bound, Error> {
        let text = match self {
            Self::Number(seq) => return Ok(Bound::Seq(*seq)),
            Self::Text(text) => text,
        };
        match (text.parse(), parse_rfc3339(text)) {
            (Ok(seq), _) => Ok(Bound::Seq(seq)),
            (_, Some(time_us)) => Ok(Bound::Time(time_us)),
            _ => Err(Error::invalid(field, "Give a sequence number or an RFC 3339 time.")),
        }
    }
}

impl ExportOrder {
    fn order(self) -> Result<Order, Error> {
        Ok(Order {
            from: self.from.map(|place| place.bound("from")).transpose()?,
            to: self.to.map(|place| place.bound("to")).transpose()?,
            nonce: self.nonce,
            extends: self.extends.unwrap_or_default(),
        })
    }
}

/// `POST /api/v1/audit/exports`
pub(crate) async fn create(
    auditor: ProvenAuditor,
    app: Data<App>,
    body: Body<ExportOrder>,
) -> Result<HttpResponse, Error> {
    let order = body.0.order()?;
    let begun = app.store.write(move |tx| export::begin(tx, auditor.by(), &order)).await?;
    let name = format!("redoubt-audit-{}.tar", begun.index.export);
    let store = app.store.clone();
    Ok(archive::send(&name, move |tar| export::write(&store, &begun, tar)))
}

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
    record_look(&app, caller, "exports", page.items.len()).await?;
    let items = page.items.iter().map(|entry| ExportView::from(entry.record.fields())).collect();
    Ok(Json(ExportPage { items, next: page.next }))
}
