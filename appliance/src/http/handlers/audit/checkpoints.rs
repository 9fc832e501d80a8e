//! The signed roots of the log, the newest first; and one to keep on paper.

use actix_web::web::{Data, Json, Path, Query};
use redoubt_store::audit_checkpoints::{self, Signed};
use serde::Serialize;
use utoipa::ToSchema;

use super::record_look;
use crate::app::App;
use crate::clock::rfc3339;
use crate::http::error::Error;
use crate::http::handlers::chats::PageQuery;
use crate::http::handlers::session::Qr;
use crate::identity::{Auditor, Caller, qr};

#[derive(Serialize, ToSchema)]
pub(crate) struct CheckpointPage {
    items: Vec<CheckpointView>,
    #[schema(required)]
    next: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Checkpoint)]
pub(crate) struct CheckpointView {
    /// How many records it covers.
    size: u64,
    /// The number of the key that signed it.
    epoch: u64,
    time: String,
    /// The Merkle root over those records, in Base64 as the note has it.
    root: String,
    /// The signed note.
    note: String,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct CheckpointToKeep {
    #[serde(flatten)]
    checkpoint: CheckpointView,
    /// The note as a QR code.
    qr: Qr,
}

impl CheckpointToKeep {
    pub(crate) fn new(signed: Signed) -> Result<Self, Error> {
        let (size, path) = qr::svg_path(&signed.note).map_err(Error::internal)?;
        Ok(Self { checkpoint: signed.into(), qr: Qr { size, path } })
    }
}

impl From<Signed> for CheckpointView {
    fn from(signed: Signed) -> Self {
        // Of a note that this appliance signed, the third line is the root.
        let root = signed.note.lines().nth(2).unwrap_or_default().to_owned();
        Self {
            size: signed.size,
            epoch: signed.epoch,
            time: rfc3339(signed.time_us),
            root,
            note: signed.note,
        }
    }
}

/// `GET /api/v1/audit/checkpoints`
pub(crate) async fn list(
    caller: Caller<Auditor>,
    app: Data<App>,
    query: Query<PageQuery>,
) -> Result<Json<CheckpointPage>, Error> {
    let bad_cursor = || Error::from(redoubt_store::Error::BadCursor);
    let before = query.cursor().map(|cursor| cursor.parse().map_err(|_| bad_cursor())).transpose()?;
    let limit = query.limit();
    let mut found = app
        .store
        .read(move |reader| audit_checkpoints::list(reader, before, limit.saturating_add(1)))
        .await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|signed| signed.size.to_string());
    record_look(&app, caller, "checkpoints", found.len()).await?;
    Ok(Json(CheckpointPage { items: found.into_iter().map(CheckpointView::from).collect(), next }))
}

/// `GET /api/v1/audit/checkpoints/{size}`
pub(crate) async fn show(
    caller: Caller<Auditor>,
    app: Data<App>,
    size: Path<String>,
) -> Result<Json<CheckpointToKeep>, Error> {
    let size = size.parse().map_err(|_| Error::not_found())?;
    let found = app.store.read(move |reader| audit_checkpoints::find(reader, size)).await?;
    let signed = found.ok_or_else(Error::not_found)?;
    record_look(&app, caller, "checkpoints", 1).await?;
    Ok(Json(CheckpointToKeep::new(signed)?))
}
