//! What is left after something died, filled up or was in the wrong place. Each test has a demo of its own.

pub(crate) mod canaries;
mod crowd;
mod disk;
mod engine;
mod kills;
mod starts;
mod survey;
mod unrecorded;
