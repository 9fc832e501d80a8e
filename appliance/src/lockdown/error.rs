//! What keeps a process from being locked in.

use std::io;
use std::path::PathBuf;

use super::Report;

/// The process is not locked in as demanded and must end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot give up {what}")]
    Privilege { what: &'static str, source: io::Error },
    #[error("cannot open {path}, which the process needs")]
    Path { path: PathBuf, source: landlock::PathFdError },
    #[error("Landlock cannot be set up")]
    Files(#[from] landlock::RulesetError),
    #[error("the system call filter cannot be built")]
    Filter(#[from] seccompiler::BackendError),
    #[error(
        "this kernel cannot lock the process in as [egress] policy = \"strict\" demands: {0}; \
         give it what it lacks (user namespaces, Landlock, seccomp), or run the demo"
    )]
    Level(Box<Report>),
}
