//! The analyst's own keys for programs.

use actix_web::HttpResponse;
use actix_web::web::{Data, Json, Path};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::clock::rfc3339;
use crate::http::body::Body;
use crate::http::error::Error;
use crate::identity::{Analyst, Caller, KeyScope, ListedKey, NewKey, Proven};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewKey)]
pub(crate) struct NewKeyBody {
    name: String,
    scopes: Vec<KeyScopeView>,
    /// 1 to 365.
    expires_in_days: u32,
}

#[derive(Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = KeyScope)]
pub(crate) enum KeyScopeView {
    Chat,
    Embeddings,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Key)]
pub(crate) struct KeyView {
    id: String,
    name: String,
    scopes: Vec<KeyScopeView>,
    workspace: KeyWorkspace,
    created_at: String,
    #[schema(required)]
    expires_at: Option<String>,
    #[schema(required)]
    last_used_at: Option<String>,
    /// Requests that it may have running at once.
    parallel: u32,
}

/// The one that the key sees.
#[derive(Serialize, ToSchema)]
pub(crate) struct KeyWorkspace {
    id: String,
    name: String,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct KeyPage {
    items: Vec<KeyView>,
    #[schema(required)]
    next: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct CreatedKey {
    key: KeyView,
    /// Shown once.
    secret: String,
}

impl From<KeyScope> for KeyScopeView {
    fn from(scope: KeyScope) -> Self {
        match scope {
            KeyScope::Chat => Self::Chat,
            KeyScope::Embeddings => Self::Embeddings,
        }
    }
}

impl From<KeyScopeView> for KeyScope {
    fn from(scope: KeyScopeView) -> Self {
        match scope {
            KeyScopeView::Chat => Self::Chat,
            KeyScopeView::Embeddings => Self::Embeddings,
        }
    }
}

impl From<ListedKey> for KeyView {
    fn from(listed: ListedKey) -> Self {
        let scopes = KeyScope::of(&listed.key).into_iter().map(KeyScopeView::from).collect();
        let ListedKey { key, workspace: name } = listed;
        Self {
            id: key.id,
            name: key.name,
            scopes,
            workspace: KeyWorkspace { id: key.workspace, name },
            created_at: rfc3339(key.created_at),
            expires_at: key.expires_at.map(rfc3339),
            last_used_at: key.last_used_at.map(rfc3339),
            parallel: key.parallel,
        }
    }
}

impl KeyPage {
    /// A person has few: one page has them all.
    pub(super) fn of(keys: Vec<ListedKey>) -> Self {
        Self { items: keys.into_iter().map(KeyView::from).collect(), next: None }
    }
}

/// `GET /api/v1/keys`
pub(crate) async fn list(caller: Caller<Analyst>, app: Data<App>) -> Result<Json<KeyPage>, Error> {
    Ok(Json(KeyPage::of(app.identity.own_keys(&caller).await?)))
}

/// `POST /api/v1/keys`
pub(crate) async fn create(
    caller: Proven<Analyst>,
    app: Data<App>,
    body: Body<NewKeyBody>,
) -> Result<HttpResponse, Error> {
    let member = app.access.member((*caller).clone()).await?;
    let NewKeyBody { name, scopes, expires_in_days } = body.0;
    let new = NewKey { name, scopes: scopes.into_iter().map(KeyScope::from).collect(), expires_in_days };
    let (key, secret) = app.identity.create_api_key(&caller, &member, new).await?;
    let created = CreatedKey { key: key.into(), secret: secret.as_str().to_owned() };
    Ok(HttpResponse::Created().json(created))
}

/// `DELETE /api/v1/keys/{id}`
pub(crate) async fn delete(
    caller: Caller<Analyst>,
    app: Data<App>,
    id: Path<String>,
) -> Result<HttpResponse, Error> {
    app.identity.revoke_own_key(&caller, &id).await?;
    Ok(HttpResponse::NoContent().finish())
}
