//! The real executable's processes: what they are, what they may, and how they die.

mod appliance;
mod cage;
mod deaths;
mod executable;
mod ordinary_user;
