//! Whether the appliance lives and is ready, for the machine that watches it.

use actix_web::HttpResponse;
use actix_web::web::Data;

use crate::app::App;

/// `GET /healthz`: the process answers.
pub(crate) async fn live() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: the store takes writes and the engine has its model.
pub(crate) async fn ready(app: Data<App>) -> HttpResponse {
    let problem = match (app.store.failed(), app.chats.engines().present()) {
        (true, _) => "the store takes no writes\n",
        (false, None) => "the engine is not ready\n",
        (false, Some(_)) => return HttpResponse::Ok().content_type("text/plain").body("ready\n"),
    };
    HttpResponse::ServiceUnavailable().content_type("text/plain").body(problem)
}
