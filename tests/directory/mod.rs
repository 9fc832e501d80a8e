//! People of an LDAP directory. The processes are the real ones, in their cages; the directory is Debian's slapd, or a
//! scripted server where slapd is too well-behaved.

// Marked as tests, so that the rules for tests hold for their helpers as well.
#[cfg(test)]
mod accounts;
#[cfg(test)]
mod active_directory;
#[cfg(test)]
pub(crate) mod asking;
#[cfg(test)]
mod binds;
#[cfg(test)]
mod cards;
#[cfg(test)]
mod certificates;
#[cfg(test)]
mod filters;
#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod groups;
#[cfg(test)]
mod load;
#[cfg(test)]
mod people;
#[cfg(test)]
mod processes;
#[cfg(test)]
mod replies;
#[cfg(test)]
mod routes;
#[cfg(test)]
pub(crate) mod served;
#[cfg(test)]
mod servers;
#[cfg(test)]
mod serving;
#[cfg(test)]
mod sign_in;
#[cfg(test)]
mod start_tls;
