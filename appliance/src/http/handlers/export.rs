//! A chat as a file to keep.

use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::{Data, Path, Query};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::chat::Format;
use crate::http::error::Error;
use crate::identity::{Analyst, Proven};

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ExportQuery {
    #[param(inline)]
    format: FormatView,
}

#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum FormatView {
    Markdown,
    Json,
}

/// `GET /api/v1/chats/{id}/export`
pub(crate) async fn show(
    caller: Proven<Analyst>,
    app: Data<App>,
    id: Path<String>,
    query: Query<ExportQuery>,
) -> Result<HttpResponse, Error> {
    let member = app.access.member((*caller).clone()).await?;
    let format = match query.format {
        FormatView::Markdown => Format::Markdown,
        FormatView::Json => Format::Json,
    };
    let export = app.chats.export(&member, &id, format).await?;
    let disposition = format!("attachment; filename=\"{}\"", export.file_name);
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, export.content_type))
        .insert_header((header::CONTENT_DISPOSITION, disposition))
        .body(export.body))
}
