//! `/metrics` for Prometheus, shown only to the addresses that the configuration names.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use redoubt_store::{ReserveState, sessions};

use crate::app::App;
use crate::clock::SECOND_US;
use crate::http::error::Error;
use crate::metrics::Present;

/// `GET /metrics`
///
/// Who asks is whom the connection comes from; no header can say otherwise.
pub(crate) async fn show(request: HttpRequest, app: Data<App>) -> Result<HttpResponse, Error> {
    let peer = request.peer_addr().map(|peer| peer.ip());
    if !peer.is_some_and(|peer| app.config.listen.shows_metrics_to(peer)) {
        return Err(Error::not_found());
    }
    let (waiting, running) = app.access.underway().counts();
    let stats = app.store.stats();
    let space = app.space.status();
    let alerts = app.access.open_alerts().await?;
    let present = Present {
        version: env!("CARGO_PKG_VERSION"),
        uptime_seconds: app.uptime_us() / SECOND_US.unsigned_abs(),
        sessions: app.store.read(sessions::count_full).await?,
        answers_running: running,
        answers_waiting: waiting,
        engine_ready: app.chats.engines().present().is_some(),
        store_commits: stats.commits,
        store_jobs: stats.jobs,
        storage_used_percent: space.used_percent.into(),
        storage_reserve_gone: (space.reserve == ReserveState::Gone).into(),
        collector: app.collector_standing().await?.map(|standing| (standing.connected, standing.waiting)),
        alerts: alerts.into_iter().map(|(rule, count)| (rule.as_str(), count)).collect(),
        tokens: app.access.underway().tokens(),
    };
    Ok(HttpResponse::Ok().content_type("text/plain; version=0.0.4").body(app.metrics.render(&present)))
}
