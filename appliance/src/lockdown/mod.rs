//! What a process gives up before it reads its first foreign byte.
//!
//! ```text
//! namespaces   an own user and network namespace: no interface, no route
//! privileges   no capability, no core dump, not traceable, no new privileges, no life without its parent
//! files        Landlock: what may still be opened
//! seccomp      the system calls that are left
//! channels     tries to get out, and reports
//! ```
//! Each layer stands alone, so a kernel that lacks one of them still has the others in the way.

mod channels;
mod error;
mod files;
mod namespaces;
mod privileges;
mod report;
mod seccomp;

use std::fs;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use channels::Tried;
pub use error::Error;
pub use privileges::{harden, raise_file_limit};
pub use report::{Channel, Lack, Layer, Report};

/// Which process, and what it still needs.
#[derive(Clone, Debug)]
pub enum Cage {
    /// Serves an inherited listener and keeps the store.
    Front {
        /// Read and written, with everything below it.
        data_dir: PathBuf,
        /// Read, with everything below.
        read: Vec<PathBuf>,
    },
    /// Computes on a model that it already has open.
    Engine,
    /// Talks over sockets that it is given.
    Directory,
    /// Connects, and hands the sockets over. The only one that stays in the host's network.
    Dialler {
        /// TCP ports that it may connect to, where the kernel can say so.
        ports: Vec<u16>,
    },
}

/// Whose lockdown it is. Records have these names: add, never rename.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Process {
    Front,
    Engine,
    Directory,
    /// The directory's.
    Dialler,
    /// The one that reaches the collector of the records.
    CollectorDialler,
}

impl Process {
    pub fn name(self) -> &'static str {
        match self {
            Self::Front => "front",
            Self::Engine => "engine",
            Self::Directory => "directory",
            Self::Dialler => "dialler",
            Self::CollectorDialler => "collector-dialler",
        }
    }
}

/// What to do where the kernel leaves a channel open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Egress {
    /// Do not start.
    Strict,
    /// Say so and go on. For the demo.
    Report,
}

/// Locks the calling process in. There is no way back.
///
/// **Invariant:** called while the process has one thread and has read nothing but its parent's settings:
/// namespaces refuse a process with threads, and Landlock and seccomp bind only the calling thread and
/// those that it starts later.
///
/// # Errors
/// A second thread, a path that cannot be opened, a privilege that cannot be dropped, and under [`Egress::Strict`]
/// a level that leaves a way out open (the error holds the whole report).
pub fn enter(cage: &Cage, policy: Egress) -> Result<Report, Error> {
    check_alone()?;
    let namespaces = namespaces::leave(cage);
    privileges::drop_all()?;
    let files::Restricted { layer: files, holds_ports } = files::restrict(cage)?;
    let system_calls = seccomp::restrict(cage)?;
    let Tried { channels, detours } = channels::probe(cage, holds_ports);
    let report = Report { namespaces, files, system_calls, channels, detours };
    if policy == Egress::Strict && !report.is_full() {
        return Err(Error::Level(Box::new(report)));
    }
    Ok(report)
}

/// A thread that is there already would stay outside.
fn check_alone() -> Result<(), Error> {
    match fs::read_dir("/proc/self/task").map_err(Error::Uncounted)?.count() {
        1 => Ok(()),
        threads => Err(Error::Threads(threads)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_with_a_second_thread_is_not_locked_in_by_halves() {
        // Tests run on threads beside the main one.
        let refused = enter(&Cage::Engine, Egress::Report).unwrap_err();
        assert!(matches!(refused, Error::Threads(2..)), "{refused}");
        assert!(fs::read("/proc/self/status").is_ok());
    }
}
