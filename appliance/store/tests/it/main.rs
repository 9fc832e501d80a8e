//! The store from outside: what its callers rely on, and what must not be found on its disk.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod access;
mod auditing;
mod exporting;
mod faults;
mod files;
mod identity;
mod inspection;
mod integrity;
mod keys;
mod pace;
mod records;
mod retention;
mod sealing;
mod searching;
mod secrecy;
mod support;
mod talk;
mod writing;
