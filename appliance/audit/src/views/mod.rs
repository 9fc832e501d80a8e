//! A record in three other forms for the programs that collect logs: OCSF, CEF and RFC 5424. `FORMAT.md`, "Views", says
//! what stands where.
//!
//! Each is one line without its newline, derived from the record alone, and has its number and its leaf: so an entry of a
//! collector leads back to the record, and whoever has the record can derive the entry.

mod cef;
mod ocsf;
mod plain;
mod rfc5424;

use data_encoding::HEXLOWER;

use crate::Record;

pub use cef::cef;
pub use ocsf::ocsf;
pub use rfc5424::{rfc5424, syslog_header};

/// What a collector calls this software and who makes it.
const PRODUCT: &str = "Redoubt";

fn leaf(record: &Record) -> String {
    HEXLOWER.encode(&record.leaf())
}

/// Since 1970-01-01T00:00:00Z, what is not whole cut off towards the past.
fn milliseconds(record: &Record) -> i64 {
    record.time_us().div_euclid(1_000)
}
