//! Prompts that people keep, shown to everybody in their workspace.

use actix_web::HttpResponse;
use actix_web::web::{Data, Json, Path, Query};
use redoubt_store::prompts::Prompt;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::chats::PageQuery;
use crate::access::{Member, PromptChange};
use crate::app::App;
use crate::http::body::Body;
use crate::http::error::Error;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPrompt {
    name: String,
    content: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PromptChanges {
    #[schema(nullable = false)]
    name: Option<String>,
    #[schema(nullable = false)]
    content: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Prompt)]
pub(crate) struct PromptView {
    id: String,
    name: String,
    content: String,
    /// Whether the caller may change it.
    own: bool,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct PromptPage {
    items: Vec<PromptView>,
    #[schema(required)]
    next: Option<String>,
}

impl PromptView {
    fn new(prompt: Prompt, member: &Member) -> Self {
        let own = prompt.owner == member.id();
        Self { id: prompt.id, name: prompt.name, content: prompt.content, own }
    }
}

/// `GET /api/v1/prompts`
pub(crate) async fn list(
    member: Member,
    app: Data<App>,
    query: Query<PageQuery>,
) -> Result<Json<PromptPage>, Error> {
    let page = app.access.prompts(&member, query.limit(), query.cursor()).await?;
    let items = page.items.into_iter().map(|prompt| PromptView::new(prompt, &member)).collect();
    Ok(Json(PromptPage { items, next: page.next }))
}

/// `POST /api/v1/prompts`
pub(crate) async fn create(
    member: Member,
    app: Data<App>,
    body: Body<NewPrompt>,
) -> Result<HttpResponse, Error> {
    let NewPrompt { name, content } = body.0;
    let change = PromptChange { name: Some(name), content: Some(content) };
    let prompt = app.access.create_prompt(&member, change).await?;
    Ok(HttpResponse::Created().json(PromptView::new(prompt, &member)))
}

/// `PATCH /api/v1/prompts/{id}`
pub(crate) async fn update(
    member: Member,
    app: Data<App>,
    id: Path<String>,
    body: Body<PromptChanges>,
) -> Result<Json<PromptView>, Error> {
    let PromptChanges { name, content } = body.0;
    let prompt = app.access.change_prompt(&member, &id, PromptChange { name, content }).await?;
    Ok(Json(PromptView::new(prompt, &member)))
}

/// `DELETE /api/v1/prompts/{id}`
pub(crate) async fn delete(member: Member, app: Data<App>, id: Path<String>) -> Result<HttpResponse, Error> {
    app.access.delete_prompt(&member, &id).await?;
    Ok(HttpResponse::NoContent().finish())
}
