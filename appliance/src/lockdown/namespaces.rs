//! An own user and network namespace: what is not there cannot be reached.
//!
//! Inherited sockets stay in the namespace they were made in, so the front goes on serving its listener, and the
//! directory's process uses what the dialler connected.

use std::fs;
use std::io;

use nix::sched::{CloneFlags, unshare};
use rustix::process::{getegid, geteuid};

use super::{Cage, Layer};

/// Moves the process into namespaces of its own, as far as it is allowed to.
pub(super) fn leave(cage: &Cage) -> Layer {
    if matches!(cage, Cage::Dialler { .. }) {
        return leave_users_only();
    }
    let (user, group) = (geteuid().as_raw(), getegid().as_raw());
    match unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET) {
        Ok(()) => match map_to_itself(user, group) {
            Ok(()) => Layer::active("own user and network"),
            Err(error) => Layer::active(format!("own user and network, ids not mapped: {error}")),
        },
        // Where user namespaces are refused, root may still leave the network alone.
        Err(refused) => match unshare(CloneFlags::CLONE_NEWNET) {
            Ok(()) => Layer::active("own network"),
            Err(_) => Layer::missing(refused.desc()),
        },
    }
}

/// For the one that connects: the host's network, but no right in the host's other namespaces.
fn leave_users_only() -> Layer {
    let (user, group) = (geteuid().as_raw(), getegid().as_raw());
    match unshare(CloneFlags::CLONE_NEWUSER) {
        Ok(()) => match map_to_itself(user, group) {
            Ok(()) => Layer::active("own user; the host's network, to connect"),
            Err(error) => Layer::active(format!("own user, ids not mapped: {error}; the host's network")),
        },
        Err(refused) => Layer::missing(refused.desc()),
    }
}

/// Keeps the process's ids what they were, so that it goes on owning its files; user_namespaces(7) demands
/// that an ordinary user denies setgroups before it maps a group.
fn map_to_itself(user: u32, group: u32) -> io::Result<()> {
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("{user} {user} 1"))?;
    fs::write("/proc/self/gid_map", format!("{group} {group} 1"))
}
