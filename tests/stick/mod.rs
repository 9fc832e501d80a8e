//! The stick: what is on it, what its scripts refuse, and an installation from it on a fresh Debian with systemd.

// Marked as tests, so that the rules for tests hold for their helpers as well.
#[cfg(test)]
mod contents;
#[cfg(test)]
mod installation;
#[cfg(test)]
mod interruption;
#[cfg(test)]
mod machine;
#[cfg(test)]
mod package;
#[cfg(test)]
pub(crate) mod release;
#[cfg(test)]
mod tampering;
#[cfg(test)]
mod tree;
#[cfg(test)]
mod units;
#[cfg(test)]
mod upgrading;
#[cfg(test)]
mod versions;
