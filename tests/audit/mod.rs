//! The audit log of a served appliance: exports and their verification by the executable, by the verifier in Python and by
//! the tools that every machine has; rollbacks and the keys that sign; records on their way to standard output and to a
//! collector.

mod anchors;
mod collector;
mod exports;
mod keys;
mod kills;
mod receiver;
mod sealing;
pub(crate) mod served;
mod standard_output;
mod starts;
pub(crate) mod workbench;
