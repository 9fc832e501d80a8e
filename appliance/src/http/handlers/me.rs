//! What the signed-in person may: the part of `/api/v1/me` that the groups and the workspace decide, and the choice of a
//! workspace.

use actix_web::HttpResponse;
use actix_web::web::Data;
use redoubt_store::users::Role;
use redoubt_store::workspaces::Workspace;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::appliance::MarkingView;
use crate::access::{self, Rights};
use crate::app::App;
use crate::http::body::Body;
use crate::http::error::Error;
use crate::identity::{Analyst, Anyone, Caller};

#[derive(Serialize, ToSchema)]
pub(crate) struct RightsView {
    /// Those that an analyst has.
    permissions: Vec<&'static str>,
    /// The one that the session sees.
    #[schema(required)]
    workspace: Option<WorkspaceView>,
    /// Those that the person may choose from.
    workspaces: Vec<WorkspaceView>,
    quotas: OwnQuotas,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct WorkspaceView {
    id: String,
    name: String,
    /// `null`: the appliance's own.
    #[schema(required)]
    marking: Option<MarkingView>,
}

/// `null`: no limit.
#[derive(Default, Serialize, ToSchema)]
pub(crate) struct OwnQuotas {
    #[schema(required)]
    requests_per_day: Option<u64>,
    /// Of prompts and answers together.
    #[schema(required)]
    tokens_per_day: Option<u64>,
    #[schema(required)]
    parallel: Option<u32>,
    used: Used,
}

/// Since midnight (UTC).
#[derive(Default, Serialize, ToSchema)]
pub(crate) struct Used {
    requests: u64,
    tokens: u64,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WorkspaceChoice {
    workspace: String,
}

impl From<&Workspace> for WorkspaceView {
    fn from(workspace: &Workspace) -> Self {
        Self {
            id: workspace.id.clone(),
            name: workspace.name.clone(),
            marking: access::own_marking(workspace).as_ref().and_then(MarkingView::of),
        }
    }
}

impl RightsView {
    pub(super) async fn of(app: &App, caller: &Caller<Anyone>) -> Result<Self, Error> {
        let none = Self {
            permissions: Vec::new(),
            workspace: None,
            workspaces: Vec::new(),
            quotas: OwnQuotas::default(),
        };
        if caller.user.role != Role::Analyst {
            return Ok(none);
        }
        let own = app.access.own_rights(caller.id(), caller.workspace()).await?;
        let access::OwnRights { rights: Rights { quotas, .. }, used, .. } = &own;
        let used = Used { requests: used.requests, tokens: used.prompt_tokens + used.completion_tokens };
        Ok(Self {
            permissions: own.rights.permissions().map(access::Permission::as_str).collect(),
            workspace: own.workspace.as_ref().map(WorkspaceView::from),
            workspaces: own.workspaces.iter().map(WorkspaceView::from).collect(),
            quotas: OwnQuotas {
                requests_per_day: quotas.requests_per_day,
                tokens_per_day: quotas.tokens_per_day,
                parallel: quotas.parallel,
                used,
            },
        })
    }
}

/// `POST /api/v1/session/workspace`
pub(crate) async fn choose_workspace(
    caller: Caller<Analyst>,
    app: Data<App>,
    body: Body<WorkspaceChoice>,
) -> Result<HttpResponse, Error> {
    app.access.choose_workspace(&caller, &body.0.workspace).await?;
    Ok(HttpResponse::NoContent().finish())
}
