//! One file a resource: request and response shapes beside the handlers that take and give them.

pub(super) mod admin;
pub(super) mod appliance;
mod archive;
pub(super) mod audit;
pub(super) mod backups;
pub(super) mod chats;
pub(super) mod completions;
pub(super) mod embeddings;
pub(super) mod export;
pub(super) mod exports;
pub(super) mod health;
pub(super) mod holds;
pub(super) mod imports;
pub(super) mod keys;
pub(super) mod lock;
pub(super) mod me;
pub(super) mod messages;
pub(super) mod metrics;
pub(super) mod prompts;
pub(super) mod purges;
pub(super) mod search;
pub(super) mod session;
pub(super) mod sessions;
pub(super) mod slots;
pub(super) mod usage;
