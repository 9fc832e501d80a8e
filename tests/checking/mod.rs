//! `redoubt check`, as an operator and as a script call it: what it finds, how it ends, and that it changes nothing.

// Marked as tests, so that the rules for tests hold for their helpers as well.
#[cfg(test)]
mod findings;
#[cfg(test)]
mod kernel;
#[cfg(test)]
mod place;
#[cfg(test)]
mod table;
