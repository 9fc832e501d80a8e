//! What the directory's groups mean here, for admins.

use actix_web::HttpResponse;
use actix_web::web::{Data, Json, Path};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::directory::Asked;
use crate::app::App;
use crate::http::body::Body;
use crate::http::error::Error;
use crate::http::handlers::session::RoleView;
use crate::identity::{
    Administrator, Change, DryRun, Given, MappedGroup, NewMapping, ProvenAdministrator, Rule,
};

#[derive(Serialize, ToSchema)]
pub(crate) struct MappingPage {
    items: Vec<Mapping>,
    #[schema(required)]
    next: Option<String>,
}

/// Either a role or a group.
#[derive(Serialize, ToSchema)]
pub(crate) struct Mapping {
    id: String,
    /// A normalised DN.
    directory_group: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    role: Option<RoleView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    group: Option<MappedTo>,
    /// In the configuration file, and to be changed there.
    configured: bool,
}

/// The id is empty where the configuration names a group that there is not.
#[derive(Serialize, ToSchema)]
pub(crate) struct MappedTo {
    id: String,
    name: String,
}

/// Either a role or a group (its id).
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewMapping)]
pub(crate) struct NewMappingBody {
    directory_group: String,
    #[schema(nullable = false)]
    role: Option<RoleView>,
    #[schema(nullable = false)]
    group: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = DryRun)]
pub(crate) struct DryRunView {
    /// Who was asked about, as the directory knows them now; as it last did, if it does not answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    person: Option<DirectoryPerson>,
    /// What their groups come to; absent where that is no role, or two that exclude each other.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    role: Option<RoleView>,
    /// The groups of this appliance that they come to.
    groups: Vec<String>,
    /// What the next look at people would change.
    changes: Vec<ChangeView>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct DirectoryPerson {
    /// Empty where the directory does not answer.
    dn: String,
    groups: Vec<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = MappingChange)]
pub(crate) struct ChangeView {
    username: String,
    /// Role and groups, in words.
    from: String,
    to: String,
}

impl From<Rule> for Mapping {
    fn from(rule: Rule) -> Self {
        let Rule { id, directory_group, gives, configured } = rule;
        let (role, group) = match gives {
            Given::Role(role) => (Some(role.into()), None),
            Given::Group { id, name } => (None, Some(MappedTo { id, name })),
            Given::NoSuchGroup { name } => (None, Some(MappedTo { id: String::new(), name })),
        };
        Self { id, directory_group, role, group, configured }
    }
}

impl From<DryRun> for DryRunView {
    fn from(run: DryRun) -> Self {
        let DryRun { person, mapped, changes } = run;
        let names = |groups: &std::collections::BTreeMap<String, MappedGroup>| {
            groups.values().map(|group| group.name.clone()).collect()
        };
        Self {
            person: person.map(|(dn, groups)| DirectoryPerson { dn, groups: groups.into_iter().collect() }),
            role: mapped.as_ref().and_then(|mapped| mapped.role.ok()).map(RoleView::from),
            groups: mapped.as_ref().map(|mapped| names(&mapped.groups)).unwrap_or_default(),
            changes: changes
                .into_iter()
                .map(|Change { username, from, to }| ChangeView { username, from, to })
                .collect(),
        }
    }
}

/// `GET /api/v1/admin/mappings`
pub(crate) async fn list(_: Administrator, app: Data<App>) -> Result<Json<MappingPage>, Error> {
    let items = app.identity.mappings().await?.into_iter().map(Mapping::from).collect();
    Ok(Json(MappingPage { items, next: None }))
}

/// `POST /api/v1/admin/mappings`
pub(crate) async fn create(
    admin: ProvenAdministrator,
    app: Data<App>,
    body: Body<NewMappingBody>,
) -> Result<HttpResponse, Error> {
    let gives = match body.0 {
        NewMappingBody { role: Some(role), group: None, .. } => NewMapping::Role(role.into()),
        NewMappingBody { role: None, group: Some(ref group), .. } => NewMapping::Group(group.clone()),
        _ => return Err(Error::invalid("role", "Send either role or group.")),
    };
    let rule = app.identity.create_mapping(admin.by(), &body.0.directory_group, gives).await?;
    Ok(HttpResponse::Created().json(Mapping::from(rule)))
}

/// `DELETE /api/v1/admin/mappings/{id}`
pub(crate) async fn delete(
    admin: ProvenAdministrator,
    app: Data<App>,
    id: Path<String>,
) -> Result<HttpResponse, Error> {
    app.identity.delete_mapping(admin.by(), &id).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// `POST /api/v1/admin/mappings/dry-run`
pub(crate) async fn dry_run(
    admin: Administrator,
    app: Data<App>,
    body: Body<Asked>,
) -> Result<Json<DryRunView>, Error> {
    Ok(Json(app.identity.dry_run(admin.by(), body.0.username).await?.into()))
}
