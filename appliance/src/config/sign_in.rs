//! `[sign_in]`: lockout and session limits. The defaults are those of the DISA Application Security STIG.

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SignIn {
    /// Failures within the window that lock an account (AC-7: three in fifteen minutes).
    pub max_failures: u32,
    pub window_seconds: u32,
    pub lock_seconds: u32,
    /// Failures a day (UTC) after which the name stays locked until the day is over.
    pub max_daily_failures: u32,
    /// Attempts to sign in (each of the two steps is one) that one address has within a minute.
    pub attempts_per_minute: u32,
    /// Idle limits (AC-12), the admin's and everybody else's.
    pub idle_seconds: u32,
    pub admin_idle_seconds: u32,
    /// A session locks after this time without a request; shorter than the idle limits, which end it.
    pub screen_lock_seconds: u32,
    /// How many sessions a person may have at once; one more ends the one seen longest ago (AC-10).
    pub max_sessions: u32,
    /// A session ends after this time, however busy it is.
    pub absolute_seconds: u32,
    /// How long a proof (password and code) lasts for what asks for one (IA-11).
    pub proof_seconds: u32,
    /// Shown and to be accepted before the sign-in form; empty = none.
    pub notice: String,
}

impl Default for SignIn {
    fn default() -> Self {
        Self {
            max_failures: 3,
            window_seconds: 15 * 60,
            lock_seconds: 15 * 60,
            max_daily_failures: 30,
            attempts_per_minute: 600,
            idle_seconds: 15 * 60,
            admin_idle_seconds: 10 * 60,
            screen_lock_seconds: 5 * 60,
            max_sessions: 5,
            absolute_seconds: 12 * 60 * 60,
            proof_seconds: 5 * 60,
            notice: String::new(),
        }
    }
}

impl SignIn {
    /// The notice's SHA-256 in hex, by which it is accepted; `None` without a notice.
    pub fn notice_sha256(&self) -> Option<String> {
        let digest = || ring::digest::digest(&ring::digest::SHA256, self.notice.as_bytes());
        (!self.notice.is_empty()).then(|| data_encoding::HEXLOWER.encode(digest().as_ref()))
    }

    pub(super) fn check(&self) -> Vec<String> {
        let positive = [
            ("max_failures", self.max_failures),
            ("window_seconds", self.window_seconds),
            ("lock_seconds", self.lock_seconds),
            ("max_daily_failures", self.max_daily_failures),
            ("attempts_per_minute", self.attempts_per_minute),
            ("idle_seconds", self.idle_seconds),
            ("admin_idle_seconds", self.admin_idle_seconds),
            ("screen_lock_seconds", self.screen_lock_seconds),
            ("max_sessions", self.max_sessions),
            ("absolute_seconds", self.absolute_seconds),
            ("proof_seconds", self.proof_seconds),
        ];
        let zero = positive.iter().filter(|(_, value)| *value == 0);
        zero.map(|(key, _)| format!("sign_in.{key}: must be at least 1")).collect()
    }
}
