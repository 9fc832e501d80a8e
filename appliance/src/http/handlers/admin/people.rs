//! People, for admins: who they are, what they may and how they sign in. Translates; `identity` decides.

use actix_web::HttpResponse;
use actix_web::web::{Data, Json, Path, Query};
use redoubt_store::directory_groups::Membership;
use redoubt_store::users::{Origin, Source};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::sessions::{PersonSession, PersonSessionPage};
use crate::app::App;
use crate::clock::rfc3339;
use crate::http::body::Body;
use crate::http::error::Error;
use crate::http::handlers::session::RoleView;
use crate::identity::{Administrator, Changes, NewPerson, PersonView, ProvenAdministrator, State};

const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 200;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PeopleQuery {
    /// A part of the user name or of the name to show.
    query: Option<String>,
    /// At most this many; 50 unless told, 200 at most.
    limit: Option<usize>,
    /// The `next` of the page before.
    cursor: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewPerson)]
pub(crate) struct NewPersonBody {
    username: String,
    role: RoleView,
    #[schema(nullable = false)]
    display_name: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PersonChanges {
    /// Assigned by an admin from then on, whatever the directory says.
    #[schema(nullable = false)]
    role: Option<RoleView>,
    #[schema(nullable = false)]
    disabled: Option<bool>,
    #[schema(nullable = false)]
    display_name: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct PersonPage {
    items: Vec<Person>,
    #[schema(required)]
    next: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct Person {
    id: String,
    username: String,
    /// May be empty.
    display_name: String,
    role: RoleView,
    /// `assigned` by an admin, or from a mapping of the `directory`.
    role_source: OriginView,
    /// Who checks the password.
    source: SourceView,
    state: StateView,
    /// Why the directory refuses the person.
    #[schema(required)]
    directory_state: Option<String>,
    /// Whether an authenticator is enrolled.
    enrolled: bool,
    groups: Vec<GroupOf>,
    /// When one of the open sessions was last used.
    #[schema(required)]
    last_seen_at: Option<String>,
    #[schema(required)]
    locked_until: Option<String>,
    /// Open sessions.
    sessions: usize,
    created_at: String,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct GroupOf {
    id: String,
    name: String,
    source: OriginView,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OriginView {
    Assigned,
    Directory,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SourceView {
    Local,
    Directory,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StateView {
    Active,
    Disabled,
    Locked,
    RefusedByDirectory,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct CreatedPerson {
    person: Person,
    /// Shown once.
    password: String,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct NewPassword {
    /// Shown once.
    password: String,
}

impl From<Origin> for OriginView {
    fn from(origin: Origin) -> Self {
        match origin {
            Origin::Assigned => Self::Assigned,
            Origin::Directory => Self::Directory,
        }
    }
}

impl From<Membership> for GroupOf {
    fn from(membership: Membership) -> Self {
        let Membership { id, name, source } = membership;
        Self { id, name, source: source.into() }
    }
}

impl From<PersonView> for Person {
    fn from(view: PersonView) -> Self {
        let state = match view.state() {
            State::Active => StateView::Active,
            State::Disabled => StateView::Disabled,
            State::Locked => StateView::Locked,
            State::RefusedByDirectory => StateView::RefusedByDirectory,
        };
        let PersonView { user, enrolled, groups, last_seen_at, locked_until, sessions } = view;
        Self {
            id: user.id,
            username: user.name,
            display_name: user.display_name,
            role: user.role.into(),
            role_source: user.role_source.into(),
            source: match user.source {
                Source::Local => SourceView::Local,
                Source::Directory => SourceView::Directory,
            },
            state,
            directory_state: user.directory_state,
            enrolled,
            groups: groups.into_iter().map(GroupOf::from).collect(),
            last_seen_at: last_seen_at.map(rfc3339),
            locked_until: locked_until.map(rfc3339),
            sessions,
            created_at: rfc3339(user.created_at),
        }
    }
}

/// `GET /api/v1/admin/people`
pub(crate) async fn list(
    admin: Administrator,
    app: Data<App>,
    query: Query<PeopleQuery>,
) -> Result<Json<PersonPage>, Error> {
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT);
    let PeopleQuery { query, cursor, .. } = query.into_inner();
    let page = app.identity.people(admin.by(), query.unwrap_or_default(), limit, cursor).await?;
    Ok(Json(PersonPage { items: page.items.into_iter().map(Person::from).collect(), next: page.next }))
}

/// `POST /api/v1/admin/people`
pub(crate) async fn create(
    admin: ProvenAdministrator,
    app: Data<App>,
    body: Body<NewPersonBody>,
) -> Result<HttpResponse, Error> {
    let NewPersonBody { username, role, display_name } = body.0;
    let new = NewPerson { name: username, role: role.into(), display_name: display_name.unwrap_or_default() };
    let (person, password) = app.identity.create_person(admin.by(), new).await?;
    Ok(HttpResponse::Created().json(CreatedPerson { person: person.into(), password }))
}

/// `GET /api/v1/admin/people/{id}`
pub(crate) async fn show(
    admin: Administrator,
    app: Data<App>,
    id: Path<String>,
) -> Result<Json<Person>, Error> {
    Ok(Json(app.identity.person(admin.by(), &id).await?.into()))
}

/// `PATCH /api/v1/admin/people/{id}`
pub(crate) async fn update(
    admin: ProvenAdministrator,
    app: Data<App>,
    id: Path<String>,
    body: Body<PersonChanges>,
) -> Result<Json<Person>, Error> {
    let PersonChanges { role, disabled, display_name } = body.0;
    let changes = Changes { role: role.map(Into::into), disabled, display_name };
    Ok(Json(app.identity.change_person(admin.by(), &id, changes).await?.into()))
}

/// `POST /api/v1/admin/people/{id}/password`
pub(crate) async fn replace_password(
    admin: ProvenAdministrator,
    app: Data<App>,
    id: Path<String>,
) -> Result<Json<NewPassword>, Error> {
    let password = app.identity.replace_password(admin.by(), &id).await?;
    Ok(Json(NewPassword { password }))
}

/// `POST /api/v1/admin/people/{id}/totp-reset`
pub(crate) async fn reset_totp(
    admin: ProvenAdministrator,
    app: Data<App>,
    id: Path<String>,
) -> Result<HttpResponse, Error> {
    app.identity.reset_totp(admin.by(), &id).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// `POST /api/v1/admin/people/{id}/unlock`
pub(crate) async fn unlock(
    admin: ProvenAdministrator,
    app: Data<App>,
    id: Path<String>,
) -> Result<HttpResponse, Error> {
    app.identity.unlock_person(admin.by(), &id).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// `GET /api/v1/admin/people/{id}/sessions`
pub(crate) async fn sessions(
    admin: Administrator,
    app: Data<App>,
    id: Path<String>,
) -> Result<Json<PersonSessionPage>, Error> {
    let by = admin.by();
    let person = app.identity.person(by, &id).await?.user;
    let open = app.identity.sessions_of(by, &id).await?;
    let items = open.iter().map(|open| PersonSession::new(&person, open)).collect();
    Ok(Json(PersonSessionPage { items, next: None }))
}

/// `DELETE /api/v1/admin/people/{id}/sessions`
pub(crate) async fn end_sessions(
    admin: Administrator,
    app: Data<App>,
    id: Path<String>,
) -> Result<HttpResponse, Error> {
    app.identity.end_sessions_of(admin.by(), &id).await?;
    Ok(HttpResponse::NoContent().finish())
}
