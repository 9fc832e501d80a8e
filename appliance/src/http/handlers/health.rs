//! Whether the appliance lives and is ready, for the machine that watches it.

use actix_web::HttpResponse;
use actix_web::web::Data;

use crate::app::App;
use crate::space::Demand;

/// `GET /healthz`: the process answers.
pub(crate) async fn live() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: the store takes writes, there is space for them, and the engine has its model.
pub(crate) async fn ready(app: Data<App>) -> HttpResponse {
    let problem = if app.store.failed() {
        "the store takes no writes\n"
    } else if app.space.has_room_for(Demand::Text).is_err() {
        "the disk is full\n"
    } else if app.chats.engines().present().is_none() {
        "the engine is not ready\n"
    } else {
        return HttpResponse::Ok().content_type("text/plain").body("ready\n");
    };
    HttpResponse::ServiceUnavailable().content_type("text/plain").body(problem)
}
