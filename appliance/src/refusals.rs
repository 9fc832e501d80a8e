//! Refusals of requests and sign-ins without a session are recorded singly up to ten a minute and source, then counted, so that
//! nobody can fill the log from outside.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::clock::SECOND_US;

const SINGLE_PER_MINUTE: u64 = 10;
const MINUTE_US: i64 = 60 * SECOND_US;
/// Sources counted apart; beyond that they share one count.
const MAX_SOURCES: usize = 10_000;
const EVERYBODY_ELSE: &str = "others";

/// The counts of the present minute.
#[derive(Clone, Default)]
pub struct Refusals(Arc<Mutex<HashMap<String, Count>>>);

struct Count {
    since_us: i64,
    seen: u64,
}

impl Refusals {
    /// Whether this refusal is to be recorded singly; else it is counted.
    pub fn admit(&self, ip: &str, now_us: i64) -> bool {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let full = counts.len() >= MAX_SOURCES && !counts.contains_key(ip);
        let source = if full { EVERYBODY_ELSE } else { ip };
        let count = counts.entry(source.to_owned()).or_insert(Count { since_us: now_us, seen: 0 });
        count.seen += 1;
        count.seen <= SINGLE_PER_MINUTE
    }

    /// Takes out the minutes that are over: source and number of the refusals not recorded singly.
    pub fn take_finished(&self, now_us: i64) -> Vec<(String, u64)> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut finished = Vec::new();
        counts.retain(|ip, count| {
            let over = now_us >= count.since_us + MINUTE_US;
            if over && count.seen > SINGLE_PER_MINUTE {
                finished.push((ip.clone(), count.seen - SINGLE_PER_MINUTE));
            }
            !over
        });
        finished
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_ten_records_and_one_count() {
        let refusals = Refusals::default();
        let single = (0..1000).filter(|_| refusals.admit("10.0.0.7", 0)).count();
        assert_eq!(single, 10);
        assert!(refusals.admit("10.0.0.8", 0), "another source has its own count");
        assert!(refusals.take_finished(MINUTE_US - 1).is_empty());
        assert_eq!(refusals.take_finished(MINUTE_US), vec![("10.0.0.7".to_owned(), 990)]);
        assert!(refusals.admit("10.0.0.7", MINUTE_US), "a new minute begins");
    }

    #[test]
    fn many_sources_take_bounded_space() {
        let refusals = Refusals::default();
        for source in 0..(MAX_SOURCES + 500) {
            refusals.admit(&source.to_string(), 0);
        }
        let held = refusals.0.lock().unwrap().len();
        assert!(held <= MAX_SOURCES + 1, "{held} sources are held");
    }
}
