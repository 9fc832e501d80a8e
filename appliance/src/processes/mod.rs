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
//! A child dies with its supervisor, and an engine with the front that it served. The supervisor replaces
//! whatever died.

mod backoff;
mod child;
mod engine;
mod entry;
mod front;
mod message;
mod signals;
mod supervisor;

pub use engine::run_engine;
pub use front::{Control, FrontParts, run_front};
pub use supervisor::{NotStarted, Pids, Plan, supervise};

/// Hidden verb of the front's process.
pub const FRONT_VERB: &str = "@front";
/// Hidden verb of the engine's process.
pub const ENGINE_VERB: &str = "@engine";
