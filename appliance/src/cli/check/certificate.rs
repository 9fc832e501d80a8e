//! The certificate: is it valid now and for a while, for the names it is reached by, and does its key fit?

use std::net::IpAddr;

use redoubt_store::DataKey;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer as _;

use super::{Code, Outcome};
use crate::clock::{Clock, DAY_US, SECOND_US, rfc3339};
use crate::config::Config;
use crate::http::tls;

/// How long before its end a certificate is worth a word.
const SOON_US: i64 = 30 * DAY_US;

pub(super) fn check(config: &Config, key: Option<&DataKey>, clock: &dyn Clock) -> Outcome {
    let own = config.listen.certificate.is_none();
    let renew = if own {
        "if `tls/` in the data directory is missing or damaged, put it back from a backup; `redoubt init` made it"
    } else {
        "correct listen.certificate and listen.key"
    };
    let chain = match tls::certificates(&config.data.dir, &config.listen) {
        Ok(chain) => chain,
        Err(error) => return Outcome::failed(Code::Failure, format!("{error:#}"), renew),
    };
    let parsed = chain.first().and_then(|first| X509Certificate::from_der(first).ok());
    let Some((_, certificate)) = parsed else {
        return Outcome::failed(Code::Failure, "the file holds no certificate", renew);
    };
    let mut outcome = Outcome::new();
    judge_time(&certificate, clock.now_us(), own, &mut outcome);
    judge_names(&names(&certificate), config, own, &mut outcome);
    judge_key(config, key, renew, &mut outcome);
    outcome
}

fn judge_time(certificate: &X509Certificate<'_>, now_us: i64, own: bool, outcome: &mut Outcome) {
    let time_us = |time: x509_parser::time::ASN1Time| time.timestamp().saturating_mul(SECOND_US);
    let (from, until) =
        (time_us(certificate.validity().not_before), time_us(certificate.validity().not_after));
    let whose = if own { "made by this appliance" } else { "the operator's" };
    let day = |time_us: i64| rfc3339(time_us).split('T').next().unwrap_or_default().to_owned();
    let found = format!("{whose}, valid until {}", day(until));
    if now_us < from {
        let found = format!("{whose}, valid from {} on", day(from));
        outcome.fail(Code::Failure, found, "every browser refuses it: look at the clock first");
    } else if now_us > until {
        outcome.fail(
            Code::Failure,
            format!("{found}: that is over"),
            "every browser refuses it: get another one",
        );
    } else if now_us > until - SOON_US {
        outcome.warn(format!("{found}: that is soon"), "get another one");
    } else {
        outcome.find(found);
    }
}

/// The names and addresses that it is for.
fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let extension = certificate.subject_alternative_name().ok().flatten();
    let names = extension.map(|extension| &extension.value.general_names).into_iter().flatten();
    names
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some((*name).to_owned()),
            GeneralName::IPAddress(bytes) => address(bytes).map(|address| address.to_string()),
            _ => None,
        })
        .collect()
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}

fn judge_names(names: &[String], config: &Config, own: bool, outcome: &mut Outcome) {
    outcome.find(format!("for {}", if names.is_empty() { "no name".to_owned() } else { names.join(", ") }));
    // An operator's certificate has the names that they asked for; `listen.names` is not about it.
    let wanted = if own { config.listen.certificate_names() } else { Vec::new() };
    let has = |wanted: &String| names.iter().any(|name| name.eq_ignore_ascii_case(wanted));
    let missing: Vec<String> = wanted.into_iter().filter(|name| !has(name)).collect();
    if !missing.is_empty() {
        let advice = "browsers refuse these names: give listen.certificate and listen.key one that has them";
        outcome.warn(format!("not for {}, which [listen] names", missing.join(", ")), advice);
    } else if names.is_empty() {
        outcome.warn("it has no subject alternative name", "browsers refuse it: get one that has its names");
    }
}

/// Whether the front could serve with it.
fn judge_key(config: &Config, key: Option<&DataKey>, renew: &str, outcome: &mut Outcome) {
    let own = config.listen.certificate.is_none();
    if own && key.is_none() {
        return outcome
            .find("its private key is sealed and was not looked at, because the store's key is missing");
    }
    let unseal = |purpose: &str, aad: &[u8], sealed: &[u8]| match key {
        Some(key) => key.unseal(purpose, aad, sealed),
        None => Err(redoubt_store::Error::Sealed),
    };
    match tls::server_config(&config.data.dir, &config.listen, None, unseal) {
        Ok(_) => outcome.find("its private key fits"),
        Err(error) => outcome.fail(Code::Failure, format!("{error:#}"), renew),
    }
}
