//! How tokens are chosen and when an answer ends: the caller's part, and the limits on it.

use crate::Error;
use serde::{Deserialize, Serialize};

/// Most stop strings a request may have.
pub const MAX_STOPS: usize = 16;
/// Longest stop string in bytes.
pub const MAX_STOP_BYTES: usize = 256;

/// Sampling parameters, applied in this order: repetition penalty, top-k, top-p, min-p, temperature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sampling {
    /// 0 always takes the likeliest token; at most 2.
    pub temperature: f32,
    /// Keep the likeliest k; 0 is off.
    pub top_k: u32,
    /// Keep the likeliest that together have this probability; 1 is off.
    pub top_p: f32,
    /// Keep those at least this likely relative to the likeliest; 0 is off.
    pub min_p: f32,
    /// Divides the logits of the last 64 tokens (multiplies negative ones); 1 is off.
    pub repeat_penalty: f32,
    /// The same seed gives the same answer; none takes a random one.
    pub seed: Option<u64>,
    /// Longest answer in tokens; the context may end it earlier.
    pub max_tokens: u32,
    /// Strings that end the answer and are not part of it.
    pub stop: Vec<String>,
    /// Go on after end-of-text tokens, for measuring.
    pub ignore_eos: bool,
}

impl Default for Sampling {
    fn default() -> Sampling {
        Sampling {
            temperature: 0.7,
            top_k: 40,
            top_p: 0.95,
            min_p: 0.05,
            repeat_penalty: 1.0,
            seed: None,
            max_tokens: 1024,
            stop: Vec::new(),
            ignore_eos: false,
        }
    }
}

impl Sampling {
    /// The likeliest token every time, up to `max_tokens` of them.
    pub fn greedy(max_tokens: u32) -> Sampling {
        Sampling { temperature: 0.0, max_tokens, ..Sampling::default() }
    }

    /// Refuses what is out of range with the field's name, NaN included.
    pub fn validate(&self) -> Result<(), Error> {
        let within = |field: &str, value: f32, low: f32, high: f32| {
            if (low..=high).contains(&value) {
                return Ok(());
            }
            Err(Error::invalid(field, format!("must be from {low} to {high}")))
        };
        within("temperature", self.temperature, 0.0, 2.0)?;
        within("top_p", self.top_p, 0.0, 1.0)?;
        within("min_p", self.min_p, 0.0, 1.0)?;
        within("repeat_penalty", self.repeat_penalty, 0.1, 10.0)?;
        if self.max_tokens == 0 {
            return Err(Error::invalid("max_tokens", "must be at least 1"));
        }
        if self.stop.len() > MAX_STOPS {
            return Err(Error::invalid("stop", format!("at most {MAX_STOPS} strings")));
        }
        if self.stop.iter().any(|stop| stop.is_empty() || stop.len() > MAX_STOP_BYTES) {
            return Err(Error::invalid("stop", format!("each string must have 1 to {MAX_STOP_BYTES} bytes")));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused_field(sampling: &Sampling) -> String {
        match sampling.validate() {
            Err(Error::Invalid { field, .. }) => field,
            other => panic!("expected a refusal, got {other:?}"),
        }
    }

    #[test]
    fn defaults_and_greedy_are_valid() {
        Sampling::default().validate().unwrap();
        Sampling::greedy(1).validate().unwrap();
        Sampling { seed: Some(7), ..Sampling::greedy(1) }.validate().unwrap();
    }

    #[test]
    fn values_out_of_range_are_refused_by_field() {
        let base = Sampling::default();
        assert_eq!(refused_field(&Sampling { temperature: f32::NAN, ..base.clone() }), "temperature");
        assert_eq!(refused_field(&Sampling { temperature: -0.1, ..base.clone() }), "temperature");
        assert_eq!(refused_field(&Sampling { top_p: 1.01, ..base.clone() }), "top_p");
        assert_eq!(refused_field(&Sampling { min_p: f32::INFINITY, ..base.clone() }), "min_p");
        assert_eq!(refused_field(&Sampling { repeat_penalty: 0.0, ..base.clone() }), "repeat_penalty");
        assert_eq!(refused_field(&Sampling { max_tokens: 0, ..base }), "max_tokens");
    }

    #[test]
    fn ten_thousand_or_endless_or_empty_stop_strings_are_refused() {
        for stop in [vec!["x".to_owned(); 10_000], vec!["x".repeat(257)], vec![String::new()]] {
            assert_eq!(refused_field(&Sampling { stop, ..Sampling::default() }), "stop");
        }
    }
}
