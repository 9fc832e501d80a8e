//! The processes that one executable runs as, and what joins them.
//!
//! ```text
//!                         LAN
//!                          │ inherited listener
//!   supervisor ──stdin──► front ◄──── the engine's stdin, passed on ────► engine
//!     │   settings, listener,  ▲                                            ▲
//!     │   engines, "stop"      │ "ready"                                    │
//!     └────────────────────────┴───────── settings, model ──────────────────┘
//! ```
//! The supervisor re-executes `/proc/self/exe` with a hidden verb. A child's stdin is one end of a
//! socketpair, over which it gets its settings and its open files (SCM_RIGHTS); everything else it might
//! have inherited it closes. It locks itself in and only then begins to work. The other end of the engine's
//! socketpair goes to the front, so the engine has one socket for its whole life. Both write what they have
//! to say on a pipe, which the supervisor copies to its own stderr.
//!
//! Where a directory is configured, two more run: `@directory`, whose socket goes to the front like an engine's, and
//! `@dialler`, whose socket goes to `@directory`. The dialler is the only one that can open a connection, and stays in
//! the host's network for it; the directory's process gets connected sockets. Where a collector of the records is configured,
//! it has a `@dialler` of its own, whose socket goes to the front.
//!
//! A child dies with its supervisor, and an engine with the front that it served. The supervisor replaces
//! whatever died.

use std::time::Duration;

mod aside;
mod backoff;
mod child;
mod dialler;
mod directory;
mod engine;
mod entry;
mod front;
mod manager;
pub(crate) mod message;
mod pair;
mod signals;
mod supervisor;

pub use aside::CollectorPlan;
pub use dialler::run_dialler;
pub use directory::run_directory;
pub use engine::run_engine;
pub use front::{Control, FrontParts, run_front};
pub use manager::Manager;
pub use pair::{DirectoryPair, DirectoryPlan};
pub(crate) use supervisor::BACKLOG;
pub use supervisor::{NotStarted, Pids, Plan, supervise};

/// Hidden verb of the front's process.
pub const FRONT_VERB: &str = "@front";
/// Hidden verb of the engine's process.
pub const ENGINE_VERB: &str = "@engine";
/// Hidden verb of the directory's process.
pub const DIRECTORY_VERB: &str = "@directory";
/// Hidden verb of the dialler's process.
pub const DIALLER_VERB: &str = "@dialler";

/// What every child is started from: the file that this process is, whatever lies at its path by now.
pub const EXECUTABLE: &str = "/proc/self/exe";
/// How long a child may take until it is locked in.
const CAGING_DEADLINE: Duration = Duration::from_secs(10);
