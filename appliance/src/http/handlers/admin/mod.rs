//! What admins do, one file a resource. Every change asks for a proof (`ProvenAdministrator`) and goes through the service that
//! the console uses, too.

pub(in crate::http) mod access;
pub(in crate::http) mod alerts;
pub(in crate::http) mod audit;
pub(in crate::http) mod directory;
pub(in crate::http) mod groups;
pub(in crate::http) mod mappings;
pub(in crate::http) mod models;
pub(in crate::http) mod people;
pub(in crate::http) mod retention;
pub(in crate::http) mod sessions;
pub(in crate::http) mod system;
pub(in crate::http) mod usage;
pub(in crate::http) mod workspaces;
