//! Chats of the signed-in analyst: list, create, open, change, delete.

use actix_web::HttpResponse;
use actix_web::web::{Data, Json, Path, Query};
use redoubt_store::chats::Chat;
use redoubt_store::messages::Message;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::access::Member;
use crate::app::App;
use crate::chat::{Changes, OpenChat, Title, Usage};
use crate::clock::rfc3339;
use crate::http::body::Body;
use crate::http::error::Error;
use crate::identity::{Analyst, Caller};

const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 200;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageQuery {
    /// At most this many; 50 unless told, 200 at most.
    limit: Option<usize>,
    /// The `next` of the page before.
    cursor: Option<String>,
}

impl PageQuery {
    pub(super) fn limit(&self) -> usize {
        self.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT)
    }

    pub(super) fn cursor(&self) -> Option<String> {
        self.cursor.clone()
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewChat {
    title: Option<String>,
    model: Option<String>,
    /// The session's; where it has chosen none yet, it chooses this one.
    workspace: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChatChanges {
    #[schema(nullable = false)]
    title: Option<String>,
    /// The message at the end of the branch to show.
    #[schema(nullable = false)]
    head: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct ChatPage {
    items: Vec<ChatSummary>,
    #[schema(required)]
    next: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct ChatSummary {
    id: String,
    /// Empty until the first question.
    title: String,
    model: String,
    #[schema(required)]
    head: Option<String>,
    created_at: String,
    updated_at: String,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct ChatView {
    id: String,
    title: String,
    model: String,
    /// The message at the end of the branch that is shown.
    #[schema(required)]
    head: Option<String>,
    created_at: String,
    updated_at: String,
    /// Every branch: a message knows its parent.
    messages: Vec<MessageView>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct MessageView {
    id: String,
    #[schema(required)]
    parent: Option<String>,
    role: RoleView,
    content: String,
    status: StatusView,
    #[schema(required)]
    model: Option<String>,
    created_at: String,
    /// `stop`, `length`, `cancelled` or `error`.
    #[schema(required)]
    finish_reason: Option<String>,
    #[schema(required)]
    usage: Option<UsageView>,
    /// Oldest messages that no longer fitted into the context.
    dropped_turns: u32,
    #[schema(required)]
    elapsed_ms: Option<u64>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = MessageRole)]
pub(crate) enum RoleView {
    User,
    Assistant,
}

#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum StatusView {
    Streaming,
    Done,
    Stopped,
    Failed,
}

#[derive(Clone, Copy, Serialize, ToSchema)]
pub(crate) struct UsageView {
    prompt_tokens: u32,
    completion_tokens: u32,
    /// Tokens of the prompt that need not be computed again.
    cached_tokens: u32,
}

impl From<redoubt_store::messages::Status> for StatusView {
    fn from(status: redoubt_store::messages::Status) -> Self {
        use redoubt_store::messages::Status;
        match status {
            Status::Streaming => Self::Streaming,
            Status::Done => Self::Done,
            Status::Stopped => Self::Stopped,
            Status::Failed => Self::Failed,
        }
    }
}

impl From<Usage> for UsageView {
    fn from(usage: Usage) -> Self {
        let Usage { prompt_tokens, completion_tokens, cached_tokens } = usage;
        Self { prompt_tokens, completion_tokens, cached_tokens }
    }
}

impl From<Chat> for ChatSummary {
    fn from(chat: Chat) -> Self {
        Self {
            id: chat.id,
            title: chat.title,
            model: chat.model,
            head: chat.head,
            created_at: rfc3339(chat.created_at),
            updated_at: rfc3339(chat.updated_at),
        }
    }
}

impl From<OpenChat> for ChatView {
    fn from(open: OpenChat) -> Self {
        let ChatSummary { id, title, model, head, created_at, updated_at } = open.chat.into();
        let messages = open.messages.into_iter().map(MessageView::from).collect();
        Self { id, title, model, head, created_at, updated_at, messages }
    }
}

impl From<Message> for MessageView {
    fn from(message: Message) -> Self {
        use redoubt_store::messages::Role;
        let usage = usage(&message);
        Self {
            id: message.id,
            parent: message.parent,
            role: match message.role {
                Role::User => RoleView::User,
                Role::Assistant => RoleView::Assistant,
            },
            content: message.content,
            status: message.status.into(),
            model: message.model,
            created_at: rfc3339(message.created_at),
            finish_reason: message.finish_reason,
            usage,
            dropped_turns: message.dropped_turns.unwrap_or_default(),
            elapsed_ms: message.elapsed_ms,
        }
    }
}

/// An answer has its counts once it has ended.
fn usage(message: &Message) -> Option<UsageView> {
    Some(UsageView {
        prompt_tokens: message.prompt_tokens?,
        completion_tokens: message.completion_tokens?,
        cached_tokens: message.cached_tokens?,
    })
}

/// `GET /api/v1/chats`
pub(crate) async fn list(
    member: Member,
    app: Data<App>,
    query: Query<PageQuery>,
) -> Result<Json<ChatPage>, Error> {
    let page = app.chats.list(&member, query.limit(), query.cursor()).await?;
    Ok(Json(ChatPage { items: page.items.into_iter().map(ChatSummary::from).collect(), next: page.next }))
}

fn title(text: Option<String>) -> Result<Option<Title>, Error> {
    let parse = |text: String| {
        Title::parse(&text)
            .ok_or_else(|| Error::invalid("title", "A title is one line of 1 to 120 characters."))
    };
    text.map(parse).transpose()
}

/// `POST /api/v1/chats`
pub(crate) async fn create(
    caller: Caller<Analyst>,
    app: Data<App>,
    body: Body<NewChat>,
) -> Result<HttpResponse, Error> {
    let NewChat { title: text, model, workspace } = body.0;
    let member = app.access.enter(caller, workspace.as_deref()).await?;
    let chat = app.chats.create(&member, title(text)?, model).await?;
    Ok(HttpResponse::Created().json(ChatView::from(OpenChat { chat, messages: Vec::new() })))
}

/// `GET /api/v1/chats/{id}`
pub(crate) async fn show(member: Member, app: Data<App>, id: Path<String>) -> Result<Json<ChatView>, Error> {
    Ok(Json(app.chats.open(&member, &id).await?.into()))
}

/// `PATCH /api/v1/chats/{id}`
pub(crate) async fn update(
    member: Member,
    app: Data<App>,
    id: Path<String>,
    body: Body<ChatChanges>,
) -> Result<Json<ChatView>, Error> {
    let ChatChanges { title: text, head } = body.0;
    if text.is_none() && head.is_none() {
        return Err(Error::invalid("title", "Send a title or a head."));
    }
    let changes = Changes { title: title(text)?, head };
    Ok(Json(app.chats.change(&member, &id, changes).await?.into()))
}

/// `DELETE /api/v1/chats/{id}`
pub(crate) async fn delete(member: Member, app: Data<App>, id: Path<String>) -> Result<HttpResponse, Error> {
    app.chats.delete(&member, &id).await?;
    Ok(HttpResponse::NoContent().finish())
}
