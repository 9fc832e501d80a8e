//! The routes that programs use: OpenAI's, and those that watch the appliance.

use actix_web::http::Method;
use actix_web::web;
use redoubt_audit::catalogue as event;

use super::{Access, Route};
use crate::http::handlers::{appliance, completions, embeddings, health, metrics};

pub(super) fn all() -> Vec<Route> {
    [programs(), operations()].concat()
}

fn programs() -> Vec<Route> {
    use Access::ApiKey;
    vec![
        Route::on(Method::GET, "/v1/models", ApiKey, "OpenAI: models", || {
            web::route().to(completions::models)
        })
        .shows_common()
        .returns::<serde_json::Value>(200)
        .even_when_full(),
        Route::on(Method::POST, "/v1/chat/completions", ApiKey, "OpenAI: chat completion", || {
            web::route().to(completions::create)
        })
        .records(&[event::INFERENCE_START, event::INFERENCE_END])
        .takes::<serde_json::Value>()
        .returns::<serde_json::Value>(200)
        .writes_texts(),
        Route::on(Method::POST, "/v1/embeddings", ApiKey, "OpenAI: embeddings", || {
            web::route().to(embeddings::create)
        })
        .records(&[event::INFERENCE_START, event::INFERENCE_END])
        .takes::<serde_json::Value>()
        .returns::<serde_json::Value>(200)
        .writes_texts(),
    ]
}

fn operations() -> Vec<Route> {
    use Access::Public;
    vec![
        Route::on(Method::GET, "/healthz", Public, "The process answers", || web::route().to(health::live))
            .shows_common()
            .file("text/plain"),
        Route::on(Method::GET, "/readyz", Public, "Store and engine are ready", || {
            web::route().to(health::ready)
        })
        .shows_common()
        .file("text/plain"),
        Route::on(Method::GET, "/metrics", Public, "Counters, for the addresses that may see them", || {
            web::route().to(metrics::show)
        })
        .shows_common()
        .file("text/plain"),
        Route::on(Method::GET, "/api/v1/openapi.json", Public, "This API's description", || {
            web::route().to(appliance::openapi)
        })
        .shows_common()
        .file("application/json"),
    ]
}
