//! Groups: what they carry, and who is in them.

use std::collections::BTreeMap;

use actix_web::HttpResponse;
use actix_web::web::{Data, Json, Path, Query};
use redoubt_store::groups::{EVERYONE, Member, Quotas};
use redoubt_store::permissions::Effect;
use redoubt_store::users::Origin;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::access::{GroupChange, GroupDetail, Permission};
use crate::app::App;
use crate::http::body::Body;
use crate::http::error::Error;
use crate::http::handlers::chats::PageQuery;
use crate::identity::{Administrator, ProvenAdministrator};

#[derive(Serialize, ToSchema)]
#[schema(as = Group)]
pub(crate) struct GroupView {
    id: String,
    name: String,
    /// Whether every analyst is in it, always.
    built_in: bool,
    members: u64,
    permissions: BTreeMap<String, EffectView>,
    models: Vec<String>,
    quotas: QuotasView,
    /// Directory groups whose members are in it.
    mappings: Vec<String>,
}

#[derive(Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = Effect)]
pub(crate) enum EffectView {
    Allow,
    Deny,
}

/// What is absent or `null` is not limited by this group.
#[derive(Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Quotas)]
pub(crate) struct QuotasView {
    requests_per_day: Option<u64>,
    tokens_per_day: Option<u64>,
    parallel: Option<u32>,
    priority: Option<i32>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewGroup {
    name: String,
    #[schema(nullable = false)]
    permissions: Option<BTreeMap<String, EffectView>>,
    #[schema(nullable = false)]
    models: Option<Vec<String>>,
    #[schema(nullable = false)]
    quotas: Option<QuotasView>,
}

/// What is absent stays; what is there takes the place of all that was.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GroupChanges {
    #[schema(nullable = false)]
    name: Option<String>,
    #[schema(nullable = false)]
    permissions: Option<BTreeMap<String, EffectView>>,
    #[schema(nullable = false)]
    models: Option<Vec<String>>,
    #[schema(nullable = false)]
    quotas: Option<QuotasView>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct GroupPage {
    items: Vec<GroupView>,
    #[schema(required)]
    next: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct GroupMember {
    id: String,
    username: String,
    display_name: String,
    /// `assigned` by an admin, `directory`, or `role`, as every analyst is in the group of everyone.
    source: &'static str,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct GroupMemberPage {
    items: Vec<GroupMember>,
    #[schema(required)]
    next: Option<String>,
}

impl From<Quotas> for QuotasView {
    fn from(quotas: Quotas) -> Self {
        let Quotas { requests_per_day, tokens_per_day, parallel, priority } = quotas;
        Self { requests_per_day, tokens_per_day, parallel, priority }
    }
}

impl From<QuotasView> for Quotas {
    fn from(quotas: QuotasView) -> Self {
        let QuotasView { requests_per_day, tokens_per_day, parallel, priority } = quotas;
        Self { requests_per_day, tokens_per_day, parallel, priority }
    }
}

impl From<GroupDetail> for GroupView {
    fn from(detail: GroupDetail) -> Self {
        let effect = |effect| match effect {
            Effect::Allow => EffectView::Allow,
            Effect::Deny => EffectView::Deny,
        };
        let rules = detail.permissions.into_iter();
        Self {
            built_in: detail.group.id == EVERYONE,
            id: detail.group.id,
            name: detail.group.name,
            members: detail.members,
            permissions: rules.map(|(permission, is)| (permission.to_string(), effect(is))).collect(),
            models: detail.models,
            quotas: detail.group.quotas.into(),
            mappings: detail.mappings,
        }
    }
}

impl From<Member> for GroupMember {
    fn from(member: Member) -> Self {
        Self {
            id: member.user_id,
            username: member.username,
            display_name: member.display_name,
            source: member.source.map_or("role", Origin::as_str),
        }
    }
}

fn rules(rules: BTreeMap<String, EffectView>) -> Result<BTreeMap<Permission, Effect>, Error> {
    let rule = |(name, effect): (String, EffectView)| {
        let permission = Permission::parse(&name);
        let unknown = || Error::invalid("permissions", format!("There is no permission {name:?}."));
        let effect = match effect {
            EffectView::Allow => Effect::Allow,
            EffectView::Deny => Effect::Deny,
        };
        Ok((permission.ok_or_else(unknown)?, effect))
    };
    rules.into_iter().map(rule).collect()
}

/// `GET /api/v1/admin/groups`
pub(crate) async fn list(_: Administrator, app: Data<App>) -> Result<Json<GroupPage>, Error> {
    let groups = app.access.groups().await?;
    Ok(Json(GroupPage { items: groups.into_iter().map(GroupView::from).collect(), next: None }))
}

/// `POST /api/v1/admin/groups`
pub(crate) async fn create(
    admin: ProvenAdministrator,
    app: Data<App>,
    body: Body<NewGroup>,
) -> Result<HttpResponse, Error> {
    let NewGroup { name, permissions, models, quotas } = body.0;
    let change = GroupChange {
        name: Some(name),
        permissions: permissions.map(rules).transpose()?,
        models,
        quotas: quotas.map(Quotas::from),
    };
    let group = app.access.create_group(admin.by(), change).await?;
    Ok(HttpResponse::Created().json(GroupView::from(group)))
}

/// `GET /api/v1/admin/groups/{id}`
pub(crate) async fn show(
    _: Administrator,
    app: Data<App>,
    id: Path<String>,
) -> Result<Json<GroupView>, Error> {
    Ok(Json(app.access.group(&id).await?.into()))
}

/// `PATCH /api/v1/admin/groups/{id}`
pub(crate) async fn update(
    admin: ProvenAdministrator,
    app: Data<App>,
    id: Path<String>,
    body: Body<GroupChanges>,
) -> Result<Json<GroupView>, Error> {
    let GroupChanges { name, permissions, models, quotas } = body.0;
    let permissions = permissions.map(rules).transpose()?;
    let change = GroupChange { name, permissions, models, quotas: quotas.map(Quotas::from) };
    Ok(Json(app.access.change_group(admin.by(), &id, change).await?.into()))
}

/// `DELETE /api/v1/admin/groups/{id}`
pub(crate) async fn delete(
    admin: ProvenAdministrator,
    app: Data<App>,
    id: Path<String>,
) -> Result<HttpResponse, Error> {
    app.access.delete_group(admin.by(), &id).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// `GET /api/v1/admin/groups/{id}/members`
pub(crate) async fn members(
    admin: Administrator,
    app: Data<App>,
    id: Path<String>,
    query: Query<PageQuery>,
) -> Result<Json<GroupMemberPage>, Error> {
    let page = app.access.group_members(admin.by(), &id, query.limit(), query.cursor()).await?;
    let items = page.items.into_iter().map(GroupMember::from).collect();
    Ok(Json(GroupMemberPage { items, next: page.next }))
}

/// `PUT /api/v1/admin/groups/{id}/members/{user}`
pub(crate) async fn add_member(
    admin: ProvenAdministrator,
    app: Data<App>,
    ids: Path<(String, String)>,
) -> Result<HttpResponse, Error> {
    app.access.set_member(admin.by(), &ids.0, &ids.1, true).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// `DELETE /api/v1/admin/groups/{id}/members/{user}`
pub(crate) async fn remove_member(
    admin: ProvenAdministrator,
    app: Data<App>,
    ids: Path<(String, String)>,
) -> Result<HttpResponse, Error> {
    app.access.set_member(admin.by(), &ids.0, &ids.1, false).await?;
    Ok(HttpResponse::NoContent().finish())
}
