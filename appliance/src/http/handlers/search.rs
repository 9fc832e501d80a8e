//! Search in one's own chats.

use actix_web::web::{Data, Json, Query};
use redoubt_store::search::{Hit, Part};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::chats::ChatSummary;
use crate::access::Member;
use crate::app::App;
use crate::http::error::Error;

const DEFAULT_LIMIT: usize = 20;
const MAX_LIMIT: usize = 100;
const MAX_QUERY_CHARACTERS: usize = 200;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SearchQuery {
    /// Words, each of which a hit contains; the last one may be a beginning.
    q: String,
    /// At most this many; 20 unless told, 100 at most.
    limit: Option<usize>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct Hits {
    items: Vec<HitView>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct HitView {
    chat: ChatSummary,
    /// The message that was found; `null` if it was the title.
    #[schema(required)]
    message: Option<String>,
    snippet: Vec<PartView>,
}

/// A piece of a snippet.
#[derive(Serialize, ToSchema)]
pub(crate) struct PartView {
    text: String,
    /// Whether this piece is what was searched for.
    r#match: bool,
}

impl From<Hit> for HitView {
    fn from(hit: Hit) -> Self {
        let part = |part: Part| PartView { text: part.text, r#match: part.is_match };
        Self {
            chat: hit.chat.into(),
            message: hit.message_id,
            snippet: hit.snippet.into_iter().map(part).collect(),
        }
    }
}

/// `GET /api/v1/search`
pub(crate) async fn show(
    member: Member,
    app: Data<App>,
    query: Query<SearchQuery>,
) -> Result<Json<Hits>, Error> {
    let SearchQuery { q, limit } = query.into_inner();
    if q.chars().count() > MAX_QUERY_CHARACTERS {
        return Err(Error::invalid("q", format!("A search has at most {MAX_QUERY_CHARACTERS} characters.")));
    }
    let limit = limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT);
    let hits = app.chats.search(&member, q, limit).await?;
    Ok(Json(Hits { items: hits.into_iter().map(HitView::from).collect() }))
}
