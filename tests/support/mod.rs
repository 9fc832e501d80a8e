//! What the tests of `api` and `faults` have in common.

pub(crate) mod authority;
mod client;
mod demo;
mod events;
pub(crate) mod hostile_ldap;
pub(crate) mod slapd;
pub(crate) mod totp;

pub(crate) use client::{Answer, Client};
pub(crate) use demo::{Demo, Person, executable_with, model, shared};
pub(crate) use events::{Asked, Event, Events};

use std::thread;
use std::time::{Duration, Instant};

/// Long enough for a slow machine under load; every wait ends as soon as what it waits for is there.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Whether the long forms of the tests were asked for.
pub(crate) fn long() -> bool {
    std::env::var_os("REDOUBT_LONG").is_some_and(|value| value == "1")
}

/// Waits until `find` finds something.
pub(crate) fn await_some<T>(what: &str, mut find: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = find() {
            return found;
        }
        assert!(Instant::now() < deadline, "in vain: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}
