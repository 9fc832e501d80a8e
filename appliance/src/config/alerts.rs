//! `[alerts]`: how much of something, within which time, an admin is to hear of.

use serde::{Deserialize, Serialize};

/// So many within the window raise an alert; 0 = never.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alert {
    pub threshold: u64,
    pub window_seconds: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Alerts {
    /// Wrong passwords and codes, of everybody together.
    pub failed_sign_ins: Alert,
    /// Requests for which somebody had no session, no right or not the right id.
    pub refusals: Alert,
    /// Requests beyond a quota.
    pub quota: Alert,
}

impl Default for Alerts {
    /// A lock is three failures in fifteen minutes: seven locked names, or one program that guesses, are twenty. Refusals
    /// and quotas are everyday things of a few: a hundred in fifteen minutes or an hour are a program's.
    fn default() -> Self {
        Self {
            failed_sign_ins: Alert { threshold: 20, window_seconds: 15 * 60 },
            refusals: Alert { threshold: 100, window_seconds: 15 * 60 },
            quota: Alert { threshold: 100, window_seconds: 60 * 60 },
        }
    }
}

impl Alerts {
    pub(super) fn check(&self) -> Vec<String> {
        let rules =
            [("failed_sign_ins", self.failed_sign_ins), ("refusals", self.refusals), ("quota", self.quota)];
        let wrong = rules.iter().filter(|(_, rule)| !(60..=86_400).contains(&rule.window_seconds));
        wrong.map(|(key, _)| format!("alerts.{key}: window_seconds must be 60 to 86400")).collect()
    }
}
