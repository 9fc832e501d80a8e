//! `[audit]`: how full the disk may be before somebody hears of it, and before nothing new is taken.

use serde::{Deserialize, Serialize};

/// Per cent of the space of the file system that holds the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Audit {
    /// From here on the log has it.
    pub warn_percent: u8,
    /// From here on admins see an alert.
    pub alert_percent: u8,
    /// From here on there are no new chats, messages or answers.
    pub stop_percent: u8,
}

impl Default for Audit {
    fn default() -> Self {
        Self { warn_percent: 80, alert_percent: 90, stop_percent: 95 }
    }
}

impl Audit {
    pub(super) fn check(&self) -> Vec<String> {
        let percents = [self.warn_percent, self.alert_percent, self.stop_percent];
        let rising = percents.is_sorted_by(|lower, higher| lower < higher);
        if rising && percents.iter().all(|percent| (1..=99).contains(percent)) {
            return Vec::new();
        }
        vec![
            "audit: warn_percent, alert_percent and stop_percent must rise, from 1 at least to 99 at most"
                .to_owned(),
        ]
    }
}
