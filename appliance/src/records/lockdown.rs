//! Records of the lockdown.

use redoubt_audit::catalogue as event;
use redoubt_audit::{Actor, Draft, Outcome};

use crate::lockdown::{Process, Report};

/// What came of a process's tries to get out, at its start.
pub fn egress_tested(process: Process, report: &Report) -> Draft {
    let names = |blocked: bool| -> Vec<String> {
        let tried = report.tried().filter(|channel| channel.blocked == blocked);
        tried.map(|channel| channel.name.clone()).collect()
    };
    let outcome = if report.is_full() { Outcome::Ok } else { Outcome::Error };
    let missing: Vec<_> = report.lacks().map(|lack| lack.layer.to_owned()).collect();
    Draft::new(event::EGRESS_SELFTEST, outcome, Actor::system())
        .data("process", process.name())
        .data("blocked", names(true))
        .data("open", names(false))
        .data("missing", missing)
}
