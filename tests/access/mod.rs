//! Who may do what: each test has an appliance of its own, with the real engine, whose clock stands at noon until the test
//! moves it.

mod administration;
mod advisories;
mod alerts;
mod appliance;
mod bounds;
mod ends;
mod flood;
mod holds;
mod keys;
mod leaving;
mod no_text;
mod purges;
mod quotas;
mod retention;
mod rights;
mod rotation;
mod space;
mod traces;
mod withheld;
mod workspaces;
