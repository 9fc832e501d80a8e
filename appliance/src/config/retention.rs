//! `[retention]`: when chats go whose workspace does not keep them for ever.

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retention {
    /// The hour of the day (UTC) from which on it is done, once a day.
    pub hour: u32,
}

impl Default for Retention {
    fn default() -> Self {
        Self { hour: 3 }
    }
}

impl Retention {
    pub(super) fn check(self) -> Vec<String> {
        let problem = "retention.hour: an hour is 0 to 23".to_owned();
        if self.hour < 24 { Vec::new() } else { vec![problem] }
    }
}
