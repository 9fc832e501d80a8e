//! Workspaces: their marking, their models, and who is in them.

use actix_web::HttpResponse;
use actix_web::web::{Data, Json, Path};
use redoubt_store::workspaces::{Expiry, GENERAL};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::access::Named;
use crate::access::{self, WorkspaceChange, WorkspaceDetail};
use crate::app::App;
use crate::config::Marking;
use crate::http::body::Body;
use crate::http::error::Error;
use crate::http::handlers::appliance::MarkingView;
use crate::identity::{Administrator, ProvenAdministrator};

#[derive(Serialize, ToSchema)]
pub(crate) struct AdminWorkspace {
    id: String,
    name: String,
    /// Whether it is the one that there always is.
    built_in: bool,
    /// `null`: the appliance's own.
    #[schema(required)]
    marking: Option<MarkingView>,
    /// What every prompt in it begins with.
    system_prompt: String,
    /// Those that it is kept to; none: to no particular ones.
    models: Vec<String>,
    groups: Vec<Named>,
    people: Vec<WorkspacePerson>,
    chats: u64,
    /// A chat that has not changed for so many days goes; `null`: never.
    #[schema(required)]
    retention_days: Option<u32>,
    /// What becomes of it then.
    retention_action: ExpiryView,
}

#[derive(Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = Expiry)]
pub(crate) enum ExpiryView {
    Delete,
    /// Into a sealed file, from which an admin can put it back for its owner.
    Archive,
}

impl From<Expiry> for ExpiryView {
    fn from(expiry: Expiry) -> Self {
        match expiry {
            Expiry::Delete => Self::Delete,
            Expiry::Archive => Self::Archive,
        }
    }
}

impl From<ExpiryView> for Expiry {
    fn from(view: ExpiryView) -> Self {
        match view {
            ExpiryView::Delete => Self::Delete,
            ExpiryView::Archive => Self::Archive,
        }
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct WorkspacePerson {
    id: String,
    username: String,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct AdminWorkspacePage {
    items: Vec<AdminWorkspace>,
    #[schema(required)]
    next: Option<String>,
}

/// The colours are `#rrggbb`; without them they are grey and white.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewMarking {
    text: String,
    #[serde(default)]
    background: String,
    #[serde(default)]
    color: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewWorkspace {
    name: String,
    marking: Option<NewMarking>,
    #[schema(nullable = false)]
    system_prompt: Option<String>,
    #[schema(nullable = false)]
    models: Option<Vec<String>>,
    /// Ids.
    #[schema(nullable = false)]
    groups: Option<Vec<String>>,
    /// Ids.
    #[schema(nullable = false)]
    people: Option<Vec<String>>,
}

/// What is absent stays; what is there takes the place of all that was.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WorkspaceChanges {
    #[schema(nullable = false)]
    name: Option<String>,
    /// `null`: the appliance's own.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<NewMarking>)]
    marking: Option<Option<NewMarking>>,
    #[schema(nullable = false)]
    system_prompt: Option<String>,
    #[schema(nullable = false)]
    models: Option<Vec<String>>,
    #[schema(nullable = false)]
    groups: Option<Vec<String>>,
    #[schema(nullable = false)]
    people: Option<Vec<String>>,
    /// 1 to 36500; `null`: chats are kept for ever.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<u32>)]
    retention_days: Option<Option<u32>>,
    #[schema(nullable = false)]
    retention_action: Option<ExpiryView>,
}

/// A field that is there, be it `null`: `Some(None)`.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

fn marking(new: Option<NewMarking>) -> Marking {
    new.map(|NewMarking { text, background, color }| Marking { text, background, color }).unwrap_or_default()
}

impl From<WorkspaceDetail> for AdminWorkspace {
    fn from(detail: WorkspaceDetail) -> Self {
        let marking = access::own_marking(&detail.workspace);
        let person = |(id, username)| WorkspacePerson { id, username };
        Self {
            built_in: detail.workspace.id == GENERAL,
            id: detail.workspace.id,
            name: detail.workspace.name,
            marking: marking.as_ref().and_then(MarkingView::of),
            system_prompt: detail.workspace.system_prompt,
            models: detail.models,
            groups: detail.groups.into_iter().map(Named::from).collect(),
            people: detail.people.into_iter().map(person).collect(),
            chats: detail.chats,
            retention_days: detail.workspace.retention_days,
            retention_action: detail.workspace.retention_action.into(),
        }
    }
}

/// `GET /api/v1/admin/workspaces`
pub(crate) async fn list(_: Administrator, app: Data<App>) -> Result<Json<AdminWorkspacePage>, Error> {
    let workspaces = app.access.workspaces().await?;
    let items = workspaces.into_iter().map(AdminWorkspace::from).collect();
    Ok(Json(AdminWorkspacePage { items, next: None }))
}

/// `POST /api/v1/admin/workspaces`
pub(crate) async fn create(
    admin: ProvenAdministrator,
    app: Data<App>,
    body: Body<NewWorkspace>,
) -> Result<HttpResponse, Error> {
    let NewWorkspace { name, marking: new, system_prompt, models, groups, people } = body.0;
    let (name, marking) = (Some(name), new.map(|new| marking(Some(new))));
    let change = WorkspaceChange {
        name,
        marking,
        system_prompt,
        models,
        groups,
        people,
        ..WorkspaceChange::default()
    };
    let workspace = app.access.create_workspace(admin.by(), change).await?;
    Ok(HttpResponse::Created().json(AdminWorkspace::from(workspace)))
}

/// `GET /api/v1/admin/workspaces/{id}`
pub(crate) async fn show(
    _: Administrator,
    app: Data<App>,
    id: Path<String>,
) -> Result<Json<AdminWorkspace>, Error> {
    Ok(Json(app.access.workspace(&id).await?.into()))
}

/// `PATCH /api/v1/admin/workspaces/{id}`
pub(crate) async fn update(
    admin: ProvenAdministrator,
    app: Data<App>,
    id: Path<String>,
    body: Body<WorkspaceChanges>,
) -> Result<Json<AdminWorkspace>, Error> {
    let WorkspaceChanges { name, system_prompt, models, groups, people, retention_days, .. } = body.0;
    let (marking, retention_action) =
        (body.0.marking.map(marking), body.0.retention_action.map(Expiry::from));
    let change = WorkspaceChange {
        name,
        marking,
        system_prompt,
        models,
        groups,
        people,
        retention_days,
        retention_action,
    };
    Ok(Json(app.access.change_workspace(admin.by(), &id, change).await?.into()))
}

/// `DELETE /api/v1/admin/workspaces/{id}`
pub(crate) async fn delete(
    admin: ProvenAdministrator,
    app: Data<App>,
    id: Path<String>,
) -> Result<HttpResponse, Error> {
    app.access.delete_workspace(admin.by(), &id).await?;
    Ok(HttpResponse::NoContent().finish())
}
