//! People's certificates: can the authorities be read, and do their revocation lists still count?

use super::{Code, Outcome};
use crate::clock::{Clock, DAY_US, rfc3339};
use crate::config::Config;
use crate::identity::certificate::{About, Authority};

/// How long before its end a list is worth a word.
const SOON_US: i64 = DAY_US;
const PUT_ONE: &str = "put the authority's current list into certificates.revocation_lists: until then nobody signs in \
                       with a certificate that it would have to speak of";

pub(super) fn check(config: &Config, clock: &dyn Clock) -> Outcome {
    let authority = match Authority::load(&config.certificates) {
        Ok(Some(authority)) => authority,
        Ok(None) => {
            return Outcome::skipped("certificates.ca is not set: nobody signs in with a certificate");
        }
        Err(error) => return Outcome::failed(Code::Failure, error.to_string(), "correct certificates.ca"),
    };
    let mut outcome = Outcome::new();
    let subject = config.certificates.subject.name();
    outcome.find(match config.certificates.domain.as_str() {
        "" => format!("the user name is the certificate's {subject}"),
        domain => format!("the user name is the certificate's {subject} without @{domain}"),
    });
    match authority.check_lists() {
        Ok(lists) => lists.iter().for_each(|list| judge_list(list, clock.now_us(), &mut outcome)),
        Err(error) => outcome.fail(Code::Failure, error.to_string(), PUT_ONE),
    }
    outcome
}

fn judge_list(list: &About, now_us: i64, outcome: &mut Outcome) {
    let About { issuer, until_us, revoked } = list;
    let Some(until_us) = until_us else {
        let found = format!("the list of {issuer} does not say until when it counts");
        return outcome.fail(Code::Failure, found, PUT_ONE);
    };
    let found = format!("{issuer}: {revoked} revoked, counts until {}", rfc3339(*until_us));
    if now_us >= *until_us {
        outcome.fail(Code::Failure, format!("{found}: that is over"), PUT_ONE);
    } else if now_us >= until_us - SOON_US {
        outcome.warn(format!("{found}: that is soon"), "put the next one there in time");
    } else {
        outcome.find(found);
    }
}
