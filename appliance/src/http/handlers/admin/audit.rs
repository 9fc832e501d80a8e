//! How the audit log is sealed, for whoever keeps the appliance. What the records say is for auditors.

use std::time::Duration;

use actix_web::web::{Data, Json};
use redoubt_store::{audit_checkpoints, audit_epochs};
use serde::Serialize;
use tokio::time::sleep;
use utoipa::ToSchema;

use crate::app::App;
use crate::audit::anchor::{Anchor, Standing};
use crate::audit::root;
use crate::http::error::Error;
use crate::http::handlers::audit::checkpoints::CheckpointToKeep;
use crate::identity::Administrator;

/// How often an anchor that is not in step is looked at, and after which time: a checkpoint may have been signed just now.
const LOOKS: u32 = 4;
const BETWEEN_LOOKS: Duration = Duration::from_millis(250);

#[derive(Serialize, ToSchema)]
pub(crate) struct Sealing {
    /// The newest; null before the first.
    #[schema(required)]
    checkpoint: Option<CheckpointToKeep>,
    anchor: AnchorView,
    keys: EpochKeys,
    /// Null where no collector is configured.
    #[schema(required)]
    collector: Option<CollectorView>,
}

/// The newest checkpoint as a file beside the store.
#[derive(Serialize, ToSchema)]
#[schema(as = Anchor)]
pub(crate) struct AnchorView {
    path: String,
    standing: AnchorStanding,
}

/// Whether the file is the newest checkpoint, an older one of this log, not there, or something else.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AnchorStanding {
    InStep,
    Behind,
    Missing,
    Foreign,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct EpochKeys {
    /// How many wait for their day, one a day.
    left: u64,
    /// Whether it is time for more.
    few: bool,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Collector)]
pub(crate) struct CollectorView {
    connected: bool,
    /// How many records it has not been sent.
    waiting: u64,
}

impl From<Standing> for AnchorStanding {
    fn from(standing: Standing) -> Self {
        match standing {
            Standing::InStep => Self::InStep,
            Standing::Behind => Self::Behind,
            Standing::Missing => Self::Missing,
            Standing::Foreign => Self::Foreign,
        }
    }
}

/// `GET /api/v1/admin/audit`
pub(crate) async fn show(_: Administrator, app: Data<App>) -> Result<Json<Sealing>, Error> {
    let anchor = anchor(&app).await?;
    let (newest, left) = app
        .store
        .read(|reader| {
            let newest = audit_checkpoints::latest(reader)?;
            Ok::<_, redoubt_store::Error>((newest, audit_epochs::count_to_come(reader)?))
        })
        .await?;
    let collector = app.collector_standing().await?;
    Ok(Json(Sealing {
        checkpoint: newest.map(CheckpointToKeep::new).transpose()?,
        anchor,
        keys: EpochKeys { left, few: left < root::FEW },
        collector: collector
            .map(|standing| CollectorView { connected: standing.connected, waiting: standing.waiting }),
    }))
}

async fn anchor(app: &App) -> Result<AnchorView, Error> {
    let anchor = Anchor::in_folder(&app.config.data.dir);
    let mut standing = look(app, &anchor).await?;
    for _ in 1..LOOKS {
        if standing == Standing::InStep {
            break;
        }
        sleep(BETWEEN_LOOKS).await;
        standing = look(app, &anchor).await?;
    }
    Ok(AnchorView { path: anchor.path().display().to_string(), standing: standing.into() })
}

async fn look(app: &App, anchor: &Anchor) -> Result<Standing, Error> {
    let anchor = anchor.clone();
    Ok(app.store.read(move |reader| anchor.standing(reader)).await?)
}
