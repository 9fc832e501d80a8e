//! The real executable's processes: what they are, what they may, and how they die.

// Marked as tests, so that the rules for tests hold for their helpers as well.
#[cfg(test)]
mod appliance;
#[cfg(test)]
mod cage;
#[cfg(test)]
mod deaths;
#[cfg(test)]
mod executable;
#[cfg(test)]
mod ordinary_user;
#[cfg(test)]
mod self_tests;
