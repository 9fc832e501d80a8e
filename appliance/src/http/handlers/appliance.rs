//! What the page shows before anybody is signed in, the models, and the API's own description.

use actix_web::HttpResponse;
use actix_web::web::{Data, Json};
use serde::Serialize;
use utoipa::ToSchema;

use crate::access::Member;
use crate::app::App;
use crate::clock::rfc3339;
use crate::config::Marking;
use crate::http::error::Error;
use crate::http::openapi;

#[derive(Serialize, ToSchema)]
pub(crate) struct Appliance {
    name: &'static str,
    version: &'static str,
    /// The appliance's clock, by which one-time codes are judged.
    time: String,
    #[schema(required)]
    marking: Option<MarkingView>,
    /// To be accepted before the sign-in form.
    #[schema(required)]
    notice: Option<String>,
    /// Its SHA-256, which a sign-in sends as the sign that it was accepted.
    #[schema(required)]
    notice_sha256: Option<String>,
    /// Whether people of a directory sign in here, too.
    directory: bool,
    /// Whether a certificate is taken in place of name and password.
    certificates: bool,
}

/// The classification banner.
#[derive(Clone, Serialize, ToSchema)]
pub(crate) struct MarkingView {
    text: String,
    background: String,
    color: String,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct ModelPage {
    items: Vec<ModelView>,
    #[schema(required)]
    next: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct ModelView {
    id: String,
    title: String,
    /// Tokens that prompt and answer may have together.
    context: u32,
    #[schema(required)]
    architecture: Option<String>,
    #[schema(required)]
    parameters: Option<u64>,
    #[schema(required)]
    quantization: Option<String>,
    /// Whether its engine is running.
    available: bool,
}

impl MarkingView {
    /// `None` where there is no banner.
    pub(super) fn of(marking: &Marking) -> Option<Self> {
        let or = |value: &String, default: &str| match value.as_str() {
            "" => default.to_owned(),
            value => value.to_owned(),
        };
        (!marking.text.is_empty()).then(|| Self {
            text: marking.text.clone(),
            background: or(&marking.background, "#4b5563"),
            color: or(&marking.color, "#ffffff"),
        })
    }
}

/// `GET /api/v1/appliance`
pub(crate) async fn show(app: Data<App>) -> Json<Appliance> {
    let sign_in = &app.config.sign_in;
    Json(Appliance {
        name: "Redoubt",
        version: env!("CARGO_PKG_VERSION"),
        time: rfc3339(app.clock.now_us()),
        marking: MarkingView::of(&app.config.marking),
        notice: Some(sign_in.notice.clone()).filter(|notice| !notice.is_empty()),
        notice_sha256: sign_in.notice_sha256(),
        directory: app.directory.is_some(),
        certificates: app.identity.takes_certificates(),
    })
}

/// `GET /api/v1/models`
pub(crate) async fn models(member: Member, app: Data<App>) -> Json<ModelPage> {
    let manifest = app.chats.model();
    if !member.rights.may_use(&manifest.id) {
        return Json(ModelPage { items: Vec::new(), next: None });
    }
    let engine = app.chats.engines().present();
    let loaded = engine.as_ref().map(redoubt_engine::Engine::model);
    let model = ModelView {
        id: manifest.id.clone(),
        title: manifest.title.clone(),
        context: loaded.map_or(manifest.context, |loaded| loaded.context),
        architecture: loaded.map(|loaded| loaded.architecture.clone()),
        parameters: loaded.map(|loaded| loaded.parameters),
        quantization: loaded.map(|loaded| loaded.quantization.clone()),
        available: loaded.is_some(),
    };
    Json(ModelPage { items: vec![model], next: None })
}

/// `GET /api/v1/openapi.json`
pub(crate) async fn openapi() -> Result<HttpResponse, Error> {
    let document = openapi::document().to_pretty_json().map_err(Error::internal)?;
    Ok(HttpResponse::Ok().content_type("application/json").body(document))
}
