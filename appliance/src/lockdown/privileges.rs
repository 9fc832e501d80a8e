//! Capabilities, dumps and descent: what a process could use against its neighbours.

use std::io;

use rustix::process::{
    DumpableBehavior, Resource, Rlimit, Signal, getrlimit, set_dumpable_behavior,
    set_parent_process_death_signal, setrlimit,
};
use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities, set_no_new_privs};

use super::Error;

/// What the supervisor gives up too: its memory is nobody's to read, and nothing it starts gains rights.
///
/// # Errors
/// The kernel refuses it.
pub fn harden() -> Result<(), Error> {
    step("core dumps", || setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) }))?;
    step("being traced", || set_dumpable_behavior(DumpableBehavior::NotDumpable))?;
    step("new privileges", || set_no_new_privs(true))
}

/// For a process of its own namespaces. The order matters: a change of credentials makes the kernel forget
/// the signal at the parent's death.
pub(super) fn drop_all() -> Result<(), Error> {
    step("capabilities", drop_capabilities)?;
    step("outliving its parent", || set_parent_process_death_signal(Some(Signal::KILL)))?;
    harden()
}

/// Whoever has none need not be allowed to change them: a service's own filter of system calls may refuse that.
fn drop_capabilities() -> rustix::io::Result<()> {
    let empty = CapabilitySet::empty();
    let none = CapabilitySets { effective: empty, permitted: empty, inheritable: empty };
    if capabilities(None)? == none { Ok(()) } else { set_capabilities(None, none) }
}

/// Lets a process that serves many connections have as many descriptors as it may.
///
/// # Errors
/// The kernel refuses it.
pub fn raise_file_limit() -> io::Result<()> {
    let maximum = getrlimit(Resource::Nofile).maximum;
    Ok(setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?)
}

fn step(what: &'static str, give_up: impl FnOnce() -> rustix::io::Result<()>) -> Result<(), Error> {
    give_up().map_err(|source| Error::Privilege { what, source: source.into() })
}
