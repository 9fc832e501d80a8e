//! The catalogue: what can be recorded, in words.

use actix_web::web::Json;
use redoubt_audit::{Event, catalogue};
use serde::Serialize;
use utoipa::ToSchema;

use crate::identity::{Auditor, Caller};

#[derive(Serialize, ToSchema)]
pub(crate) struct EventList {
    items: Vec<EventView>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = AuditEvent)]
pub(crate) struct EventView {
    cat: &'static str,
    act: &'static str,
    /// In sentences; names of fields are in backquotes.
    meaning: &'static str,
}

impl From<&Event> for EventView {
    fn from(event: &Event) -> Self {
        Self { cat: event.cat(), act: event.act(), meaning: event.meaning() }
    }
}

/// `GET /api/v1/audit/events`
pub(crate) async fn list(_: Caller<Auditor>) -> Json<EventList> {
    Json(EventList { items: catalogue::ALL.iter().map(EventView::from).collect() })
}
