//! The audit log beyond its records: the root that certifies its keys, the anchor beside the store, exports.

pub mod anchor;
pub mod export;
pub mod journal;
pub mod root;
pub mod signing;
