//! What a test of the directory found, step by step: for the admin's page and the command line.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Report {
    /// Whether every step went well.
    pub ok: bool,
    pub steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Step {
    pub name: StepName,
    pub ok: bool,
    /// What was found, in one sentence.
    pub found: String,
    /// What to do about it; only where it is not well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
    pub elapsed_ms: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum StepName {
    /// Does the server's name have an address?
    Address,
    Connect,
    /// StartTLS where it is needed, and the certificate.
    Tls,
    /// With the service account.
    Bind,
    Search,
    Groups,
}

impl Report {
    pub(super) fn of(steps: Vec<Step>) -> Self {
        Self { ok: steps.iter().all(|step| step.ok), steps }
    }

    /// Where not even the first step could be taken.
    pub(super) fn not_asked(why: String) -> Self {
        let advice = "see what the log says about the directory's process";
        Self::of(vec![Step::bad(StepName::Connect, why, advice, Duration::ZERO)])
    }
}

impl Step {
    pub(super) fn good(name: StepName, found: String, elapsed: Duration) -> Self {
        Self { name, ok: true, found, advice: None, elapsed_ms: milliseconds(elapsed) }
    }

    pub(super) fn bad(name: StepName, found: String, advice: &str, elapsed: Duration) -> Self {
        let advice = Some(advice.to_owned());
        Self { name, ok: false, found, advice, elapsed_ms: milliseconds(elapsed) }
    }
}

fn milliseconds(elapsed: Duration) -> u64 {
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}
