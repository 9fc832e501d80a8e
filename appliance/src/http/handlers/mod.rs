//! One file a resource: request and response shapes beside the handlers that take and give them.

pub(super) mod admin;
pub(super) mod appliance;
pub(super) mod audit;
pub(super) mod chats;
pub(super) mod completions;
pub(super) mod embeddings;
pub(super) mod export;
pub(super) mod health;
pub(super) mod lock;
pub(super) mod messages;
pub(super) mod search;
pub(super) mod session;
pub(super) mod sessions;
