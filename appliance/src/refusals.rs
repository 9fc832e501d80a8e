//! Refusals of requests, sign-ins and connections without a session are recorded singly up to ten a minute and source, and 200 a
//! minute of all sources; the rest is counted, so that nobody can fill the log from outside.
//!
//! **Invariant:** a minute's refusals take less than 1 MB of the log, whatever comes from outside: one takes at most 2,400 bytes
//! (a failed sign-in and its lock, with a typed name of 128 characters), a count 400.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::clock::SECOND_US;

const SINGLE_PER_MINUTE: u64 = 10;
/// Of all sources together.
const SINGLES_PER_MINUTE: u64 = 200;
const MINUTE_US: i64 = 60 * SECOND_US;
/// Sources counted apart; beyond that they share one count.
const MAX_SOURCES: usize = 1_000;
const EVERYBODY_ELSE: &str = "others";

/// The counts of the present minute.
#[derive(Clone, Default)]
pub struct Refusals(Arc<Mutex<Counts>>);

#[derive(Default)]
struct Counts {
    by_source: HashMap<String, Count>,
    /// Sources whose connections are refused, to be recorded.
    crowded: Vec<String>,
    /// Of all sources: what was recorded singly.
    single: Count,
}

#[derive(Default)]
struct Count {
    since_us: i64,
    seen: u64,
    single: u64,
    /// Whether a connection was refused.
    crowded: bool,
}

impl Count {
    fn is_over(&self, now_us: i64) -> bool {
        // A clock that was set back must not make a minute longer.
        !(self.since_us..self.since_us + MINUTE_US).contains(&now_us)
    }
}

impl Refusals {
    /// Whether this refusal is to be recorded singly; else it is counted.
    pub fn admit(&self, ip: &str, now_us: i64) -> bool {
        self.counts().admit(ip, now_us, SINGLE_PER_MINUTE)
    }

    /// The same for a kind of refusal that a source has once a minute at most, whatever else was refused to it.
    pub fn admit_rare(&self, ip: &str, now_us: i64) -> bool {
        self.counts().admit(ip, now_us, u64::MAX)
    }

    /// Counts a refusal whose kind was recorded for this source already.
    pub fn count(&self, ip: &str, now_us: i64) {
        self.counts().of(ip, now_us).1.seen += 1;
    }

    /// Counts a connection that was refused. The first of a source in a minute is to be recorded: [`Refusals::take_crowded`].
    pub fn count_connection(&self, ip: &str, now_us: i64) {
        let mut counts = self.counts();
        let (source, count) = counts.of(ip, now_us);
        if std::mem::replace(&mut count.crowded, true) {
            count.seen += 1;
        } else if counts.admit(ip, now_us, u64::MAX) {
            counts.crowded.push(source);
        }
    }

    /// Takes out the sources whose first refused connection of a minute is not recorded yet.
    pub fn take_crowded(&self) -> Vec<String> {
        std::mem::take(&mut self.counts().crowded)
    }

    /// Takes out the minutes that are over: source and number of the refusals not recorded singly.
    pub fn take_finished(&self, now_us: i64) -> Vec<(String, u64)> {
        let mut counts = self.counts();
        let mut finished = Vec::new();
        counts.by_source.retain(|ip, count| {
            let over = count.is_over(now_us);
            if over && count.seen > count.single {
                finished.push((ip.clone(), count.seen - count.single));
            }
            !over
        });
        finished
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    /// The count that a source has in this minute, and under which name.
    fn of(&mut self, ip: &str, now_us: i64) -> (String, &mut Count) {
        let full = self.by_source.len() >= MAX_SOURCES && !self.by_source.contains_key(ip);
        let source = if full { EVERYBODY_ELSE } else { ip };
        let new = || Count { since_us: now_us, ..Count::default() };
        (source.to_owned(), self.by_source.entry(source.to_owned()).or_insert_with(new))
    }

    /// `most`: how many of a source's refusals may have been single before.
    fn admit(&mut self, ip: &str, now_us: i64, most: u64) -> bool {
        if self.single.is_over(now_us) {
            self.single = Count { since_us: now_us, ..Count::default() };
        }
        let is_room_for_all = self.single.single < SINGLES_PER_MINUTE;
        let (_, count) = self.of(ip, now_us);
        count.seen += 1;
        let admitted = count.single < most && is_room_for_all;
        count.single += u64::from(admitted);
        self.single.single += u64::from(admitted);
        admitted
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
    fn refused_connections_of_a_source_are_one_record_a_minute_and_a_count() {
        let refusals = Refusals::default();
        let recorded = (0..100).filter(|_| refusals.admit("10.0.0.7", 0)).count();
        for _ in 0..50 {
            refusals.count_connection("10.0.0.7", 0);
        }
        refusals.count_connection("10.0.0.8", 0);
        assert_eq!(refusals.take_crowded(), ["10.0.0.7", "10.0.0.8"]);
        assert!(refusals.take_crowded().is_empty());
        assert_eq!(refusals.take_finished(MINUTE_US), vec![("10.0.0.7".to_owned(), 149 - recorded as u64)]);
        refusals.count_connection("10.0.0.7", MINUTE_US);
        assert_eq!(refusals.take_crowded(), ["10.0.0.7"]);
    }

    #[test]
    fn many_sources_take_bounded_space() {
        let refusals = Refusals::default();
        for source in 0..(MAX_SOURCES + 500) {
            refusals.admit(&source.to_string(), 0);
        }
        let held = refusals.0.lock().unwrap().by_source.len();
        assert!(held <= MAX_SOURCES + 1, "{held} sources are held");
    }

    #[test]
    fn many_sources_together_have_few_single_records_and_none_is_forgotten() {
        let refusals = Refusals::default();
        let flood = |now_us: i64| {
            let source =
                |number: u64| refusals.admit(&format!("10.0.{}.{}", number / 250, number % 250), now_us);
            (0..100_000).filter(|number| source(number % 700)).count() as u64
        };
        assert_eq!(flood(0), SINGLES_PER_MINUTE);
        let counted: u64 = refusals.take_finished(MINUTE_US).iter().map(|(_, count)| count).sum();
        assert_eq!(counted, 100_000 - SINGLES_PER_MINUTE);
        assert_eq!(flood(MINUTE_US), SINGLES_PER_MINUTE, "a new minute begins");
        assert_eq!(flood(0), SINGLES_PER_MINUTE, "so it does when the clock is set back");
    }
}
