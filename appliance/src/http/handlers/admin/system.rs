//! How the appliance is.

use actix_web::web::{Data, Json};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::clock::{SECOND_US, rfc3339};
use crate::identity::Administrator;
use crate::lockdown::{Channel, Layer, Process, Report};

#[derive(Serialize, ToSchema)]
pub(crate) struct System {
    version: &'static str,
    uptime_seconds: u64,
    /// How far each process was locked in when it last started.
    lockdown: Vec<ProcessLockdown>,
    models: Vec<SystemModel>,
    /// The appliance's clock.
    clock: String,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct ProcessLockdown {
    /// `front`, `engine`, `directory`, `dialler` (the directory's) or `collector-dialler`.
    process: &'static str,
    /// Everything that was tried is blocked, and the filter of system calls keeps it so.
    full: bool,
    /// Mechanisms of the kernel.
    layers: Vec<SystemLayer>,
    /// Ways to a network that the process tried. A dialler may use TCP; where the kernel does not tell ports apart, it
    /// does not try that.
    channels: Vec<SystemChannel>,
    /// Ways to somebody else on the machine that it tried.
    detours: Vec<SystemChannel>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct SystemLayer {
    /// `namespaces`, `Landlock` or `seccomp`.
    name: &'static str,
    holds: bool,
    /// To what extent, or why not.
    about: String,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct SystemChannel {
    name: String,
    blocked: bool,
    /// What the kernel answered.
    answer: String,
}

impl From<(Process, Report)> for ProcessLockdown {
    fn from((process, report): (Process, Report)) -> Self {
        let layers = report.layers().into_iter().map(|(name, layer)| match layer {
            Layer::Active { extent } => SystemLayer { name, holds: true, about: extent.clone() },
            Layer::Missing { why } => SystemLayer { name, holds: false, about: why.clone() },
        });
        Self {
            process: process.name(),
            full: report.is_full(),
            layers: layers.collect(),
            channels: report.channels.into_iter().map(Into::into).collect(),
            detours: report.detours.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<Channel> for SystemChannel {
    fn from(Channel { name, blocked, answer }: Channel) -> Self {
        Self { name, blocked, answer }
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct SystemModel {
    id: String,
    title: String,
    /// Whether its engine is running.
    available: bool,
}

/// `GET /api/v1/admin/system`
pub(crate) async fn show(_: Administrator, app: Data<App>) -> Json<System> {
    let available = app.chats.engines().present().is_some();
    let models = [Some(app.chats.model()), app.embeddings.model()].into_iter().flatten();
    let model = |id: &str, title: &str| SystemModel { id: id.to_owned(), title: title.to_owned(), available };
    Json(System {
        version: env!("CARGO_PKG_VERSION"),
        uptime_seconds: app.uptime_us() / SECOND_US.unsigned_abs(),
        lockdown: app.self_tests.latest().into_iter().map(Into::into).collect(),
        models: models.map(|manifest| model(&manifest.id, &manifest.title)).collect(),
        clock: rfc3339(app.clock.now_us()),
    })
}
