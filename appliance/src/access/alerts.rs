//! The alert rules: what is counted where it happens, and raised at most once a window.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use redoubt_store::Page;
use redoubt_store::alerts::{self, Alert, Rule};

use super::{Access, Error};
use crate::clock::SECOND_US;
use crate::config;
use crate::identity::By;
use crate::random;
use crate::records::rights as records;

/// The rules that count what happens.
const COUNTED: [Rule; 3] = [Rule::FailedSignIns, Rule::Refusals, Rule::Quota];
/// A window is counted in so many pieces; the oldest leaves as a whole.
const PIECES: i64 = 60;

/// What happened lately. Clones share it.
#[derive(Clone)]
pub struct Watch {
    rules: config::Alerts,
    tallies: Arc<Mutex<HashMap<Rule, Tally>>>,
}

/// How much happened in each piece of the window, the oldest first.
#[derive(Default)]
struct Tally(VecDeque<(i64, u64)>);

impl Tally {
    fn add(&mut self, now_us: i64, window_us: i64) {
        let piece = now_us.div_euclid((window_us / PIECES).max(1));
        match self.0.back_mut() {
            Some((last, count)) if *last == piece => *count += 1,
            _ => self.0.push_back((piece, 1)),
        }
        self.forget(now_us, window_us);
    }

    /// How much there was within the window.
    fn count(&mut self, now_us: i64, window_us: i64) -> u64 {
        self.forget(now_us, window_us);
        self.0.iter().map(|(_, count)| count).sum()
    }

    fn forget(&mut self, now_us: i64, window_us: i64) {
        let oldest = now_us.div_euclid((window_us / PIECES).max(1)) - PIECES;
        // A clock that went back leaves pieces of the future: they are no part of the window either.
        self.0.retain(|(piece, _)| (oldest + 1..=oldest + PIECES).contains(piece));
    }
}

impl Watch {
    pub fn new(rules: config::Alerts) -> Self {
        Self { rules, tallies: Arc::default() }
    }

    /// One more of what the rule counts.
    pub fn note(&self, rule: Rule, now_us: i64) {
        let mut tallies = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        tallies.entry(rule).or_default().add(now_us, self.window_us(rule));
    }

    /// The rules whose threshold is reached now, with the count.
    fn reached(&self, now_us: i64) -> Vec<(Rule, config::Alert, u64)> {
        let mut tallies = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        let mut reached = Vec::new();
        for rule in COUNTED {
            let limits = self.limits(rule);
            let count = tallies.entry(rule).or_default().count(now_us, self.window_us(rule));
            if limits.threshold > 0 && count >= limits.threshold {
                reached.push((rule, limits, count));
            }
        }
        reached
    }

    fn limits(&self, rule: Rule) -> config::Alert {
        match rule {
            Rule::FailedSignIns => self.rules.failed_sign_ins,
            Rule::Refusals => self.rules.refusals,
            Rule::Quota => self.rules.quota,
            // Measured and raised by `space`.
            Rule::Storage => config::Alert { threshold: 0, window_seconds: 60 },
        }
    }

    fn window_us(&self, rule: Rule) -> i64 {
        i64::from(self.limits(rule).window_seconds) * SECOND_US
    }
}

impl Access {
    /// Raises what is to be raised, each rule once a window.
    pub async fn raise_alerts(&self) -> Result<(), Error> {
        for (rule, limits, count) in self.watch.reached(self.clock.now_us()) {
            let id = random::id(self.random.as_ref())?;
            self.store
                .write(move |tx| {
                    let now = tx.now_us();
                    let window_us = i64::from(limits.window_seconds) * SECOND_US;
                    if alerts::last(tx, rule, now)?.is_some_and(|last| now < last.raised_at + window_us) {
                        return Ok(());
                    }
                    let alert = Alert {
                        id,
                        rule,
                        raised_at: now,
                        count,
                        threshold: limits.threshold,
                        window_seconds: limits.window_seconds,
                        acknowledged_at: None,
                        acknowledged_by: None,
                    };
                    alerts::insert(tx, &alert)?;
                    tx.audit(records::alert_raised(&alert))?;
                    Ok::<_, Error>(())
                })
                .await?;
        }
        Ok(())
    }

    /// The newest first.
    pub async fn alerts(&self, limit: usize, cursor: Option<String>) -> Result<Page<Alert>, Error> {
        self.store.read(move |reader| Ok(alerts::list(reader, limit, cursor.as_deref())?)).await
    }

    /// Seeing it twice is seeing it once.
    pub async fn acknowledge_alert(&self, by: &By, id: &str) -> Result<(), Error> {
        let (by, id) = (by.clone(), id.to_owned());
        self.store
            .write(move |tx| {
                by.confirm(tx)?;
                let alert = alerts::find(tx, &id)?.ok_or(Error::NoSuch("alert"))?;
                let now = tx.now_us();
                if alerts::acknowledge(tx, &id, by.name(), now)? {
                    tx.audit(records::alert_acknowledged(&by, &alert))?;
                }
                Ok(())
            })
            .await
    }

    /// How many of each rule nobody has acknowledged.
    pub async fn open_alerts(&self) -> Result<Vec<(Rule, u64)>, Error> {
        self.store
            .read(|reader| {
                Rule::ALL.into_iter().map(|rule| Ok((rule, alerts::count_open(reader, rule)?))).collect()
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_reached_by_what_happened_within_its_window() {
        let limits = config::Alert { threshold: 3, window_seconds: 60 };
        let off = config::Alert { threshold: 0, window_seconds: 60 };
        let watch = Watch::new(config::Alerts { failed_sign_ins: limits, refusals: off, quota: limits });
        let reached = |seconds: i64| watch.reached(seconds * SECOND_US);
        for second in [100, 101, 102] {
            assert_eq!(reached(second), []);
            watch.note(Rule::FailedSignIns, second * SECOND_US);
            watch.note(Rule::Refusals, second * SECOND_US);
        }
        assert_eq!(reached(102), [(Rule::FailedSignIns, limits, 3)]);
        assert_eq!(reached(159), [(Rule::FailedSignIns, limits, 3)]);
        assert_eq!(reached(160), []);
        // A clock that is set back by a day must not keep a rule from being reached.
        watch.note(Rule::Quota, 86_400 * SECOND_US);
        for _ in 0..3 {
            watch.note(Rule::Quota, SECOND_US);
        }
        assert_eq!(reached(1), [(Rule::Quota, limits, 3)]);
    }

    #[test]
    fn a_flood_takes_bounded_space() {
        let limits = config::Alert { threshold: 1, window_seconds: 900 };
        let watch = Watch::new(config::Alerts { failed_sign_ins: limits, refusals: limits, quota: limits });
        for second in 0..100_000 {
            watch.note(Rule::Refusals, second * SECOND_US);
        }
        assert!(watch.tallies.lock().unwrap()[&Rule::Refusals].0.len() <= 60);
    }
}
