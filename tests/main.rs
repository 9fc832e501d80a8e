//! The tests of the whole program: they start the real executable with the real model and talk to it as its
//! clients do. One binary, so that it is linked once. Each folder has one subject:
//!
//! - `access`: rights, quotas, workspaces and keys, within this process, under a clock that the tests move;
//! - `api`: what a well-meant and an ill-meant client gets, over HTTPS; these share one running demo;
//! - `audit`: exports of the audit log and what verifiers say to them, rollbacks, the keys that sign, and collectors;
//! - `backup`: copies of a served appliance, and going on from them;
//! - `checking`: what `check` finds, and that it changes nothing; kernels that lack something;
//! - `console`: an admin's work on the command line;
//! - `directory`: people of an LDAP directory, by the real processes against Debian's slapd and against a server that
//!   does what directories must not do;
//! - `egress`: that nothing leaves: packets, system calls, and an intruder in each process, in a network of its own;
//! - `faults`: what is left after something died, filled up or was in the wrong place; a demo for each;
//! - `identity`: sign-in and sessions within this process, under a clock that the tests move;
//! - `manual`: what the operator's manual says of commands and controls;
//! - `measuring`: what `bench` and `eval` print and how they end;
//! - `models`: bringing models in from a medium;
//! - `processes`: what the processes are and what they may; a demo for each;
//! - `stick`: the release that goes on a stick, what its scripts refuse, and an installation from it;
//! - `unlock`: what opens a store, and how that changes;
//! - `support`: the demo, the client, the codes and the events that the others use.

// Marked as tests, so that the rules for tests hold for their helpers as well.
#[cfg(test)]
mod access;
#[cfg(test)]
mod api;
#[cfg(test)]
mod audit;
#[cfg(test)]
mod backup;
#[cfg(test)]
mod checking;
#[cfg(test)]
mod console;
#[cfg(test)]
mod directory;
#[cfg(test)]
mod egress;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod identity;
#[cfg(test)]
mod manual;
#[cfg(test)]
mod measuring;
#[cfg(test)]
mod models;
#[cfg(test)]
mod processes;
#[cfg(test)]
mod stick;
#[cfg(test)]
mod support;
#[cfg(test)]
mod unlock;
