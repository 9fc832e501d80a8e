//! The collector of records: can its authority be read, does its name have an address, and how far has it got?

use std::fs;

use super::super::serve::HOSTS;
use super::{Code, Outcome};
use crate::config::Config;
use crate::directory::hosts;
use crate::forwarding::Position;
use crate::outward;

pub(super) fn check(config: &Config) -> Outcome {
    let Some(collector) = &config.audit.collector else {
        return Outcome::skipped("[audit.collector] is not set: records go to no collector");
    };
    let mut outcome = Outcome::new();
    let host = collector.target().map(|(host, _)| host).unwrap_or_default();
    let addresses = hosts::resolve(&host, &fs::read_to_string(HOSTS).unwrap_or_default());
    if addresses.is_empty() {
        outcome.fail(
            Code::Configuration,
            format!("audit.collector.address: {host} has no address in {HOSTS}"),
            format!("write `ADDRESS {host}` into {HOSTS}: there is no DNS client"),
        );
    }
    let ca = collector.ca.display();
    let read = fs::read(&collector.ca).map_err(|error| error.to_string());
    match read.and_then(|pem| outward::check_authority(&pem).map_err(|error| error.to_string())) {
        Ok(()) => outcome.find(format!("{} is trusted by {ca}", collector.address)),
        Err(error) => outcome.fail(
            Code::Configuration,
            format!("audit.collector.ca: {ca}: {error}"),
            "put the certificate of the authority (PEM) there that signed the collector's certificate",
        ),
    }
    judge_position(config, &mut outcome);
    outcome
}

fn judge_position(config: &Config, outcome: &mut Outcome) {
    match Position::load(&config.data.dir) {
        Ok(Position { next, failure: None }) => {
            outcome.find(format!("it has the records before number {next}"))
        }
        Ok(Position { next, failure: Some(failure) }) => outcome.warn(
            format!("it has the records before number {next} and was not reached last: {failure}"),
            "correct what the message names; what it missed is sent once it is reached again",
        ),
        Err(error) => outcome.fail(
            Code::Failure,
            format!("how far it has got cannot be read: {error}"),
            format!("delete collector.json in {} to hand everything over again", config.data.dir.display()),
        ),
    }
}
