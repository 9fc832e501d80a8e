//! What one person may, and why; their keys.

use actix_web::HttpResponse;
use actix_web::web::{Data, Json, Path};
use serde::Serialize;
use utoipa::ToSchema;

use crate::access::{self, Explanation};
use crate::app::App;
use crate::http::error::Error;
use crate::http::handlers::keys::KeyPage;
use crate::identity::{Administrator, ProvenAdministrator};

/// Something by its id and its name.
#[derive(Serialize, ToSchema)]
pub(crate) struct Named {
    id: String,
    name: String,
}

impl From<(String, String)> for Named {
    fn from((id, name): (String, String)) -> Self {
        Self { id, name }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = Explanation)]
pub(crate) struct ExplanationView {
    role: ExplainedRole,
    groups: Vec<Explained>,
    workspaces: Vec<Explained>,
    models: Vec<ExplainedModel>,
    permissions: Vec<ExplainedPermission>,
    quotas: Vec<ExplainedQuota>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct ExplainedRole {
    value: &'static str,
    because: String,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct Explained {
    name: String,
    because: String,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct ExplainedModel {
    id: String,
    /// The workspace's name.
    workspace: String,
    because: String,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct ExplainedPermission {
    name: &'static str,
    allowed: bool,
    because: String,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct ExplainedQuota {
    name: &'static str,
    #[schema(required)]
    value: Option<i64>,
    because: String,
}

impl From<Explanation> for ExplanationView {
    fn from(explanation: Explanation) -> Self {
        let named = |reason: access::Reason| Explained { name: reason.name, because: reason.because };
        let model = |reason: access::ModelReason| {
            let access::ModelReason { id, workspace, because } = reason;
            ExplainedModel { id, workspace, because }
        };
        let permission = |reason: access::PermissionReason| {
            let access::PermissionReason { permission, allowed, because } = reason;
            ExplainedPermission { name: permission.as_str(), allowed, because }
        };
        let quota = |reason: access::QuotaReason| {
            let access::QuotaReason { name, value, because } = reason;
            ExplainedQuota { name, value, because }
        };
        Self {
            role: ExplainedRole { value: explanation.role.as_str(), because: explanation.role_because },
            groups: explanation.groups.into_iter().map(named).collect(),
            workspaces: explanation.workspaces.into_iter().map(named).collect(),
            models: explanation.models.into_iter().map(model).collect(),
            permissions: explanation.permissions.into_iter().map(permission).collect(),
            quotas: explanation.quotas.into_iter().map(quota).collect(),
        }
    }
}

/// `GET /api/v1/admin/people/{id}/explain`
pub(crate) async fn explain(
    admin: Administrator,
    app: Data<App>,
    id: Path<String>,
) -> Result<Json<ExplanationView>, Error> {
    let reasons = app.identity.reasons(&id).await?;
    Ok(Json(app.access.explain(admin.by(), &id, reasons).await?.into()))
}

/// `GET /api/v1/admin/people/{id}/keys`
pub(crate) async fn keys(
    admin: Administrator,
    app: Data<App>,
    id: Path<String>,
) -> Result<Json<KeyPage>, Error> {
    Ok(Json(KeyPage::of(app.identity.keys_of(admin.by(), &id).await?)))
}

/// `DELETE /api/v1/admin/people/{id}/keys/{key}`
pub(crate) async fn revoke_key(
    admin: ProvenAdministrator,
    app: Data<App>,
    ids: Path<(String, String)>,
) -> Result<HttpResponse, Error> {
    app.identity.revoke_key_of(admin.by(), &ids.0, &ids.1).await?;
    Ok(HttpResponse::NoContent().finish())
}
