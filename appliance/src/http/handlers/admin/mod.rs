//! What admins do, one file a resource.

pub(in crate::http) mod directory;
pub(in crate::http) mod mappings;
pub(in crate::http) mod people;
pub(in crate::http) mod sessions;
