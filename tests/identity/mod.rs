//! Sign-in and sessions under a clock that the tests move: every limit is met without waiting for it.

mod appliance;
mod certificates;
mod codes;
mod directory;
mod enumeration;
mod lapses;
mod lockout;
mod locks;
mod mappings;
mod openldap;
mod people;
mod scripted;
mod sessions;
