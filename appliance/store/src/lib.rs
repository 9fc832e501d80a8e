//! All SQL: the encrypted store with its keys, migrations and tables; one writer and several readers.
//!
//! Whoever uses it hands in closures that run inside a transaction and call the table modules. Nothing here
//! knows HTTP, the directory or a model.

pub mod alerts;
pub mod api_keys;
pub mod archives;
pub mod audit_checkpoints;
pub mod audit_epochs;
pub mod audit_log;
pub mod audit_tree;
mod backup;
pub mod chats;
mod data_key;
mod directory;
pub mod directory_groups;
pub mod directory_mappings;
mod error;
mod export;
pub mod grants;
pub mod groups;
pub mod holds;
mod inspection;
mod integrity;
pub mod keys;
mod ledger;
pub mod lockouts;
pub mod messages;
pub mod meta;
mod migrations;
mod on_durable;
mod open;
mod page;
pub mod permissions;
pub mod prompts;
pub mod purges;
mod queue;
mod quick_check;
mod readers;
pub mod recovery_codes;
mod reserve;
pub mod retention;
mod rights_digest;
mod sealing;
pub mod search;
pub mod session_certificates;
pub mod sessions;
mod snippet;
mod store;
mod text_enum;
pub mod totp;
mod tx;
pub mod usage;
pub mod users;
mod version;
mod words;
pub mod workspaces;
mod writer;

// Only named so that its build tells ours where the headers are: `build.rs` reads them.
use openssl_sys as _;

pub use backup::Copied;
pub use data_key::DataKey;
pub use directory::check_free;
pub use error::Error;
pub use inspection::Inspection;
pub use on_durable::OnDurable;
pub use page::Page;
pub use quick_check::Checked;
pub use reserve::ReserveState;
pub use store::{Options, Stats, Store};
pub use tx::{Reader, Tx};
pub use version::{NotAVersion, Version};

/// Hears of what became durable. Called by the thread that writes, after each commit: everybody's writes wait meanwhile.
pub trait Witness: std::fmt::Debug + Send + Sync {
    /// A new checkpoint.
    fn signed(&self, checkpoint: &audit_checkpoints::Signed);
}

/// Time, as an argument.
pub trait Clock: Send + Sync {
    /// Microseconds since 1970-01-01T00:00:00Z. May step.
    fn now_us(&self) -> i64;
    /// Microseconds since some fixed moment of this boot. Never goes back.
    fn mono_us(&self) -> u64;
}
