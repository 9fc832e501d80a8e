//! The lockdown: a child for each process that would be started goes into that process's cage, tries every way out, and
//! reports.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};

use super::super::serve::read_outside;
use super::super::voice::say;
use super::{Code, Outcome};
use crate::config::{Collector, Config, Policy};
use crate::lockdown::{self, Cage, Egress, Report};

/// Hidden verb of the children.
pub(in super::super) const VERB: &str = "@cage";

/// Which cage. The front's has a data directory, the dialler's ports; without anything it is the engine's.
#[derive(clap::Args)]
pub(in super::super) struct CageArguments {
    #[arg(long)]
    data: Option<PathBuf>,
    #[arg(long)]
    directory: bool,
    #[arg(long)]
    port: Vec<u16>,
    #[arg(long)]
    read: Vec<PathBuf>,
}

/// The body of the hidden verb: locks itself in and prints the report.
pub(in super::super) fn enter_cage(arguments: CageArguments) -> anyhow::Result<()> {
    let CageArguments { data, directory, port: ports, read } = arguments;
    let cage = match data {
        Some(data_dir) => Cage::Front { data_dir, read },
        None if directory => Cage::Directory,
        None if !ports.is_empty() => Cage::Dialler { ports },
        None => Cage::Engine,
    };
    let report = lockdown::enter(&cage, Egress::Report)?;
    say(&serde_json::to_string(&report)?);
    Ok(())
}

pub(super) fn check(config: &Config) -> Outcome {
    let mut outcome = Outcome::new();
    judge("engine", try_cage(&[]), config.egress.policy, &mut outcome);
    let data = &config.data.dir;
    if data.exists() {
        let mut arguments = vec!["--data".into(), data.clone()];
        for path in read_outside(config).into_iter().filter(|path| path.exists()) {
            arguments.extend(["--read".into(), path]);
        }
        judge("front", try_cage(&arguments), config.egress.policy, &mut outcome);
    } else {
        outcome.find("the front's cage was not tried: there is no data directory");
    }
    if config.directory.is_configured() {
        judge("directory", try_cage(&["--directory".into()]), config.egress.policy, &mut outcome);
        let ports = config.directory.targets().into_iter().map(|server| server.port.to_string());
        let arguments: Vec<_> = ports.flat_map(|port| ["--port".into(), port.into()]).collect();
        judge("dialler", try_cage(&arguments), config.egress.policy, &mut outcome);
    }
    if let Some((_, port)) = config.audit.collector.as_ref().and_then(Collector::target) {
        let arguments = ["--port".into(), port.to_string().into()];
        judge("collector's dialler", try_cage(&arguments), config.egress.policy, &mut outcome);
    }
    outcome
}

fn try_cage(arguments: &[PathBuf]) -> anyhow::Result<Report> {
    let mut command = Command::new("/proc/self/exe");
    command.arg(VERB).args(arguments).env_clear().stdin(Stdio::null());
    let output = command.output().context("a process to try it with")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{}: {}", output.status, said.trim());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn judge(process: &str, tried: anyhow::Result<Report>, policy: Policy, outcome: &mut Outcome) {
    let report = match tried {
        Ok(report) => report,
        Err(error) => {
            let advice = "the processes would not start, either: remove what the message names";
            return outcome.fail(Code::Failure, format!("{process}: {error:#}"), advice);
        }
    };
    let blocked = report.channels.iter().filter(|channel| channel.blocked).count();
    let found = format!("{process}: {blocked} of {} channels blocked", report.channels.len());
    if report.is_full() {
        outcome.find(format!("{found}, level full"));
        let (missing, _) = lacking(&report);
        if !missing.is_empty() {
            outcome.find(format!("the other layers do that alone: {missing}"));
        }
        return;
    }
    let (missing, remedies) = lacking(&report);
    let open: Vec<&str> = report.open().map(|channel| channel.name.as_str()).collect();
    let found = format!("{found}, NOT full; open: {}; {missing}", open.join(", "));
    match policy {
        Policy::Strict => outcome.fail(Code::Failure, found, format!("`serve` refuses to start: {remedies}")),
        Policy::Report => outcome.warn(found, format!("egress.policy = \"report\" only warns: {remedies}")),
    }
}

/// What the kernel does not give, and how it would.
fn lacking(report: &Report) -> (String, String) {
    let (missing, remedies): (Vec<String>, Vec<&str>) =
        report.lacks().map(|lack| (lack.to_string(), lack.remedy)).unzip();
    (missing.join(", "), remedies.join("; "))
}

#[cfg(test)]
mod tests {
    use super::super::Status;
    use super::*;
    use crate::lockdown::{Channel, Layer};

    fn report(namespaces: Layer, udp_blocked: bool) -> Report {
        let active = || Layer::Active { extent: "all".to_owned() };
        let channel =
            |name: &str, blocked| Channel { name: name.to_owned(), blocked, answer: "answer".to_owned() };
        Report {
            namespaces,
            files: active(),
            system_calls: active(),
            channels: vec![channel("tcp4", true), channel("udp4", udp_blocked)],
            detours: vec![channel("program", true)],
        }
    }

    #[test]
    fn what_the_kernel_lacks_is_named_and_counts_as_the_policy_says() {
        let missing = || Layer::Missing { why: "EPERM".to_owned() };
        for (report, policy, status) in [
            (report(missing(), true), Policy::Strict, Status::Ok),
            (report(missing(), false), Policy::Strict, Status::Failed),
            (report(missing(), false), Policy::Report, Status::Warning),
        ] {
            let mut outcome = Outcome::new();
            judge("engine", Ok(report), policy, &mut outcome);
            assert_eq!(outcome.status(), status);
            let found = outcome.findings().join(" ");
            assert!(found.contains("namespaces missing (EPERM)"), "{found}");
            assert_eq!(found.contains("udp4"), status != Status::Ok, "{found}");
            assert_eq!(outcome.advice().join(" ").contains("user namespaces"), status != Status::Ok);
        }
    }
}
