//! What the operator's manual says holds: its commands are run, and the tests that it names exist.

// Marked as tests, so that the rules for tests hold for their helpers as well.
#[cfg(test)]
mod controls;
