//! `[log]`: the operational log in the data folder.

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// A filter: `error`, `warn`, `info`, `debug`, or by module like `info,redoubt::chat=debug`.
    pub level: String,
    /// All log files together take at most this many MiB.
    pub max_total_mib: u32,
}

impl Default for Log {
    fn default() -> Self {
        Self { level: "info".to_owned(), max_total_mib: 64 }
    }
}

impl Log {
    pub(super) fn check(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.max_total_mib == 0 {
            problems.push("log.max_total_mib: must be at least 1".to_owned());
        }
        if let Err(error) = tracing_subscriber::EnvFilter::try_new(&self.level) {
            problems.push(format!("log.level: {:?} is not a filter: {error}", self.level));
        }
        problems
    }
}
