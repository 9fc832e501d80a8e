//! The models that the appliance has, and who may use them.

use actix_web::web::{Data, Json};
use serde::Serialize;
use utoipa::ToSchema;

use super::access::Named;
use crate::app::App;
use crate::http::error::Error;
use crate::identity::Administrator;

#[derive(Serialize, ToSchema)]
pub(crate) struct AdminModel {
    id: String,
    title: String,
    /// SHA-256 of its weights, in hex.
    sha256: String,
    /// Of its weights, in bytes.
    size: u64,
    kind: ModelKind,
    /// Whether its engine is running.
    available: bool,
    /// Whose members may use it.
    groups: Vec<Named>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ModelKind {
    Chat,
    Embedding,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct AdminModelPage {
    items: Vec<AdminModel>,
    #[schema(required)]
    next: Option<String>,
}

/// `GET /api/v1/admin/models`
pub(crate) async fn list(_: Administrator, app: Data<App>) -> Result<Json<AdminModelPage>, Error> {
    let available = app.chats.engines().present().is_some();
    let models = app.access.models().await?.into_iter();
    let items = models.map(|(manifest, groups)| AdminModel {
        kind: if manifest.embedding.is_some() { ModelKind::Embedding } else { ModelKind::Chat },
        id: manifest.id,
        title: manifest.title,
        sha256: manifest.sha256,
        size: manifest.size,
        available,
        groups: groups.into_iter().map(Named::from).collect(),
    });
    Ok(Json(AdminModelPage { items: items.collect(), next: None }))
}
