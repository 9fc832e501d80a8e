//! How often one source may try to sign in within a minute, before anybody looks at what it sent.
//!
//! Names have locks; this is of addresses, and generous: a terminal server signs a whole shift in from one address. It keeps
//! one source from having all the time that hashes take.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Error, Identity};
use crate::clock::SECOND_US;
use crate::records::{self, Via};

const MINUTE_US: i64 = 60 * SECOND_US;
/// Sources that are counted; while there are so many, further ones are not.
const MAX_SOURCES: usize = 10_000;

/// The counts of the present minute, by source.
#[derive(Clone, Default)]
pub(super) struct Attempts(Arc<Mutex<HashMap<String, Minute>>>);

struct Minute {
    since_us: i64,
    attempts: u32,
}

/// What becomes of an attempt.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    Admitted,
    /// `first`: of this source in this minute. `seconds`: until the minute is over.
    Refused {
        first: bool,
        seconds: u64,
    },
}

impl Minute {
    fn is_over(&self, now_us: i64) -> bool {
        // A clock that was set back must not make a minute longer.
        !(self.since_us..self.since_us + MINUTE_US).contains(&now_us)
    }
}

impl Attempts {
    fn take(&self, ip: &str, limit: u32, now_us: i64) -> Fate {
        let mut sources = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if sources.len() >= MAX_SOURCES && !sources.contains_key(ip) {
            sources.retain(|_, minute| !minute.is_over(now_us));
            if sources.len() >= MAX_SOURCES {
                return Fate::Admitted;
            }
        }
        let new = || Minute { since_us: now_us, attempts: 0 };
        let minute = sources.entry(ip.to_owned()).or_insert_with(new);
        if minute.is_over(now_us) {
            *minute = new();
        }
        minute.attempts = minute.attempts.saturating_add(1);
        if minute.attempts <= limit {
            return Fate::Admitted;
        }
        let left_us = (minute.since_us + MINUTE_US - now_us).unsigned_abs();
        let seconds = left_us.div_ceil(SECOND_US.unsigned_abs());
        Fate::Refused { first: minute.attempts == limit.saturating_add(1), seconds }
    }
}

impl Identity {
    /// Counts an attempt to sign in. The first that is refused is recorded, all further ones of its minute are counted.
    ///
    /// # Errors
    /// [`Error::TooManyAttempts`], or what the store says.
    pub async fn admit_attempt(&self, via: &Via) -> Result<(), Error> {
        let limit = self.limits.attempts_per_minute;
        let now_us = self.clock.now_us();
        let Fate::Refused { first, seconds } = self.attempts.take(&via.source.ip, limit, now_us) else {
            return Ok(());
        };
        if !first {
            self.refusals.count(&via.source.ip, now_us);
        } else if self.refusals.admit_rare(&via.source.ip, now_us) {
            let draft = records::attempts_limited(limit, via);
            self.store.write(move |tx| tx.audit(draft).map(|_| ())).await?;
        }
        Err(Error::TooManyAttempts { seconds })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_has_its_attempts_of_a_minute_and_others_have_theirs() {
        let attempts = Attempts::default();
        let refused = |first, seconds| Fate::Refused { first, seconds };
        for _ in 0..3 {
            assert_eq!(attempts.take("10.0.0.7", 3, 0), Fate::Admitted);
        }
        assert_eq!(attempts.take("10.0.0.7", 3, 0), refused(true, 60));
        assert_eq!(attempts.take("10.0.0.7", 3, MINUTE_US - 1), refused(false, 1));
        assert_eq!(attempts.take("10.0.0.8", 3, 0), Fate::Admitted);
        assert_eq!(attempts.take("10.0.0.7", 3, MINUTE_US), Fate::Admitted, "a new minute");
        assert_eq!(attempts.take("10.0.0.8", 3, -1), Fate::Admitted, "the clock was set back");
    }

    #[test]
    fn many_sources_take_bounded_space() {
        let attempts = Attempts::default();
        for source in 0..MAX_SOURCES + 500 {
            assert_eq!(attempts.take(&source.to_string(), 1, 0), Fate::Admitted);
        }
        assert_eq!(attempts.0.lock().unwrap().len(), MAX_SOURCES);
        attempts.take("another", 1, MINUTE_US);
        assert_eq!(attempts.0.lock().unwrap().len(), 1, "minutes that are over make room");
    }
}
