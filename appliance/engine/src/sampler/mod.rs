//! Chooses the next token from a row of logits.

mod narrow;
mod stop;

pub(crate) use stop::StopFilter;

use crate::Sampling;
use crate::kernels::Path;
use crate::model::elementwise::{largest, sum_exp};
use narrow::narrow;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use std::hash::{BuildHasher, Hasher, RandomState};

/// How many of the last tokens the repetition penalty looks at.
const PENALTY_WINDOW: usize = 64;

/// A chosen token.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Chosen {
    /// Its id.
    pub id: u32,
    /// Natural logarithm of its probability in the model's own distribution.
    pub logprob: f32,
}

/// The choices of one answer. The same settings, seed and logits give the same tokens.
pub struct Sampler {
    settings: Sampling,
    random: SmallRng,
    candidates: Vec<Candidate>,
}

#[derive(Clone, Copy)]
struct Candidate {
    id: u32,
    logit: f32,
}

impl Sampler {
    /// Takes valid settings; without a seed the choices differ every time.
    pub fn new(settings: Sampling) -> Sampler {
        // The standard library's hasher keys come from the system's random source.
        let seed = settings.seed.unwrap_or_else(|| RandomState::new().build_hasher().finish());
        Sampler { random: SmallRng::seed_from_u64(seed), settings, candidates: Vec::new() }
    }

    /// The next token after `tokens` (prompt and answer so far). `None` if the logits are not numbers.
    pub fn choose(&mut self, logits: &[f32], tokens: &[u32]) -> Option<Chosen> {
        let total = log_sum_exp(logits)?;
        self.gather(logits, tokens);
        let id = if self.settings.temperature == 0.0 { self.likeliest()? } else { self.draw()? };
        Some(Chosen { id, logprob: logits[id as usize] - total })
    }

    /// Makes candidates of all tokens, or of no fewer than can be chosen.
    fn gather(&mut self, logits: &[f32], tokens: &[u32]) {
        let wanted = if self.settings.temperature == 0.0 { 1 } else { self.settings.top_k as usize };
        // A penalty may lift any token into the few that are wanted.
        if wanted > 0 && self.settings.repeat_penalty == 1.0 {
            return narrow(logits, wanted, &mut self.candidates);
        }
        self.candidates.clear();
        self.candidates.extend((0..).zip(logits).map(|(id, logit)| Candidate { id, logit: *logit }));
        self.penalize(tokens);
    }

    fn penalize(&mut self, tokens: &[u32]) {
        let penalty = self.settings.repeat_penalty;
        if penalty == 1.0 {
            return;
        }
        let recent = &tokens[tokens.len().saturating_sub(PENALTY_WINDOW)..];
        for (index, id) in recent.iter().enumerate() {
            if recent[..index].contains(id) {
                continue;
            }
            if let Some(candidate) = self.candidates.get_mut(*id as usize) {
                candidate.logit *= if candidate.logit > 0.0 { 1.0 / penalty } else { penalty };
            }
        }
    }

    fn likeliest(&self) -> Option<u32> {
        self.candidates
            .iter()
            .copied()
            .reduce(|a, b| if before(&b, &a).is_lt() { b } else { a })
            .map(|best| best.id)
    }

    fn draw(&mut self) -> Option<u32> {
        self.keep_top_k();
        let best = self.candidates.iter().map(|candidate| candidate.logit).fold(f32::NEG_INFINITY, f32::max);
        self.keep_top_p(best);
        if self.settings.min_p > 0.0 {
            let least = best + self.settings.min_p.ln();
            self.candidates.retain(|candidate| candidate.logit >= least);
        }
        let heat = 1.0 / self.settings.temperature;
        let weight = |candidate: &Candidate| ((candidate.logit - best) * heat).exp();
        let total: f32 = self.candidates.iter().map(weight).sum();
        let mut left = self.random.random::<f32>() * total;
        for candidate in &self.candidates {
            left -= weight(candidate);
            if left < 0.0 {
                return Some(candidate.id);
            }
        }
        // Rounding may leave a little: the last one has it.
        self.candidates.last().map(|candidate| candidate.id)
    }

    /// Keeps the likeliest k, in order.
    fn keep_top_k(&mut self) {
        let k = self.settings.top_k as usize;
        if k > 0 && k < self.candidates.len() {
            self.candidates.select_nth_unstable_by(k, before);
            self.candidates.truncate(k);
            self.candidates.sort_unstable_by(before);
        } else if self.settings.top_p < 1.0 {
            self.candidates.sort_unstable_by(before);
        }
    }

    /// Keeps as many of the ordered candidates as are needed for the probability, at least one.
    fn keep_top_p(&mut self, best: f32) {
        if self.settings.top_p >= 1.0 {
            return;
        }
        let weight = |candidate: &Candidate| (candidate.logit - best).exp();
        let wanted = self.candidates.iter().map(weight).sum::<f32>() * self.settings.top_p;
        let mut sum = 0.0;
        let reached = self.candidates.iter().position(|candidate| {
            sum += weight(candidate);
            sum >= wanted
        });
        self.candidates.truncate(reached.map_or(self.candidates.len(), |index| index + 1).max(1));
    }
}

/// Likelier first, then the lower id: a total order for any floats.
fn before(a: &Candidate, b: &Candidate) -> std::cmp::Ordering {
    b.logit.total_cmp(&a.logit).then(a.id.cmp(&b.id))
}

/// `ln Σ eˡ`; `None` where there is a NaN or no finite logit.
pub(crate) fn log_sum_exp(logits: &[f32]) -> Option<f32> {
    let path = Path::best();
    let best = largest(path, logits);
    let total = best + sum_exp(path, logits, best).ln() as f32;
    total.is_finite().then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sampler(settings: Sampling) -> Sampler {
        Sampler::new(Sampling { seed: Some(1), ..settings })
    }

    fn open() -> Sampling {
        Sampling { temperature: 1.0, top_k: 0, top_p: 1.0, min_p: 0.0, ..Sampling::default() }
    }

    fn drawn(settings: Sampling, logits: &[f32]) -> Vec<u32> {
        let mut sampler = sampler(settings);
        let mut ids: Vec<u32> = (0..400).map(|_| sampler.choose(logits, &[]).unwrap().id).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    #[test]
    fn temperature_zero_takes_the_likeliest_and_the_first_of_equals() {
        let mut greedy = sampler(Sampling { seed: Some(9), ..Sampling::greedy(1) });
        assert_eq!(greedy.choose(&[0.0, 2.0, 2.0, -1.0], &[]).unwrap().id, 1);
    }

    #[test]
    fn the_logprob_is_that_of_the_model_whatever_the_filters() {
        let logits = [1.0_f32, 2.0, 3.0];
        let sum: f32 = logits.iter().map(|logit| logit.exp()).sum();
        for settings in [Sampling::greedy(1), Sampling { top_k: 1, temperature: 1.7, ..open() }] {
            let chosen = sampler(settings).choose(&logits, &[]).unwrap();
            assert!((chosen.logprob - (3.0 - sum.ln())).abs() < 1e-6, "{chosen:?}");
        }
    }

    #[test]
    fn filters_keep_what_they_should() {
        let logits = [0.0, 3.0, 2.0, 2.5];
        assert_eq!(drawn(open(), &logits), [0, 1, 2, 3]);
        assert_eq!(drawn(Sampling { top_k: 2, ..open() }, &logits), [1, 3]);
        assert_eq!(drawn(Sampling { min_p: 0.3, ..open() }, &logits), [1, 2, 3]);
        assert_eq!(drawn(Sampling { top_p: 0.0, ..open() }, &logits), [1]);
        // Probabilities 0.49, 0.30, 0.18, 0.02.
        assert_eq!(drawn(Sampling { top_p: 0.6, ..open() }, &logits), [1, 3]);
    }

    #[test]
    fn frequencies_follow_the_probabilities() {
        let mut sampler = sampler(open());
        let ones = (0..20_000).filter(|_| sampler.choose(&[0.0, 1.0], &[]).unwrap().id == 1).count();
        assert!((14_100..15_150).contains(&ones), "{ones} of 20,000, expected about 14,621");
    }

    #[test]
    fn a_seed_repeats_and_no_seed_does_not() {
        let logits: Vec<f32> = (0..100).map(|n| (n % 7) as f32).collect();
        let run = |seed| {
            let mut sampler = Sampler::new(Sampling { seed, ..open() });
            (0..32).map(|_| sampler.choose(&logits, &[]).unwrap().id).collect::<Vec<_>>()
        };
        assert_eq!(run(Some(5)), run(Some(5)));
        assert_ne!(run(Some(5)), run(Some(6)));
        assert_ne!(run(None), run(None));
    }

    #[test]
    fn repetition_is_penalized_once_per_token_within_the_window() {
        let settings = Sampling { repeat_penalty: 2.0, ..Sampling::greedy(1) };
        let logits = [4.0, 3.0, -1.0];
        assert_eq!(sampler(settings.clone()).choose(&logits, &[0, 0]).unwrap().id, 1);
        // Halved twice it would fall behind 1.5.
        assert_eq!(sampler(settings.clone()).choose(&[4.0, 1.5, 0.0], &[0, 0]).unwrap().id, 0);
        let mut long = vec![0];
        long.extend([2; PENALTY_WINDOW]);
        assert_eq!(sampler(settings).choose(&logits, &long).unwrap().id, 0);
    }

    #[test]
    fn logits_that_are_no_numbers_are_refused() {
        for logits in [[f32::NAN, 1.0], [f32::NEG_INFINITY; 2], [f32::INFINITY, 0.0]] {
            assert_eq!(sampler(open()).choose(&logits, &[]), None);
        }
    }
}
