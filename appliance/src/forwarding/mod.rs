//! The ways of records out of the appliance while it serves. The log itself is in the store; nothing here can hold up a
//! write or lose a record of it.

pub mod collector;
mod position;
mod sent;
mod standard_output;

pub use collector::Collector;
pub use position::Position;
pub use standard_output::StandardOutput;
