//! Exports of the audit log and their verification: by the executable, by the verifier in Python, and by the tools that
//! every machine has; anchors, rollbacks and the keys that sign.

mod anchors;
mod exports;
mod keys;
mod kills;
mod workbench;
