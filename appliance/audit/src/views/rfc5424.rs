//! The syslog protocol of RFC 5424: everything is in structured data, there is no message.

use std::fmt::{Display, Write};

use super::leaf;
use super::plain::Escapes;
use crate::canonical::write_data;
use crate::{Outcome, Record};

/// Log audit (RFC 5424 section 6.2.1).
const FACILITY: u8 = 13;
/// Section 6.2.4: the longest HOSTNAME. Section 6.2.7: the longest MSGID.
const MAX_HOSTNAME: usize = 255;
const MAX_MSGID: usize = 32;
/// Section 6.3.3.
const VALUE: Escapes = Escapes::of([b'"', b']']);

/// The header of a message about the record, up to MSGID, whatever follows it.
pub fn syslog_header(record: &Record) -> String {
    let fields = record.fields();
    let mut line = String::with_capacity(record.bytes().len() * 2);
    // Writing to a `String` does not fail.
    let _ = write!(line, "<{}>1 ", FACILITY * 8 + severity(fields.outcome));
    // The alphabet of events is ASCII.
    let event = fields.act.get(..MAX_MSGID).unwrap_or(&fields.act);
    line.extend([&fields.time, " ", install_id(&fields.origin), " redoubt - ", event]);
    line
}

/// The record as one line of RFC 5424.
pub fn rfc5424(record: &Record) -> String {
    let fields = record.fields();
    let mut line = syslog_header(record);
    line.push_str(" [redoubt@32473");
    let mut data = StructuredData { line };
    data.number("seq", fields.seq);
    data.text("leaf", Some(&leaf(record)));
    data.text("cat", Some(&fields.cat));
    data.text("outcome", Some(fields.outcome.as_str()));
    data.text("reason", fields.reason.as_deref());
    data.text("uid", fields.actor.uid.as_deref());
    data.text("name", fields.actor.name.as_deref());
    data.text("sess", fields.actor.sess.as_deref());
    if let Some(source) = &fields.src {
        data.text("ip", Some(&source.ip));
        data.number("port", source.port);
    }
    if let Some(object) = &fields.obj {
        data.text("type", Some(&object.kind));
        data.text("id", Some(&object.id));
        data.text("owner", object.owner.as_deref());
    }
    data.text("req", fields.req.as_deref());
    data.text("model", fields.model.as_ref().map(|model| model.id.as_str()));
    data.text("boot", Some(&fields.boot));
    data.text("sw", Some(&fields.sw));
    if !fields.d.is_empty() {
        let mut values = String::new();
        write_data(&mut values, &fields.d);
        data.text("d", Some(&values));
    }
    data.line.push(']');
    data.line
}

/// Section 6.2.1: informational, warning, error.
fn severity(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Ok => 6,
        Outcome::Deny => 4,
        Outcome::Error => 3,
    }
}

/// The appliance as a HOSTNAME: of printable ASCII, or absent.
fn install_id(origin: &str) -> &str {
    origin
        .split_once('/')
        .map(|(_, id)| id)
        .filter(|id| (1..=MAX_HOSTNAME).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic()))
        .unwrap_or("-")
}

struct StructuredData {
    line: String,
}

impl StructuredData {
    fn text(&mut self, name: &str, text: Option<&str>) {
        let Some(text) = text else { return };
        self.line.extend([" ", name, "=\""]);
        VALUE.push(&mut self.line, text);
        self.line.push('"');
    }

    fn number(&mut self, name: &str, number: impl Display) {
        // Writing to a `String` does not fail.
        let _ = write!(self.line, " {name}=\"{number}\"");
    }
}
