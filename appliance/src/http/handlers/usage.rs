//! The analyst's own use of the models.

use actix_web::web::{Data, Json, Query};
use redoubt_store::usage::Day;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::access::Member;
use crate::app::App;
use crate::clock::date;
use crate::http::error::Error;

/// As many as a page shows.
pub(super) const DEFAULT_DAYS: u32 = 30;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct UsageQuery {
    /// Days back, today being one; 30 unless told, 366 at most.
    days: Option<u32>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct OwnUsage {
    items: Vec<UsageDay>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct UsageDay {
    /// UTC, `2026-11-23`.
    day: String,
    model: String,
    requests: u64,
    prompt_tokens: u64,
    completion_tokens: u64,
}

impl From<Day> for UsageDay {
    fn from(day: Day) -> Self {
        Self {
            day: date(day.day),
            model: day.model,
            requests: day.amount.requests,
            prompt_tokens: day.amount.prompt_tokens,
            completion_tokens: day.amount.completion_tokens,
        }
    }
}

/// `GET /api/v1/usage`
pub(crate) async fn show(
    member: Member,
    app: Data<App>,
    query: Query<UsageQuery>,
) -> Result<Json<OwnUsage>, Error> {
    let days = app.access.own_usage(&member, query.days.unwrap_or(DEFAULT_DAYS)).await?;
    Ok(Json(OwnUsage { items: days.into_iter().map(UsageDay::from).collect() }))
}
