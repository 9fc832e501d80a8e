//! How the appliance is.

use actix_web::web::{Data, Json};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::clock::{SECOND_US, rfc3339};
use crate::identity::Administrator;

#[derive(Serialize, ToSchema)]
pub(crate) struct System {
    version: &'static str,
    uptime_seconds: u64,
    /// How far the processes are locked in.
    lockdown: String,
    models: Vec<SystemModel>,
    /// The appliance's clock.
    clock: String,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct SystemModel {
    id: String,
    title: String,
    /// Whether its engine is running.
    available: bool,
}

/// `GET /api/v1/admin/system`
pub(crate) async fn show(_: Administrator, app: Data<App>) -> Json<System> {
    let available = app.chats.engines().present().is_some();
    let models = [Some(app.chats.model()), app.embeddings.model()].into_iter().flatten();
    let model = |id: &str, title: &str| SystemModel { id: id.to_owned(), title: title.to_owned(), available };
    Json(System {
        version: env!("CARGO_PKG_VERSION"),
        uptime_seconds: app.uptime_us() / SECOND_US.unsigned_abs(),
        lockdown: app.lockdown.to_string(),
        models: models.map(|manifest| model(&manifest.id, &manifest.title)).collect(),
        clock: rfc3339(app.clock.now_us()),
    })
}
