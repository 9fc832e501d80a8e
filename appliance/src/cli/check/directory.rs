//! The directory: can its authority and its password be read, by whom, and do the servers' names have addresses? With
//! `--bind` it is asked, as a sign-in would ask it: both processes are started, and the service account binds.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::super::serve::{HOSTS, plan_directory};
use super::{Code, Outcome};
use crate::config::{Config, Mapping};
use crate::directory::{Directory, Report, hosts};
use crate::processes::{DirectoryPair, EXECUTABLE};

pub(super) fn check(config: &Config, bind: bool) -> Outcome {
    let directory = &config.directory;
    if !directory.is_configured() {
        return Outcome::skipped("directory.servers is empty: all accounts are local");
    }
    let mut outcome = Outcome::new();
    judge_names(directory, &mut outcome);
    judge_authority(directory.ca.as_deref().unwrap_or(Path::new("")), &mut outcome);
    judge_password(directory.bind_password_file.as_deref().unwrap_or(Path::new("")), &mut outcome);
    if !directory.map.iter().any(gives_a_role) {
        outcome.find("no group of the directory gives a role in this file");
    }
    if bind {
        match ask(config) {
            Ok(report) => judge_report(report, &mut outcome),
            Err(error) => outcome.fail(
                Code::Failure,
                format!("{error:#}"),
                "the directory's processes do not start: correct what the message names",
            ),
        }
    } else {
        outcome.find("not asked: --bind does that");
    }
    outcome
}

fn gives_a_role(mapping: &Mapping) -> bool {
    mapping.role.is_some()
}

fn judge_names(directory: &crate::config::Directory, outcome: &mut Outcome) {
    let table = fs::read_to_string(HOSTS).unwrap_or_default();
    for server in directory.targets() {
        let addresses = hosts::resolve(&server.host, &table);
        if addresses.is_empty() {
            outcome.fail(
                Code::Configuration,
                format!("{server}: {} has no address in {HOSTS}", server.host),
                format!("write `ADDRESS {}` into {HOSTS}: there is no DNS client", server.host),
            );
        } else {
            let addresses: Vec<_> = addresses.iter().map(ToString::to_string).collect();
            outcome.find(format!("{server} is at {}", addresses.join(", ")));
        }
    }
}

fn judge_authority(path: &Path, outcome: &mut Outcome) {
    let read = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| error.to_string());
    match read {
        Ok(certificates) if !certificates.is_empty() => {
            outcome.find(format!("{} has {} authorities", path.display(), certificates.len()));
        }
        Ok(_) => outcome.fail(
            Code::Configuration,
            format!("directory.ca: {} has no certificate in it", path.display()),
            "put the certificate of the authority (PEM) there that signed the servers' certificates",
        ),
        Err(error) => outcome.fail(
            Code::Configuration,
            format!("directory.ca: {}: {error}", path.display()),
            "put the certificate of the authority (PEM) there that signed the servers' certificates",
        ),
    }
}

/// Who else could read the service account's password; its group alone is no failure, as for the key file.
fn judge_password(path: &Path, outcome: &mut Outcome) {
    let name = "directory.bind_password_file";
    let (metadata, text) = match fs::metadata(path)
        .and_then(|metadata| Ok((metadata, fs::read_to_string(path)?)))
    {
        Ok(read) => read,
        Err(error) => {
            let advice = "put the service account's password there, on one line";
            return outcome.fail(Code::Configuration, format!("{name}: {}: {error}", path.display()), advice);
        }
    };
    if text.trim().is_empty() {
        let advice = "put the service account's password there, on one line";
        outcome.fail(Code::Configuration, format!("{name}: {} is empty", path.display()), advice);
    }
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & 0o007 != 0 {
        let found =
            format!("everybody on this machine may read or change {} (mode {mode:04o})", path.display());
        outcome.fail(Code::Failure, found, format!("chmod 600 {}", path.display()));
    } else if mode & 0o070 != 0 {
        let found = format!("its group may read or change {} (mode {mode:04o})", path.display());
        outcome.warn(found, format!("chmod 600 {}, unless the group is meant", path.display()));
    }
}

fn ask(config: &Config) -> anyhow::Result<Report> {
    let (_pair, socket) = DirectoryPair::start(&PathBuf::from(EXECUTABLE), &plan_directory(config))?;
    let directory = Directory::new(&config.directory);
    directory.connect(socket)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    Ok(runtime.block_on(directory.test(None)))
}

fn judge_report(report: Report, outcome: &mut Outcome) {
    for step in report.steps {
        match step.advice {
            Some(advice) => outcome.fail(Code::Failure, step.found, advice),
            None => outcome.find(step.found),
        }
    }
}
