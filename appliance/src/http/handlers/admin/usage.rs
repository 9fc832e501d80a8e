//! Everybody's use of the models, added up.

use actix_web::web::{Data, Json, Query};
use redoubt_store::usage::{self, Total};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::access::MOST_DAYS;
use crate::app::App;
use crate::http::error::Error;
use crate::http::handlers::usage::DEFAULT_DAYS;
use crate::identity::Administrator;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct TotalsQuery {
    /// Days back, today being one; 30 unless told, 366 at most.
    days: Option<u32>,
    #[param(inline)]
    by: UsageBy,
}

#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum UsageBy {
    Person,
    Model,
    Workspace,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct Totals {
    items: Vec<TotalView>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Total)]
pub(crate) struct TotalView {
    /// The id.
    key: String,
    name: String,
    requests: u64,
    prompt_tokens: u64,
    completion_tokens: u64,
    /// Requests beyond a quota.
    refusals: u64,
}

impl From<Total> for TotalView {
    fn from(total: Total) -> Self {
        Self {
            key: total.key,
            name: total.name,
            requests: total.amount.requests,
            prompt_tokens: total.amount.prompt_tokens,
            completion_tokens: total.amount.completion_tokens,
            refusals: total.amount.refusals,
        }
    }
}

/// `GET /api/v1/admin/usage`
pub(crate) async fn show(
    admin: Administrator,
    app: Data<App>,
    query: Query<TotalsQuery>,
) -> Result<Json<Totals>, Error> {
    let by = match query.by {
        UsageBy::Person => usage::By::Person,
        UsageBy::Model => usage::By::Model,
        UsageBy::Workspace => usage::By::Workspace,
    };
    let days = query.days.unwrap_or(DEFAULT_DAYS).clamp(1, MOST_DAYS);
    let totals = app.access.usage(admin.by(), days, by).await?;
    Ok(Json(Totals { items: totals.into_iter().map(TotalView::from).collect() }))
}
