//! Quotas: whether a request to a model may start, and what it used when it has ended.
//!
//! **Invariant:** what is under way and what the day has used are looked at in the transaction that records the start,
//! so of any number of requests at once no more start than the quota has places for. Writes come one after the other.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redoubt_audit::Draft;
use redoubt_store::groups::Quotas;
use redoubt_store::usage::{self, Account, Amount};
use redoubt_store::{Error, Tx};

use super::error::Quota;
use crate::clock::SECOND_US;

/// When a request that was refused for others under way may be tried again, in seconds.
const RETRY_SECONDS: u64 = 5;

/// What is under way, and what was read and written since the start. Clones share it.
#[derive(Clone, Default)]
pub struct Underway {
    people: Arc<Mutex<HashMap<String, Held>>>,
    /// Tokens of prompts and of answers, by model.
    tokens: Arc<Mutex<BTreeMap<String, (u64, u64)>>>,
}

/// A person's share of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Held {
    waiting: u32,
    running: u32,
    /// Tokens that they may still use.
    tokens: u64,
}

/// A request for which there was room. Dropping it makes room for another.
pub struct Admission {
    underway: Underway,
    account: Account,
    /// The most tokens that prompt and answer may have together.
    tokens: u64,
    started: Mutex<bool>,
}

/// What a request asks for.
#[derive(Clone, Debug)]
pub struct Ask {
    pub account: Account,
    pub quotas: Quotas,
    /// As far as it is known before the start.
    pub prompt_tokens: u64,
    /// The most that may be used beyond that.
    pub further_tokens: u64,
    /// The record of a refusal, but for its reason.
    pub refusal: Draft,
}

/// A refusal is counted and recorded; an error would take that back.
pub enum Verdict {
    Admitted(Admission),
    Refused { quota: Quota, retry_after_seconds: u64 },
}

impl Verdict {
    /// # Errors
    /// [`super::Error::Quota`]
    pub fn admitted(self) -> Result<Admission, super::Error> {
        match self {
            Self::Admitted(admission) => Ok(admission),
            Self::Refused { quota, retry_after_seconds } => {
                Err(super::Error::Quota { quota, retry_after_seconds })
            }
        }
    }
}

impl Underway {
    /// Counts the request in, or the refusal, in the transaction of the request's record.
    pub fn admit(&self, tx: &mut Tx<'_>, ask: Ask) -> Result<Verdict, Error> {
        let day = usage::day(tx.now_us());
        let used = usage::of_day(tx, &ask.account.user_id, day)?;
        let refused = {
            let mut people = self.lock();
            let held = people.get(&ask.account.user_id).copied().unwrap_or_default();
            match self.weigh(&ask, used, held) {
                Ok(tokens) => {
                    let held = people.entry(ask.account.user_id.clone()).or_default();
                    held.waiting += 1;
                    held.tokens = held.tokens.saturating_add(tokens);
                    drop(people);
                    // From here on dropping it takes the place back, also where the store fails.
                    let admission = Admission {
                        underway: self.clone(),
                        account: ask.account,
                        tokens,
                        started: Mutex::new(false),
                    };
                    usage::add(tx, &admission.account, day, Amount { requests: 1, ..Amount::default() })?;
                    return Ok(Verdict::Admitted(admission));
                }
                Err(refused) => refused,
            }
        };
        usage::add(tx, &ask.account, day, Amount { refusals: 1, ..Amount::default() })?;
        let (quota, passes) = refused;
        tx.audit(ask.refusal.reason(quota.as_str()))?;
        let until_midnight = usage::until_midnight_us(tx.now_us()).div_euclid(SECOND_US).unsigned_abs() + 1;
        let retry_after_seconds = if passes { RETRY_SECONDS } else { until_midnight };
        Ok(Verdict::Refused { quota, retry_after_seconds })
    }

    /// How many tokens the request may use; or which quota is in its way, and whether that passes within the day.
    fn weigh(&self, ask: &Ask, used: Amount, held: Held) -> Result<u64, (Quota, bool)> {
        let Quotas { requests_per_day, tokens_per_day, parallel, .. } = ask.quotas;
        if requests_per_day.is_some_and(|most| used.requests >= most) {
            return Err((Quota::Requests, false));
        }
        let wanted = ask.prompt_tokens.saturating_add(ask.further_tokens);
        let left =
            tokens_per_day.unwrap_or(u64::MAX).saturating_sub(used.prompt_tokens + used.completion_tokens);
        if left <= ask.prompt_tokens {
            return Err((Quota::Tokens, false));
        }
        if parallel.is_some_and(|most| held.waiting + held.running >= most) {
            return Err((Quota::Parallel, true));
        }
        let free = left.saturating_sub(held.tokens);
        if free <= ask.prompt_tokens {
            return Err((Quota::Tokens, true));
        }
        Ok(wanted.min(free))
    }

    /// How many requests wait for the model, and how many it is at.
    pub fn counts(&self) -> (u64, u64) {
        let people = self.lock();
        people.values().fold((0, 0), |(waiting, running), held| {
            (waiting + u64::from(held.waiting), running + u64::from(held.running))
        })
    }

    /// Writes down what was used, in the transaction of the record of its end.
    pub fn settle(
        &self,
        tx: &mut Tx<'_>,
        account: &Account,
        prompt_tokens: u64,
        completion_tokens: u64,
    ) -> Result<(), Error> {
        let day = usage::day(tx.now_us());
        usage::add(tx, account, day, Amount { prompt_tokens, completion_tokens, ..Amount::default() })?;
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        let (prompts, completions) = tokens.entry(account.model.clone()).or_default();
        *prompts += prompt_tokens;
        *completions += completion_tokens;
        Ok(())
    }

    /// Each model's tokens of prompts and of answers since the start.
    pub fn tokens(&self) -> Vec<(String, u64, u64)> {
        let tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.iter().map(|(model, (prompts, completions))| (model.clone(), *prompts, *completions)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Held>> {
        self.people.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Admission {
    /// The most tokens that the answer may have, for a prompt of `prompt_tokens`.
    pub fn answer_tokens(&self, prompt_tokens: u64) -> u32 {
        u32::try_from(self.tokens.saturating_sub(prompt_tokens)).unwrap_or(u32::MAX)
    }

    /// The model is at it.
    pub fn start(&self) {
        let mut started = self.started.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = self.underway.lock().get_mut(&self.account.user_id).filter(|_| !*started) {
            held.waiting = held.waiting.saturating_sub(1);
            held.running += 1;
            *started = true;
        }
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        let started = *self.started.lock().unwrap_or_else(PoisonError::into_inner);
        let mut people = self.underway.lock();
        if let Some(held) = people.get_mut(&self.account.user_id) {
            let place = if started { &mut held.running } else { &mut held.waiting };
            *place = place.saturating_sub(1);
            held.tokens = held.tokens.saturating_sub(self.tokens);
            if held.waiting + held.running == 0 {
                people.remove(&self.account.user_id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use redoubt_audit::{Actor, Outcome, catalogue};

    use super::*;

    fn ask(quotas: Quotas, prompt_tokens: u64, further_tokens: u64) -> Ask {
        let account = Account { user_id: "u".into(), workspace: "w".into(), model: "m".into() };
        let refusal = Draft::new(catalogue::INFERENCE_START, Outcome::Deny, Actor::system());
        Ask { account, quotas, prompt_tokens, further_tokens, refusal }
    }

    #[test]
    fn a_request_gets_what_is_left_and_none_what_is_promised_to_others() {
        let weigh = |ask: &Ask, used: u64, promised: u64| {
            let used = Amount { prompt_tokens: used, ..Amount::default() };
            Underway::default().weigh(ask, used, Held { running: 1, waiting: 0, tokens: promised })
        };
        let quotas = Quotas { tokens_per_day: Some(100), ..Quotas::default() };
        assert_eq!(weigh(&ask(quotas, 10, 50), 0, 0), Ok(60));
        assert_eq!(weigh(&ask(quotas, 10, 50), 70, 0), Ok(30));
        assert_eq!(weigh(&ask(quotas, 10, 50), 90, 0), Err((Quota::Tokens, false)));
        assert_eq!(weigh(&ask(quotas, 10, 50), 60, 30), Err((Quota::Tokens, true)));
        assert_eq!(weigh(&ask(quotas, 0, 50), 60, 30), Ok(10));
        assert_eq!(weigh(&ask(Quotas::default(), 10, u64::MAX), u64::MAX - 20, 0), Ok(20));
        let one = Quotas { parallel: Some(1), ..Quotas::default() };
        assert_eq!(weigh(&ask(one, 10, 50), 0, 0), Err((Quota::Parallel, true)));
        let none = Quotas { requests_per_day: Some(0), ..one };
        assert_eq!(weigh(&ask(none, 10, 50), 0, 0), Err((Quota::Requests, false)));
    }
}
