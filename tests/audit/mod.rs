//! Records on their way out of a served appliance.

mod collector;
mod receiver;
mod served;
mod standard_output;
